"""What servers that are gone left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tfdeploy.runtimes.left_logs import LeftLogs, read_left
from tfdeploy.serverlog import Ending
from tfdeploy.stack import StackFile
from tfdeploy.stack.file import parse_stack


@pytest.fixture
def file(tmp_path: Path) -> StackFile:
    text = "stack: s\nservices: {one: {models: {m: {}}}}\n"
    return parse_stack(text, tmp_path / "s" / "stack.yaml")


@pytest.mark.parametrize("ending", [None, Ending(132), Ending(137, out_of_memory=True), Ending(-9)])
def test_a_log_is_kept_with_how_the_server_ended(file: StackFile, ending: Ending | None) -> None:
    left = LeftLogs(file)
    left.keep("one", ["a", "b"], ending)
    path = left.failed("one")
    assert path is not None
    lines, read = read_left(path, 100)
    assert (lines[:2], read) == (["a", "b"], ending)
    assert read_left(path, 1)[0] == lines[-1:]
    left.forget_failed()
    assert left.failed("one") is None


def test_nothing_is_kept_of_a_server_that_wrote_nothing(file: StackFile) -> None:
    LeftLogs(file).keep("one", [], None)
    assert LeftLogs(file).last("one") is None


def test_the_newest_log_of_any_slot_counts(file: StackFile) -> None:
    left = LeftLogs(file)
    left.keep("one", ["failed"], None)
    failed = left.failed("one")
    assert failed is not None
    for age, name in ((2, "one_a.log"), (1, "one_b.log"), (0, "other.log")):
        path = failed.with_name(name)
        path.write_text("x")
        os.utime(path, (10**9 - age, 10**9 - age))
    assert left.last("one") == failed
    left.forget_failed()
    assert left.last("one") == failed.with_name("one_b.log")
