"""logs --explain: of a stack, of anybody's file, and what other commands say of the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import WriteStack
from tests.cli.test_process_stack import spoil
from tests.conftest import Cli

LOGS = Path(__file__).parents[1] / "serverlog"
STACK = "stack: s\nruntime: process\nservices: {one: {models: {half: {}}}}\n"


@pytest.mark.parametrize("from_stdin", [False, True])
def test_anybodys_log_is_explained(cli: Cli, from_stdin: bool) -> None:
    path = LOGS / "problems" / "no_number.log"
    name, stdin = ("-", path.read_text()) if from_stdin else (str(path), None)
    ran = cli("logs", "--explain", "--file", name, stdin=stdin).succeeded()
    first, line, came, fix, *rest = ran.stdout.splitlines()
    assert first.startswith(f"{name}: TFD113: digits: The folder /models/digits has no version")
    assert "No versions of servable digits" in line
    assert came == "  came: 3 times, from 2026-01-02 03:04:02 to 2026-01-02 03:04:04"
    assert fix.startswith("  fix:  let the base path be")
    assert rest == []
    assert "tfdeploy explain TFD113" in ran.stderr


def test_a_healthy_log_has_no_known_problem_and_says_what_is_harmless(cli: Cli) -> None:
    path = LOGS / "healthy" / "gpu_start.log"
    ran = cli("logs", "--explain", "--file", str(path)).succeeded()
    assert ran.stdout.startswith(f"{path}: no known problem in 26 lines\n")
    assert "harmless (once): TensorRT isn't there" in ran.stdout
    assert ran.stderr == ""


def test_nothing_known_and_nothing_at_all_are_told_apart(cli: Cli) -> None:
    read = ("logs", "--explain", "--file", "-")
    assert cli(*read, stdin="hello\n").stdout == "-: no known problem in 1 line\n"
    assert cli(*read, stdin="").stdout == "-: the log is empty\n"
    assert cli(*read, stdin="\x00\ufffd\n" * 9).exit_code == 0


def test_one_document_says_the_same(cli: Cli) -> None:
    path = LOGS / "problems" / "half_copied.log"
    (log,) = cli("logs", "--explain", "--file", str(path), "--json").succeeded().document["logs"]
    assert (log["file"], log["lines"], log["problems"]) == (str(path), 16, 1)
    found = log["findings"][0]
    assert (found["code"], found["about"], found["count"]) == ("TFD111", ["digits 1"], 5)
    assert found["first"] == {"line": 12, "time": "2026-01-02 03:04:04"}
    assert found["last"] == {"line": 16, "time": "2026-01-02 03:04:04"}
    harmless = [one for one in log["findings"] if one["harmless"]]
    assert all(one["code"] is None and one["fix"] is None for one in harmless)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "TFD216"),
        (("--explain",), "TFD216"),
        (("s", "--explain", "--file", "x"), "TFD216"),
        (("--file", "x"), "TFD216"),
        (("s", "--json"), "TFD216"),
        (("s", "--explain", "--follow"), "TFD216"),
        (("--explain", "--file", "nothing.log"), "TFD505"),
        (("--explain", "--file", "."), "TFD505"),
        (("s", "--explain"), "TFD408"),
        (("s", "two", "--explain"), "TFD208"),
    ],
)
def test_what_doesnt_go_together_is_refused(
    cli: Cli, stack: WriteStack, words: tuple[str, ...], code: str
) -> None:
    stack(STACK)
    ran = cli("logs", *words)
    assert f"[{code}]" in ran.stderr
    assert ran.exit_code in (2, 4)


def test_a_version_that_fails_is_told_by_up_and_by_its_log(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    spoil(half / "3")
    up = cli("up", "s", "--json")
    assert up.exit_code == 5
    (error,) = up.document["errors"]
    assert error["code"] == "TFD410"
    assert "half 3" in error["error"]
    assert "A file of its variables is damaged." in error["error"]
    assert "(`tfdeploy explain TFD111`)" in error["hint"]
    # Everything is taken back, and the log is there all the same.
    explained = cli("logs", "s", "--explain").succeeded().stdout
    assert explained.startswith("one: TFD111: half 3: A file of its variables is damaged.\n")
    (log,) = cli("logs", "s", "one", "--explain", "--json").succeeded().document["logs"]
    assert log["service"] == "one"
    assert [one["code"] for one in log["findings"] if not one["harmless"]] == ["TFD111"]


def test_a_healthy_service_has_no_known_problem(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    assert cli("logs", "s", "--explain").succeeded().stdout.startswith("one: no known problem in ")
