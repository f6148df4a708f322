"""A server's log in one sentence: why it failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdeploy.serverlog import why_failed

STAMP = "2026-01-02 03:04:05.678901: E external/x/loader_harness.cc:123] "
FAILED = STAMP + (
    "Loading servable: {name: m version: 3} failed: INVALID_ARGUMENT: Could not find meta graph"
)
CANT = STAMP + "Servable: {name: m version: 3} cannot be loaded: NOT_FOUND: no such file"
BASE = STAMP + "FileSystemStoragePathSource: Could not find base path /models/n for servable n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (FAILED, "m 3: INVALID_ARGUMENT: Could not find meta graph"),
        (CANT, "m 3: NOT_FOUND: no such file"),
        (
            "E0000 00:00:1 7 x.cc:9] Servable {name: a.b version: 12} cannot be loaded: X: y",
            "a.b 12: X: y",
        ),
        ("Failed to start server. Error: UNKNOWN: 1 model(s)", "UNKNOWN: 1 model(s)"),
        (BASE, "Could not find base path /models/n for servable n"),
        (
            "W x.cc:1] No versions of servable m found under base path /models/m. Did you forget",
            "No versions of servable m found under base path /models/m. Did you forget",
        ),
        (
            "Failed to start HTTP Server at localhost:8501",
            "Failed to start HTTP Server at localhost:8501",
        ),
        ("bind: Address already in use", "bind: Address already in use"),
        ("unknown argument: --enable_batchin=true", "unknown argument: --enable_batchin=true"),
        (
            "ModuleNotFoundError: No module named 'tensorflow'",
            "ModuleNotFoundError: No module named 'tensorflow'",
        ),
        ("a.b.SomeError", "a.b.SomeError"),
        (FAILED + "\\n\\t [[node x]]", "m 3: INVALID_ARGUMENT: Could not find meta graph"),
    ],
)
def test_the_decisive_line_is_the_reason(line: str, said: str) -> None:
    assert why_failed(["noise", line, "", "Done quiescing"]).why == said


def test_the_most_telling_line_wins_whatever_its_place() -> None:
    assert why_failed([CANT, FAILED, BASE]).why.startswith("m 3: NOT_FOUND")
    assert why_failed([BASE, FAILED]).why.startswith("m 3: INVALID_ARGUMENT")


def test_of_two_tries_the_last_counts() -> None:
    assert why_failed([FAILED, FAILED.replace("meta graph", "variables")]).why.endswith("variables")


@pytest.mark.parametrize("lines", [[], [""], ["Running gRPC ModelServer at 0.0.0.0:8500 ..."]])
def test_a_log_that_says_nothing_gives_nothing(lines: list[str]) -> None:
    assert why_failed(lines).why == ""


@given(st.lists(st.text()))
def test_any_log_is_read(lines: list[str]) -> None:
    assert isinstance(why_failed(lines).why, str)
