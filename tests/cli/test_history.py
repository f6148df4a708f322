"""One change at a time, written down, and undone: on the process runtime, with real servers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import WriteStack
from tests.conftest import Cli
from tfdeploy.errors import TfdeployError
from tfdeploy.journal import changing
from tfdeploy.journal.lock import myself, read_holder

STACK = """\
stack: s
runtime: process
services:
  one:
    models:
      half: {versions: {specific: [1, 2]}, labels: {stable: 1}}
"""
LATEST = "stack: s\nruntime: process\nservices: {one: {models: {half: {}}}}\n"
HOLD = """
import sys, time
from pathlib import Path
from tfdeploy.errors import TfdeployError
from tfdeploy.journal import changing
with changing(Path(sys.argv[1]), ("tfdeploy", "up", "s")):
    print("held", flush=True)
    sys.stdin.read()
"""


def serves(cli: Cli) -> list[int]:
    rows = cli("status", "s", "--json").document["models"]
    return sorted(row["version"] for row in rows if row["state"] == "AVAILABLE")


def entries(cli: Cli, *words: str) -> list[dict[str, Any]]:
    return cli("history", "s", "--json", *words).succeeded().document["entries"]


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the stack until its stdin is closed."""
    argv = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield other


def test_a_refusal_names_the_other_command_and_wait_waits_for_its_end(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    folder = stack(STACK).parent
    with held(folder) as other:
        refused = cli("up", "s")
        assert (refused.exit_code, "TFD415" in refused.stderr) == (5, True)
        assert f"`tfdeploy up s` of {myself(()).user}@{os.uname().nodename}" in refused.stderr
        assert f"(pid {other.pid})" in refused.stderr
        late = cli("up", "s", "--wait", "0.5")
        assert (late.exit_code, "TFD415" in late.stderr) == (5, True)
        assert cli("up", "s", "--wait", "soon").exit_code == 2
        waiting = subprocess.Popen(
            cli.argv("up", "s", "--wait"),
            cwd=cli.cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert waiting.stderr is not None
        assert waiting.stderr.readline().startswith("waiting for `tfdeploy up s` of ")
        assert other.stdin is not None
        other.stdin.close()
        _, err = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, err
    assert "waiting" not in err
    assert serves(cli) == [1, 2]


def test_two_ups_at_once(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(cli.argv("up", "s"), cwd=cli.cwd, **pipes) for _ in range(2)]
    said = [one.communicate(timeout=120)[1] for one in both]
    codes = sorted(one.returncode for one in both)
    # One after the other where the machine is slow to start them.
    assert codes in ([0, 5], [0, 0])
    if codes == [0, 5]:
        loser = said[0] if both[0].returncode else said[1]
        winner = both[1] if both[0].returncode else both[0]
        assert f"(pid {winner.pid})" in loser
        assert "TFD415" in loser
    assert [one["result"] for one in entries(cli)] == ["done"]
    assert serves(cli) == [1, 2]


def test_a_killed_holder_is_never_named(tmp_path: Path) -> None:
    with held(tmp_path) as other:
        known = read_holder(tmp_path)
        assert known is not None
        assert known.pid == other.pid
        note = tmp_path / ".run/holder.json"
        text = note.read_text()
        os.kill(other.pid, signal.SIGKILL)
        other.wait(timeout=60)
    assert note.exists()
    assert read_holder(tmp_path) is None
    with changing(tmp_path, ("tfdeploy", "up", "s")) as mine:
        assert mine.pid == os.getpid()
    assert not note.exists()
    # A later process has the number: its start tells it apart.
    note.write_text(json.dumps({**json.loads(text), "pid": os.getpid()}))
    assert read_holder(tmp_path) is None
    for broken in ("", "[]", "{}", '{"pid": "x"}'):
        note.write_text(broken)
        assert read_holder(tmp_path) is None


def test_what_a_killed_command_started_keeps_the_stack_until_it_is_done(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal, threading\nfrom pathlib import Path\n"
        "from tfdeploy import processes\nfrom tfdeploy.journal import changing\n"
        "with changing(Path(sys.argv[1])):\n"
        "    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()\n"
        "    processes.run_whole(['sh', '-c', 'sleep 3; touch \"$0\"', sys.argv[1] + '/done'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    said: list[str] = []
    with changing(tmp_path, report=said.append):
        assert (tmp_path / "done").exists()
    assert said == ["waiting for what a killed command had started and left at work"]


def test_a_folder_that_cannot_be_written_is_locked_all_the_same(tmp_path: Path) -> None:
    (tmp_path / ".run").write_text("no folder")
    nameless = pytest.raises(TfdeployError, match="who began it is gone or unknown")
    with changing(tmp_path), nameless, changing(tmp_path, unnamed_seconds=0.2):
        pass


def test_history_tells_what_was_changed_by_whom_and_why(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    assert cli("history", "s").succeeded().stdout == "nothing was changed yet\n"
    cli("up", "s").succeeded()
    cli("up", "s").succeeded()
    cli("add-model", "s", "half", "--versions", "2,3", "--label", "stable=3", "--up").succeeded()
    failing = cli("add-model", "s", "half", "--versions", "9", "--up")
    assert failing.exit_code != 0
    stack(
        STACK.replace("[1, 2]", "[2, 3]").replace("stable: 1", "stable: 3")
        + "    flags: {ssl_config_file: /nowhere}\n"
    )
    assert cli("up", "s").exit_code == 5
    cli("down", "s").succeeded()
    found = entries(cli)
    assert [one["command"][1] for one in found] == ["down", "up", "add-model", "up"]
    assert [one["result"] for one in found] == ["done", "failed", "done", "done"]
    move = found[2]
    steps = [step["step"] for step in move["plan"]["steps"]]
    assert steps == ["reload", "wait", "check", "reload", "wait"]
    assert move["causes"][0].startswith("what is new loads before")
    assert move["before"]["services"]["one"]["labels"] == {"half": {"stable": 1}}
    assert move["after"]["services"]["one"]["versions"] == {"half": [2, 3]}
    assert move["before"]["file"] == STACK
    assert found[1]["error"]["code"].startswith("TFD41")
    assert len(entries(cli, "--limit", "2")) == 2
    text = cli("history", "s").succeeded().stdout
    assert "one: half 1+2 stable=1 → 2+3 stable=3" in text
    assert "/nowhere" in text
    whole = cli("history", "s", "2").succeeded().stdout
    assert "+      half: {versions: {specific: [2, 3]}, labels: {stable: 3}}" in whole
    missing = cli("history", "s", "77")
    assert (missing.exit_code, "TFD424" in missing.stderr) == (2, True)


def test_undo_goes_back_change_by_change_and_redo_comes_forth(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    path = stack(STACK)
    cli("up", "s").succeeded()
    cli("add-model", "s", "half", "--versions", "2,3", "--label", "stable=3", "--up").succeeded()
    changed = path.read_text()
    dry = cli("undo", "s", "--dry-run").succeeded().stdout
    assert "-      half: {versions: {specific: [2, 3]}" in dry
    assert "reload one" in dry
    assert (path.read_text(), serves(cli)) == (changed, [2, 3])
    undone = cli("undo", "s", "--json").succeeded().document
    assert undone["undo_of"] == 2
    assert (path.read_text(), serves(cli)) == (STACK, [1, 2])
    assert "nothing ran before #1" in cli("undo", "s").succeeded().stdout
    assert serves(cli) == []
    nothing = cli("undo", "s")
    assert (nothing.exit_code, "TFD421" in nothing.stderr) == (2, True)
    cli("undo", "s", "--redo").succeeded()
    assert serves(cli) == [1, 2]
    cli("undo", "s", "--redo").succeeded()
    assert (path.read_text(), serves(cli)) == (changed, [2, 3])
    assert "TFD421" in cli("undo", "s", "--redo").stderr
    assert "(undone by" not in cli("history", "s").stdout
    cli("down", "s").succeeded()
    cli("undo", "s").succeeded()
    assert serves(cli) == [2, 3]


def test_undo_pins_what_served_where_the_disk_has_moved_on(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    path = stack(LATEST)
    shutil.move(half / "3", cli.cwd / "3")
    cli("up", "s").succeeded()
    assert serves(cli) == [2]
    cli("down", "s").succeeded()
    shutil.move(cli.cwd / "3", half / "3")
    ran = cli("undo", "s").succeeded()
    assert serves(cli) == [2]
    assert "specific: [2]" in path.read_text()
    assert "+services: {one: {models: {half: {versions: {specific: [2]}}}}}" in ran.stdout


def test_undo_needs_the_versions_on_disk(cli: Cli, stack: WriteStack, half: Path) -> None:
    path = stack(STACK)
    cli("up", "s").succeeded()
    cli("add-model", "s", "half", "--versions", "2,3", "--label", "stable=3", "--up").succeeded()
    changed = path.read_text()
    shutil.rmtree(half / "1")
    ran = cli("undo", "s")
    assert (ran.exit_code, "TFD422" in ran.stderr) == (2, True)
    assert "served version 1, no longer on disk" in ran.stderr
    assert (path.read_text(), serves(cli)) == (changed, [2, 3])
    assert len(entries(cli)) == 2


def test_an_edit_by_hand_is_not_lost_by_an_undo(cli: Cli, stack: WriteStack, half: Path) -> None:
    path = stack(STACK)
    cli("up", "s").succeeded()
    cli("add-model", "s", "half", "--versions", "2,3", "--label", "stable=3", "--up").succeeded()
    edited = path.read_text() + "# by hand\n"
    path.write_text(edited)
    refused = cli("undo", "s")
    assert (refused.exit_code, "TFD423" in refused.stderr) == (2, True)
    assert (path.read_text(), serves(cli)) == (edited, [2, 3])
    cli("undo", "s", "--yes").succeeded()
    assert (path.read_text(), serves(cli)) == (STACK, [1, 2])
    assert (path.parent / ".journal/000003-edited.yaml").read_text() == edited


def test_an_edit_of_the_file_alone_is_undone_without_touching_a_server(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    path = stack(STACK)
    cli("add-model", "s", "half", "--versions", "2,3", "--label", "stable=3").succeeded()
    assert path.read_text() != STACK
    assert "the stack file alone" in cli("history", "s").stdout
    cli("undo", "s").succeeded()
    assert path.read_text() == STACK
    assert serves(cli) == []


def test_a_damaged_entry_stops_no_command(cli: Cli, stack: WriteStack, half: Path) -> None:
    path = stack(STACK)
    cli("up", "s").succeeded()
    (path.parent / ".journal/000001.json").write_text('{"number": 1, "com')
    cli("add-model", "s", "half", "--versions", "2,3", "--label", "stable=3", "--up").succeeded()
    ran = cli("history", "s").succeeded()
    assert ran.stdout.startswith("#2  ")
    assert "#1 can't be read" in ran.stderr
    assert cli("history", "s", "--json").document["damaged"][0]["number"] == 1
    # What ran before #2 is known from #2 itself, but for its file.
    assert "TFD421" in cli("undo", "s").stderr
    cli("down", "s").succeeded()


def test_a_change_at_work_is_seen_as_such_and_a_killed_one_as_cut_short(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    other = subprocess.Popen(cli.argv("up", "s"), cwd=cli.cwd, **pipes)
    assert other.stdout is not None
    while "start one" not in other.stdout.readline() or not entries(cli):
        time.sleep(0.01)
    assert entries(cli)[0]["result"] in ("working", "done")
    other.kill()
    other.communicate()
    assert entries(cli)[0]["result"] in ("cut short", "done")
    cli("up", "s").succeeded()
    assert serves(cli) == [1, 2]
    assert entries(cli)[0]["result"] == "done"
