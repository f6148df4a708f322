"""`--grpc_channel_arguments` becomes gRPC options."""

import pytest

from tfdeploy.server.grpc_server import parse_channel_arguments
from tfdeploy.server.status import ServingError

pytestmark = pytest.mark.timeout(10)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", []),
        ("a=1,b=x", [("a", 1), ("b", "x")]),
        ("a= -5 ", [("a", -5)]),
        ("a=9999999999", [("a", "9999999999")]),
        ("a=", [("a", "")]),
        ("a=b=c", [("a", "b")]),
    ],
)
def test_options(text: str, options: list[tuple[str, int | str]]) -> None:
    assert parse_channel_arguments(text) == options


def test_entry_without_a_value() -> None:
    with pytest.raises(ServingError, match="'b' is not key=value"):
        parse_channel_arguments("a=1,b")
