"""kill -9 before, in and after every step of an `up` on Compose: the next one finishes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tfdeploy.journal import read_journal

pytestmark = pytest.mark.timeout(1800)

KILLED = Path(__file__).parents[1] / "cli" / "killed.py"
BEFORE = {
    "moved": {"models": {"half": {"versions": {"specific": [1]}, "labels": {"stable": 1}}}},
    "flagged": {"models": {"half": {}}},
    "gone": {"models": {"half": {}}},
}
AFTER = {
    "moved": {"models": {"half": {"versions": {"specific": [2]}, "labels": {"stable": 2}}}},
    "flagged": {"models": {"half": {}}, "flags": {"file_system_poll_wait_seconds": 2}},
}


def killed(box: Any, kind: str, point: float) -> bool:
    """Run `up` until it kills itself at a point; False where it has no such point."""
    argv = [sys.executable, str(KILLED), kind, f"{point:g}", "up", "one"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        argv, cwd=box.root, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stdout + done.stderr
    return done.returncode != 0


def check(box: Any) -> None:
    assert sorted(box.containers()) == ["flagged", "moved"]
    assert box.ask("half/labels/stable", 2.0, "moved") == 3.0
    assert "--file_system_poll_wait_seconds=2" in box.inspect("flagged")["Args"]
    assert "up to date" in box.ok("plan")
    journal = read_journal(box.folder)
    assert (journal.damaged, journal.unfinished) == ((), [])
    assert journal.newest_first[0].result == "done"
    assert [p for p in box.folder.rglob(".*") if p.is_file()] == []


@pytest.mark.parametrize("kind", ["step", "during"])
def test_the_next_up_finishes(box: Any, kind: str) -> None:
    box.give("half", 2)
    point, seen = 1.0, 0
    while True:
        box.write(BEFORE)
        box.ok("up")
        box.write(AFTER)
        if not killed(box, kind, point):
            break
        seen += 1
        # What Compose is at work on comes to its end first; no --wait is needed.
        box.ok("up")
        check(box)
        point += 0.5 if kind == "step" else 1.0
    assert seen >= 2
    check(box)
