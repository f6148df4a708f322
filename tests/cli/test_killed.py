"""kill -9 at every point of a command: the next command brings the wanted state."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.conftest import WriteStack
from tests.conftest import Ran
from tfdeploy.cli.main import run
from tfdeploy.journal import read_journal

pytestmark = pytest.mark.timeout(1500)

HERE = Path(__file__).parent
ONE = """\
stack: s
runtime: process
services:
  one:
    models:
      half: {versions: {specific: [1, 2]}, labels: {stable: 1}}
"""
MOVED = ONE.replace("[1, 2]", "[2, 3]").replace("stable: 1", "stable: 3")
# What changes in each service takes another step: nothing, a reload, a new server, a stop.
THREE = ONE + "".join(f"  {name}:\n    models: {{half: {{}}}}\n" for name in ("two", "three"))
CHANGED = MOVED + (
    "  two:\n    models: {half: {}}\n    flags: {tensorflow_intra_op_parallelism: 1}\n"
)


# The label moves only after the version has answered.
CHECKED = ONE.replace("[1, 2]", "[1]").replace(
    "stable: 1}", "stable: 1}, checks: [{request: [2.0], expected: [4.0], tolerance: 3}]"
)


@dataclass(frozen=True)
class Inside:
    """The command line in this very process, which spares it a start for each command."""

    cwd: Path

    def __call__(self, *words: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(list(words))
        return Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path)


@dataclass(frozen=True)
class Case:
    """A command that is killed, over and over, at each of its points.

    Args:
        name: of the test.
        kind: ``step`` or ``effect``.
        start: the stack that is up before; empty for none.
        file: the stack file that the command meets.
        words: the command.
        then: the next one; the same where it is left out.
        wanted: label or empty → the answer to 2.0 in the end; None where the stack is down.
        services: how many servers run in the end.
    """

    name: str
    kind: str
    start: str
    file: str
    words: tuple[str, ...]
    then: tuple[str, ...] = ("up", "s")
    wanted: float | None = 4.0
    services: int = 1


UP = ("up", "s")
CASES = [
    Case("the first up", "step", "", ONE, UP, wanted=2.0),
    Case("the first up, each effect", "effect", "", ONE, UP, wanted=2.0),
    Case("up with reload, recreate and stop", "step", THREE, CHANGED, UP, services=2),
    Case("up with a reload, each effect", "effect", ONE, MOVED, UP),
    Case(
        "a label that moves",
        "effect",
        ONE.replace("[1, 2]", "[1, 3]"),
        ONE.replace("[1, 2]", "[1, 3]"),
        ("add-model", "s", "half", "--label", "stable=3", "--up"),
        then=("add-model", "s", "half", "--label", "stable=3", "--up"),
    ),
    Case("promote", "step", CHECKED, CHECKED, ("promote", "s", "half", "3")),
    Case("down", "effect", ONE, ONE, ("down", "s"), ("down", "s"), None, 0),
    Case("undo", "step", ONE, MOVED, ("undo", "s"), ("up", "s"), wanted=2.0),
]


def killed(cli: Inside, kind: str, point: float, words: tuple[str, ...]) -> bool:
    """Run a command that kills itself at a point; False where it has no such point."""
    argv = [sys.executable, str(HERE / "killed.py"), kind, f"{point:g}", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        argv, cwd=cli.cwd, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode in (0, -signal.SIGKILL), f"{done.stdout}\n{done.stderr}"
    return done.returncode != 0


def points(kind: str) -> Iterator[float]:
    """The points of a kind, in order; the first is before anything.

    Each step of a plan, and one effect in three; with KILLS=all in the middle of steps as well, and
    each effect, which takes three times as long.
    """
    every = os.environ.get("KILLS") == "all"
    step = (0.5 if every else 1.0) if kind == "step" else (1.0 if every else 3.0)
    number = 1.0
    while True:
        yield number
        number += step


def servers(cli: Inside) -> list[int]:
    """All server processes of the stack, those too that nothing knows of."""
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get("TFDEPLOY_RECORD", "")
            if mark.startswith(str(cli.cwd)) and os.getsid(process.pid) == process.pid:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def predict(cli: Inside, model: str) -> Any:
    """What service `one` answers to 2.0."""
    record = json.loads((cli.cwd / "stacks/s/.run/one.pid.json").read_text())
    url = f"http://127.0.0.1:{record['rest_port']}/v1/models/{model}:predict"
    with urllib.request.urlopen(url, data=b'{"instances": [2.0]}', timeout=30) as reply:
        return json.load(reply)["predictions"]


def check_whole(cli: Inside) -> None:
    """Before anything is mended: every file is as it was or as it is to be."""
    folder = cli.cwd / "stacks/s"
    for path in [*folder.rglob("*.json"), *folder.rglob("stack.yaml")]:
        if not path.name.startswith("."):
            assert path.read_text().strip(), path
    for path in folder.rglob("[!.]*.json"):
        json.loads(path.read_text())
    assert read_journal(folder).damaged == ()
    cli("history", "s").succeeded()


def check_done(cli: Inside, case: Case) -> None:
    """The wanted state, and nothing left of what was cut short."""
    folder = cli.cwd / "stacks/s"
    assert len(servers(cli)) == case.services
    if case.wanted is None:
        assert not (folder / ".run/runtime.json").exists()
    else:
        assert predict(cli, "half/labels/stable") == [case.wanted]
        assert cli("plan", "s").succeeded().stdout.strip().endswith("up to date")
    journal = read_journal(folder)
    assert journal.damaged == ()
    assert journal.unfinished == []
    assert {entry.result for entry in journal.entries} <= {"done", "cut short"}
    half = [p for p in folder.rglob(".*") if p.is_file()]
    assert half == [], half


def up(cli: Inside, stack: WriteStack, text: str) -> Ran | None:
    """The stack as a case begins."""
    if not text:
        return cli("down", "s").succeeded()
    stack(text)
    return cli("up", "s").succeeded()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_the_next_command_finishes(
    case: Case, inside: Inside, stack: WriteStack, half: Path
) -> None:
    cli = inside
    seen = 0
    stack(ONE)
    for point in points(case.kind):
        up(cli, stack, case.start)
        if case.words[0] == "undo":
            up(cli, stack, case.file)
        stack(case.file)
        if not killed(cli, case.kind, point, case.words):
            break
        seen += 1
        check_whole(cli)
        cli(*case.then).succeeded()
        if case.words[0] == "undo" and case.file != case.start:
            finish_undo(cli)
        check_done(cli, case)
    assert seen > 1


def finish_undo(cli: Inside) -> None:
    """An undo that was killed before it had begun is asked for again."""
    newest: Any = read_journal(cli.cwd / "stacks/s").newest_first[0]
    if newest.finishes is None:
        cli("undo", "s").succeeded()


def test_a_model_that_was_half_copied_is_cleaned_away(
    inside: Inside, stack: WriteStack, half: Path, half_versions: Path
) -> None:
    cli = inside
    path = stack(ONE)
    cli("up", "s").succeeded()
    words = ("add-model", "s", "again", str(half_versions), "--up")
    seen = 0
    for point in points("effect"):
        if not killed(cli, "effect", point, words):
            break
        seen += 1
        check_whole(cli)
        cli("up", "s").succeeded()
        base_path = cli.cwd / "models/again"
        left = list(base_path.iterdir()) if base_path.is_dir() else []
        assert [one for one in left if not one.name.isdigit()] == []
        for version in left:
            files = {p.relative_to(version): p.read_bytes() for p in version.rglob("*.*")}
            source = half_versions / version.name
            assert files == {p.relative_to(source): p.read_bytes() for p in source.rglob("*.*")}
        cli(*words).succeeded()
        assert predict(cli, "again") == [4.0]
        path.write_text(ONE)
        cli("up", "s").succeeded()
        shutil.rmtree(base_path)
    assert seen > 10


@pytest.mark.parametrize("advice", ["up", "undo", "down"])
@pytest.mark.parametrize("point", [1, 2])
def test_what_doctor_says_of_a_first_up_that_was_killed_is_cleared(
    advice: str, point: int, inside: Inside, stack: WriteStack, half: Path
) -> None:
    stack(ONE)
    assert killed(inside, "step", point, UP)
    assert "TFD473" in inside("doctor", "s", "--json").stdout
    inside(advice, "s").succeeded()
    assert "TFD473" not in inside("doctor", "s", "--json").stdout
    assert read_journal(inside.cwd / "stacks/s").unfinished == []
    assert len(servers(inside)) == (1 if advice == "up" else 0)
