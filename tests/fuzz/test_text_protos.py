"""Config files: any text gives a message or a ServingError, and what is written reads back."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.profile import bounded
from tests.fuzz.proto_strategies import messages
from tests.fuzz.text_target import KINDS, check_round_trip, check_text
from tfdeploy import wire
from tfdeploy.server.config_files import load_text_proto
from tfdeploy.server.status import ServingError

pytestmark = pytest.mark.timeout(120)

_WORDS = sorted({field.name for kind in KINDS for field in kind.DESCRIPTOR.fields})
_TOKENS = (
    *_WORDS,
    *("config", "name", "base_path", "key", "value", "latest", "all", "specific", "versions"),
    *("{", "}", "<", ">", "[", "]", ":", ",", ";", "#", "\n", "'", '"', "\\", "/", "-"),
    *('"m"', '"/m"', "'\\xff'", '"\\ud800"', "1", "-1", "0x1F", "1e999", "true", "tensorflow"),
    *("99999999999999999999", "TENSORFLOW", "[a.b/c.D]", '"type.googleapis.com/x"', "\u2028"),
)
SOUP = st.lists(st.sampled_from(_TOKENS), max_size=16).map(" ".join)


@bounded(500)
@given(SOUP | st.text(max_size=30), st.sampled_from(KINDS))
def test_any_text_is_a_message_or_refused(text: str, cls: Any) -> None:
    check_text(cls, text)


@bounded(250)
@given(st.sampled_from(KINDS).flatmap(messages))
def test_what_is_written_reads_back(message: Any) -> None:
    check_round_trip(message)


@bounded(150)
@given(st.binary(max_size=30) | SOUP.map(str.encode), st.sampled_from(KINDS))
def test_any_file_is_a_message_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cls: Any
) -> None:
    file = Path(tmp_path_factory.getbasetemp(), "fuzzed.config")
    file.write_bytes(data)
    try:
        assert isinstance(load_text_proto(str(file), cls, "tensorflow.X"), cls)
    except ServingError as error:
        assert str(file) in error.message


@pytest.mark.parametrize(
    "text",
    [
        "model_config_list { config { model_type: 99999999999999 } }",
        "model_config_list { config { model_version_policy " + "{ latest " * 5_000,
        "custom_model_config { [type.googleapis.com/x.y] { a: 1 } }",
        'model_config_list { config { name: "\\ud800" } }',
        "model_config_list { config { version_labels { value: 9223372036854775808 } } }",
    ],
)
def test_what_protobuf_itself_trips_over_is_a_parse_error(text: str) -> None:
    with pytest.raises(text_format.ParseError):
        wire.parse_text(wire.ModelServerConfig, text)


def test_endless_nesting_of_unknown_fields_is_a_parse_error() -> None:
    with pytest.raises(text_format.ParseError):
        wire.parse_text(wire.ModelServerConfig, "a { " * 100_000, allow_unknown=True)
