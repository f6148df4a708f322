"""Makes the changes of a table while a client asks, and gathers what it counted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from changing.box import Box, environment
from changing.table import Change

HERE = Path(__file__).resolve().parents[1]
# A question that is asked no more may still be under way.
_UNDER_WAY_SECONDS = 0.5
OUTCOMES = ("right", "wrong", "failed", "unsent")


class Client:
    """The client process; ends with the block."""

    def __init__(self, rest_port: int, grpc_port: int, rate: float) -> None:
        argv = [sys.executable, "-m", "changing.client", str(rest_port), str(grpc_port), str(rate)]
        self._process = subprocess.Popen(
            argv,
            cwd=HERE,
            # gRPC tells of each connection that a server closes; the tally does, too.
            env={**environment(), "GRPC_VERBOSITY": "NONE"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def allow(self, allowed: dict[str, list[int]]) -> dict[str, Any]:
        """Ask this from now on; the tally of the time before.

        Raises:
            RuntimeError: the client ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"allow": allowed}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the client ended with {self._process.wait()}")
        tally: dict[str, Any] = json.loads(line)
        return tally


def run_changes(
    box: Box,
    client: Client,
    rows: Iterable[Change],
    first: dict[str, int],
    settle_seconds: float,
    tell: Callable[[dict[str, Any]], None],
) -> list[dict[str, Any]]:
    """Make one change after another, each followed by a while of nothing.

    Returns:
        For each row: `name`, `exit_code`, `wanted_exit_code`, `has_gap`, `command_seconds`, what
        the command `said`, and the tallies `during` it and `after` it.
    """
    serving = dict(first)
    client.allow({question: [version] for question, version in serving.items()})
    time.sleep(settle_seconds)
    results = []
    for row in rows:
        result = _run_change(box, client, row, serving, settle_seconds)
        results.append(result)
        tell(result)
    return results


def _run_change(
    box: Box, client: Client, row: Change, serving: dict[str, int], settle_seconds: float
) -> dict[str, Any]:
    for question in row.gone:
        del serving[question]
    allowed = {
        question: sorted({version, row.then.get(question, version)})
        for question, version in serving.items()
    }
    client.allow(allowed)
    if row.gone:
        time.sleep(_UNDER_WAY_SECONDS)
    if row.first is not None:
        row.first(box)
    began = time.monotonic()
    ran = box.run_and_kill(row.argv, row.kill_at) if row.kill_at else box.run(*row.argv)
    seconds = time.monotonic() - began
    serving.update(row.then if ran.exit_code == 0 else {})
    now = {question: [version] for question, version in serving.items()}
    if row.kill_at:
        now = allowed
    during = client.allow(now)
    time.sleep(settle_seconds)
    return {
        "name": row.name,
        "command": "tfdeploy " + " ".join(row.argv),
        "exit_code": ran.exit_code,
        "wanted_exit_code": row.exit_code,
        "has_gap": row.has_gap,
        "command_seconds": round(seconds, 2),
        "said": ran.stdout + ran.stderr,
        "during": during,
        "after": client.allow(now),
    }


def counted(result: dict[str, Any], outcome: str) -> int:
    """How many requests had an outcome, during a change and after it."""
    return int(result["during"][outcome] + result["after"][outcome])


def faults(results: Iterable[dict[str, Any]]) -> list[str]:
    """Everything that isn't as it should be, in words."""
    found = []
    for result in results:
        if result["exit_code"] != result["wanted_exit_code"]:
            found.append(f"{result['name']}: exit code {result['exit_code']}: {result['said']}")
        for when in ("during", "after"):
            tally = result[when]
            texts = [] if result["has_gap"] else tally["failures"]
            found += [f"{result['name']}, {when}: {text}" for text in texts]
            if not tally["right"]:
                found.append(f"{result['name']}, {when}: no request was answered rightly")
    return found
