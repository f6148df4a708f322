"""logs --explain: of a stack, of anybody's file, and what other commands say of the same."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import WriteStack
from tests.cli.test_process_stack import record, spoil
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
        (("--explain", "--file", "x", "--runtime", "process"), "TFD216"),
        (("--explain", "--file", "x", "--tail", "-1"), "TFD216"),
        (("s", "--tail", "-1"), "TFD216"),
        (("s", "--explain", "--tail", "0"), "TFD216"),
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
    assert "STACK" not in error["hint"]
    # Everything is taken back, and the log is there all the same.
    told = cli("logs", "s", "--explain").succeeded()
    assert "service 'one' isn't up; its last server wrote this" in told.stderr
    explained = told.stdout
    assert explained.startswith("one: TFD111: half 3: A file of its variables is damaged.\n")
    (log,) = cli("logs", "s", "one", "--explain", "--json").succeeded().document["logs"]
    assert log["service"] == "one"
    assert [one["code"] for one in log["findings"] if not one["harmless"]] == ["TFD111"]


def test_a_healthy_service_has_no_known_problem(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    assert cli("logs", "s", "--explain").succeeded().stdout.startswith("one: no known problem in ")


def test_a_failed_start_is_found_without_the_runtime_that_it_was_tried_on(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK.replace("runtime: process\n", ""))
    spoil(half / "3")
    assert cli("up", "s", "--runtime", "process").exit_code == 5
    assert cli("logs", "s", "--explain").succeeded().stdout.startswith("one: TFD111: half 3:")
    assert "Failed to start server" in cli("logs", "s", "one").succeeded().stdout


def test_a_failed_change_of_what_runs_leaves_its_log_until_one_succeeds(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    flags = "one: {models: {half: {}}, flags: {tensorflow_session_parallelism: 2}}"
    spoil(half / "3")
    stack(STACK.replace("one: {models: {half: {}}}", flags))
    failed = cli("up", "s")
    assert failed.exit_code == 5, failed.stderr
    left = cli.cwd / "stacks/s/.run/logs/one.failed.log"
    assert f"tfdeploy logs --explain --file {left}" in cli("logs", "s").stderr
    assert "half 3: A file" in cli("logs", "--explain", "--file", str(left)).succeeded().stdout
    stack(
        STACK.replace("one: {models: {half: {}}}", flags.replace("{}", "{versions: {latest: 3}}"))
    )
    shutil.rmtree(half / "3")
    cli("up", "s").succeeded()
    assert not left.exists()


def test_a_service_that_runs_under_its_old_name_has_a_log(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    stack(STACK.replace("one:", "two:"))
    assert "one | " in cli("logs", "s").succeeded().stdout
    assert "Running gRPC" in cli("logs", "s", "one").succeeded().stdout
    assert "no known problem" in cli("logs", "s", "one", "--explain").succeeded().stdout


def test_an_old_line_is_no_reason_for_a_kill(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    spoil(Path(shutil.copytree(half / "3", half / "4")))
    cli("wait", "s", "--for", "half=4", "--timeout", "60")
    os.kill(record(cli)["pid"], signal.SIGKILL)
    assert "half 4" in cli("logs", "s", "--explain").succeeded().stdout
    told = cli("status", "s").stdout
    assert "no reason in its log" in told
    assert "half 4:" not in told


def test_what_a_terminal_would_obey_is_shown_and_not_done(cli: Cli) -> None:
    line = (
        "\x1b[31m2026-01-02 03:04:05.6: W x.cc:1]\x1b[0m unknown argument: --a\x1b]0;t\x07=\u202e\n"
    )
    told = cli("logs", "--explain", "--file", "-", stdin=line).succeeded().stdout
    assert "--a\\x1b]0;t\\x07=\\u202e" in told
    assert "came: once, 2026-01-02 03:04:05" in told
    assert "\x1b" not in told


def test_what_thousands_of_models_say_is_counted(cli: Cli) -> None:
    lines = [
        f"W x.cc:1] No versions of servable m{n} found under base path /models/m{n}. Did you "
        "forget to name your leaf directory as a number (eg. '/1/')?\n"
        for n in range(1025)
    ]
    told = cli("logs", "--explain", "--file", "-", stdin="".join(lines)).succeeded().stdout
    assert len(told.splitlines()) == 20 * 4 + 1
    assert "-: TFD113: and 1,005 more like it; --json has all of them" in told


def test_the_end_of_a_file_keeps_the_numbers_of_its_lines(cli: Cli) -> None:
    path = LOGS / "problems" / "half_copied.log"
    words = ("logs", "--explain", "--file", str(path), "--json", "--tail", "2")
    (log,) = cli(*words).succeeded().document["logs"]
    assert log["lines"] == 2
    assert (log["findings"][0]["count"], log["findings"][0]["first"]["line"]) == (2, 15)
