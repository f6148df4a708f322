"""Replaying cases: each answers with None, or with what was not as recorded."""

import json
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from comparing import same_grpc, same_rest
from recordings import Case, setups
from server_process import START_LIMIT, ServerProcess, change_files

# The server under test starts within a second; one that has no port open after this waits for ever.
WAITS_LIMIT = 3.0
SERVERS_AT_A_TIME = 5
_STEP_FLAGS = ("message_exact", "also", "unordered", "body_free", "content_type")


def _same(step: dict[str, Any], want: Any, got: Any, case: Case) -> bool:
    flags = {**case, **{name: step[name] for name in _STEP_FLAGS if name in step}}
    return (same_rest if "rest" in step else same_grpc)(want, got, flags)


def _difference(want: Any, got: Any) -> str:
    return f"expected {json.dumps(want, indent=1)}\ngot {json.dumps(got, indent=1)}"


def _parallel(server: ServerProcess, step: dict[str, Any], case: Case) -> str | None:
    replies: list[Any] = [None] * len(step["parallel"])

    def send(position: int, part: dict[str, Any]) -> None:
        replies[position] = server.send(part)

    threads = [
        threading.Thread(target=send, args=(position, part))
        for position, part in enumerate(step["parallel"])
    ]
    for thread in threads:
        thread.start()
        time.sleep(step.get("stagger", 0))
    for thread in threads:
        thread.join()
    for part, reply in zip(step["parallel"], replies, strict=True):
        if not _same(part, part["expect"], reply, case):
            return _difference(part["expect"], reply)
    return None


def _watch(server: ServerProcess, step: dict[str, Any], case: Case) -> str | None:
    """Poll until the recorded last state comes; where nothing changed, see that nothing does."""
    changes = len(step.get("observed", [])) > 1
    deadline = time.monotonic() + step["for"] + (8 if changes else 0)
    statuses = set()
    while True:
        reply = server.send(step)
        statuses.add(reply.get("status"))
        right = _same(step, step["expect"], reply, case)
        if (right and changes) or time.monotonic() >= deadline:
            break
        time.sleep(0.05)
    if step.get("steady") and statuses != {200}:
        return f"not every reply on the way was 200: {statuses}"
    return None if right else _difference(step["expect"], reply)


def _exit_code(server: ServerProcess, step: dict[str, Any]) -> str | None:
    try:
        server.process.wait(step.get("within", 20))
    except subprocess.TimeoutExpired:
        return "the server still runs"
    return None


def run_steps(server: ServerProcess, steps: Iterable[dict[str, Any]], case: Case) -> str | None:
    """Do recorded steps one after the other."""
    for number, step in enumerate(steps, start=1):
        problem = _run_step(server, step, case)
        if problem is not None:
            return f"step {number}: {problem}"
    return None


def _run_step(server: ServerProcess, step: dict[str, Any], case: Case) -> str | None:
    if "sleep" in step:
        time.sleep(step["sleep"])
    elif "fs" in step:
        change_files(server.places.fill(step))
    elif "signal" in step:
        server.process.send_signal(getattr(signal, step["signal"]))
    elif "exit_code" in step:
        return _exit_code(server, step)
    elif "parallel" in step:
        return _parallel(server, step, case)
    elif "for" in step:
        return _watch(server, step, case)
    else:
        reply = server.send(step)
        if not _same(step, step["expect"], reply, case):
            return _difference(step["expect"], reply)
    return None


def _as_steps(case: Case) -> list[dict[str, Any]]:
    if "steps" in case:
        steps: list[dict[str, Any]] = case["steps"]
        return steps
    request = case["request"]
    kind = "rest" if "path" in request or "raw" in request else "grpc"
    return [{kind: request, "expect": case["response"]}]


