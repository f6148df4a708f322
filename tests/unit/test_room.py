"""A new server beside the old one needs memory for both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfdeploy.plan import ObservedService, ObservedStack
from tfdeploy.render import Templates, render_stack
from tfdeploy.runtimes.room import check_room
from tfdeploy.stack import parse_stack

TEXT = "stack: s\ngateway: {}\nservices: {a: {models: {m: {}}}}\n"
RECREATE = TEXT.replace("{models", "{strategy: recreate, models")


@pytest.mark.parametrize(
    ("text", "server_hash", "free", "codes"),
    [
        (TEXT, "old", 99, ["TFD443"]),
        (TEXT, "old", 100, []),
        (TEXT, "", 99, ["TFD443"]),
        (RECREATE, "old", 99, []),
    ],
)
def test_what_does_not_fit_is_refused(
    text: str, server_hash: str, free: int, codes: list[str]
) -> None:
    file = parse_stack(text, Path("/somewhere/stacks/s/stack.yaml"))
    rendered = render_stack(file, templates=Templates())
    now = ObservedStack({}, {"a": ObservedService("a", "running", server_hash)})
    errors = check_room(file, rendered, now, lambda _: 100, free)
    assert [error.code for error in errors] == codes
    assert all("strategy: recreate" in error.hint for error in errors)
