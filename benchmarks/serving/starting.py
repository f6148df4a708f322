"""How long a server takes to its first right answer, and what it holds then.

Each round starts every command once, in turn. The embedded server, and the real one where there is
one, serve half_plus_two; beside them stands a process that imports TensorFlow and does nothing.
"""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving.cases import Case, WrongAnswer, environment
from benchmarks.serving.figures import Verdict, at_most
from benchmarks.serving.servers import Memory, ServerFailed, free_port, memory_of, post
from tfdeploy import processes

IMPORT = "import sys, tensorflow; print(flush=True); sys.stdin.read()"
ROUNDS = 7
STEP_SECONDS = 0.003
LONGEST_SECONDS = 120
TIME_LIMIT, MEMORY_LIMIT = 1 / 3, 0.7


def server_words(models: Path, case: Case, rest_port: int) -> list[str]:
    """The flags that serve one model."""
    return [
        f"--port={free_port()}",
        f"--rest_api_port={rest_port}",
        f"--model_name={case.model}",
        f"--model_base_path={models / case.model}",
    ]


def wait_for_answer(port: int, case: Case, process: subprocess.Popen[bytes]) -> None:
    """Ask until the answer is right.

    Raises:
        ServerFailed: the process ended, or took too long.
    """
    deadline = time.monotonic() + LONGEST_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            case.check_rest(post(port, case))
        except (OSError, http.client.HTTPException, WrongAnswer):
            time.sleep(STEP_SECONDS)
        else:
            return
    raise ServerFailed(f"{process.args!r} gives no right answer")


def run_once(
    argv: list[str], until_ready: Callable[[subprocess.Popen[bytes]], object]
) -> tuple[float, Memory]:
    """Start a process: seconds until it is ready, and its memory then."""
    began = time.perf_counter()
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment()},
        start_new_session=True,
    )
    try:
        until_ready(process)
        took = time.perf_counter() - began
        leader = psutil.Process(process.pid)
        return took, memory_of([leader, *leader.children(recursive=True)])
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    found = processes.find(process.pid)
    if found is not None:
        processes.stop(found, grace_seconds=3, sleep=time.sleep)
    process.wait()


def read_byte(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has printed something.

    Raises:
        ServerFailed: it ended first.
    """
    assert process.stdout is not None
    if not process.stdout.read(1):
        raise ServerFailed(f"{process.args!r} has ended")


def measure(models: Path, case: Case, binary: str | None, rounds: int) -> list[dict[str, Any]]:
    """One row for each command, medians of the rounds."""
    programs = {"embedded": processes.python_argv("tfdeploy.server")}
    if binary:
        programs["real"] = [binary]
    seen: dict[str, list[tuple[float, Memory]]] = {}

    def serve(name: str) -> None:
        port = free_port()
        argv = [*programs[name], *server_words(models, case, port)]
        took = run_once(argv, lambda process: wait_for_answer(port, case, process))
        seen.setdefault(name, []).append(took)

    for _ in range(rounds):
        for name in programs:
            serve(name)
        importing = [*processes.python_argv("x")[:1], "-c", IMPORT]
        seen.setdefault("import tensorflow", []).append(run_once(importing, read_byte))
    return [_row(name, each) for name, each in seen.items()]


def _row(name: str, each: list[tuple[float, Memory]]) -> dict[str, Any]:
    return {
        "command": name,
        "seconds": round(statistics.median(took for took, _ in each), 3),
        "rss_mib": round(statistics.median(memory.rss_mib for _, memory in each), 1),
        "pss_mib": round(statistics.median(memory.pss_mib for _, memory in each), 1),
        "rounds": len(each),
    }


def verdicts_of(rows: list[dict[str, Any]]) -> list[Verdict]:
    """The limits beside a process that imports TensorFlow."""
    named = {row["command"]: row for row in rows}
    one, base = named["embedded"], named["import tensorflow"]
    limits = {"seconds": TIME_LIMIT, "rss_mib": MEMORY_LIMIT, "pss_mib": MEMORY_LIMIT}
    return [
        at_most(f"start-up: {what} to import tensorflow", round(one[what] / base[what], 3), limit)
        for what, limit in limits.items()
    ]
