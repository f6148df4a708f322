"""Every change of a running stack, made under load on the process runtime, loses no request.

`benchmarks/changes.py` makes them, with the real command line; the client that asks, judges and
counts is a process of its own. The table of changes is `benchmarks/changing/table.py`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_SECONDS = 560


def run_table(file: Path, *words: str) -> dict[str, Any]:
    """What `benchmarks/changes.py load` wrote; it is killed with all that it started on time."""
    argv = [sys.executable, str(ROOT / "benchmarks" / "changes.py"), "load", "--settle=1"]
    process = subprocess.Popen(
        [*argv, f"--json={file}", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=_SECONDS)
    finally:
        if process.poll() is None:
            # So that it takes its stack down.
            os.killpg(process.pid, signal.SIGINT)
            process.communicate()
    assert file.exists(), printed
    figures: dict[str, Any] = json.loads(file.read_text())
    assert figures["load"]["faults"] == [], printed
    assert process.returncode == 0, printed
    return figures["load"]


def judge(load: dict[str, Any]) -> None:
    """Nothing was lost in any row, and in each row every kind of request was answered."""
    assert load["rate"] >= 100
    for row in load["rows"]:
        for when in () if row["has_gap"] else ("during", "after"):
            tally = row[when]
            assert (tally["failed"], tally["wrong"]) == (0, 0), (row["name"], tally["failures"])
        kinds = [row[when]["kinds"] for when in ("during", "after")]
        answered = {kind for one in kinds for kind, counts in one.items() if counts.get("right")}
        assert answered == {"rest kept", "rest fresh", "grpc"}, row["name"]


@pytest.mark.timeout(_SECONDS + 20)
def test_no_request_is_lost_while_a_stack_changes(tmp_path: Path) -> None:
    load = run_table(tmp_path / "changes.json", "--runtime=process")
    assert len(load["rows"]) >= 10
    judge(load)