def _observe_start(server: ServerProcess, wanted: str) -> str:
    deadline = time.monotonic() + (WAITS_LIMIT if wanted == "waits" else START_LIMIT)
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            return "exits"
        if server.accepts(server.rest_port):
            return "serves"
        if wanted == "grpc_only" and server.accepts(server.grpc_port):
            time.sleep(1)  # the REST port would open right after
            return "serves" if server.accepts(server.rest_port) else "grpc_only"
        time.sleep(0.05)
    return "grpc_only" if server.accepts(server.grpc_port) else "waits"


class Replayer:
    """Runs cases in the background, several servers at a time; tests wait for their own."""

    def __init__(self, models: Path, selected: list[Case]) -> None:
        self._models = models
        self._futures: dict[str, Future[str | None]] = {case["id"]: Future() for case in selected}
        self._pool = ThreadPoolExecutor(SERVERS_AT_A_TIME)
        shared: dict[str, list[Case]] = {}
        for case in selected:
            if "args" not in case and "flags" not in case and not case.get("fresh"):
                shared.setdefault(case["server"], []).append(case)
        for group in shared.values():
            self._pool.submit(self._run_group, group)
        for case in selected:
            if "args" in case or "flags" in case or case.get("fresh"):
                self._pool.submit(self._run_alone, case)

    def result(self, name: str) -> str | None:
        """What went wrong in one case; waits for it."""
        return self._futures[name].result()

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(cancel_futures=True)

    def _run_group(self, group: list[Case]) -> None:
        setup = setups()[group[0]["server"]]
        with _Scratch() as work:
            server = ServerProcess(work, self._models, setup["flags"], setup)
            try:
                ready = server.wait_ready(setup.get("ready", []))
                for case in group:
                    self._settle(case, lambda case=case: self._run_ready(server, case, ready))
            finally:
                server.close()

    def _run_ready(self, server: ServerProcess, case: Case, ready: bool) -> str | None:
        if not ready:
            return f"the server did not become ready:\n{server.output()[-2000:]}"
        return run_steps(server, _as_steps(case), case)

    def _run_alone(self, case: Case) -> None:
        runs: Callable[[Case], str | None] = self._run_fresh
        if "args" in case:
            runs = self._run_startup
        self._settle(case, lambda: runs(case))

    def _run_fresh(self, case: Case) -> str | None:
        setup = case if "flags" in case else setups()[case["server"]]
        with _Scratch() as work:
            server = ServerProcess(work, self._models, setup["flags"], setup)
            try:
                ready = "ready" not in setup or server.wait_ready(setup["ready"])
                return self._run_ready(server, case, ready)
            finally:
                server.close()

    def _run_startup(self, case: Case) -> str | None:
        want = case["expect"]
        with _Scratch() as work:
            own_ports = bool(case.get("own_ports"))
            server = ServerProcess(work, self._models, case["args"], case, own_ports)
            try:
                outcome = _observe_start(server, want["outcome"])
                if outcome != want["outcome"] or not _same_exit(want, server):
                    return f"expected {want}, got {outcome}:\n{server.output()[-2000:]}"
                problem = run_steps(server, case.get("then", []), case)
                server.terminate()
                missing = [text for text in want.get("contains", []) if text not in server.output()]
                return problem or (f"the output lacks {missing}" if missing else None)
            finally:
                server.close()

    def _settle(self, case: Case, run: Callable[[], str | None]) -> None:
        future = self._futures[case["id"]]
        try:
            future.set_result(run())
        except Exception as problem:
            future.set_exception(problem)


def _same_exit(want: dict[str, Any], server: ServerProcess) -> bool:
    code, wanted = server.process.poll(), want["exit_code"]
    if want["outcome"] != "exits":
        return True
    # Where the original dies of a signal, any refusal will do.
    return bool(code == wanted or (wanted < 0 and code != 0))


class _Scratch(tempfile.TemporaryDirectory[str]):
    def __enter__(self) -> Path:  # type: ignore[override]
        return Path(super().__enter__())
