"""What the measuring process says, and what becomes of it."""

from __future__ import annotations

import json

import pytest

from tfdeploy.gpu.profiling import Measured, context_bytes, parse_batches, read_event


def heard(*said: dict[str, object] | str) -> Measured:
    measured = Measured()
    for one in said:
        measured.hear(one if isinstance(one, str) else json.dumps(one))
    return measured


LOADED = {"event": "loaded", "weights_bytes": 100}
RAN = {"event": "ran", "rows": 8, "activation_bytes": 40}
ONE = {"event": "ran", "rows": 1, "activation_bytes": 7}
REFUSED = {"event": "refused", "rows": 32, "why": "out of memory"}
DONE = {"event": "done"}


def test_a_profile_is_what_was_said_among_other_lines() -> None:
    measured = heard({"event": "started", "pid": 41}, "W noise", LOADED, "{}", RAN, ONE, DONE)
    assert (measured.why_not, measured.pid) == ("", 41)
    profile = measured.profile(3, "T4")
    assert (profile.weights_bytes, profile.version, profile.device) == (100, 3, "T4")
    assert list(profile.activation_bytes.items()) == [(1, 7), (8, 40)]


def test_batches_that_were_refused_are_kept_beside() -> None:
    measured = heard(LOADED, RAN, REFUSED, DONE)
    assert (measured.why_not, measured.refused) == ("", {32: "out of memory"})


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([{"event": "failed", "why": "TensorFlow sees no GPU"}], "TensorFlow sees no GPU"),
        ([LOADED, RAN, "Killed"], "the process ended early: Killed"),
        ([], "the process ended early: it said nothing"),
        ([LOADED, REFUSED, DONE], "32 rows: out of memory"),
    ],
)
def test_without_a_profile_there_is_a_reason(said: list[dict[str, object] | str], why: str) -> None:
    assert heard(*said).why_not == why


@pytest.mark.parametrize("line", ["", "x", "{", "[]", "{}", '{"a": 1}', '"event"'])
def test_lines_of_others_are_no_events(line: str) -> None:
    assert read_event(line) is None


def test_a_context_is_what_a_process_has_besides_its_pool() -> None:
    assert context_bytes(1500, 1000) == 500
    assert context_bytes(0, 1000) is None


def test_batches_are_numbers_above_zero() -> None:
    assert parse_batches("8,1,8") == [1, 8]
    for text in ("", "0", "1,x", "-1"):
        with pytest.raises(ValueError):
            parse_batches(text)
