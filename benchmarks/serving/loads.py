"""Loading one server once: with wrk, with the gRPC client, or the bare loop with itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from benchmarks.serving.cases import ROOT, Case, environment
from benchmarks.serving.figures import Sample
from benchmarks.serving.servers import HOST, Server, ServerFailed
from tfdeploy import processes

WRK_SCRIPT = Path(__file__).with_name("post.lua")
# wrk takes a slower answer for an error.
WRK_TIMEOUT = "10s"
SLACK_SECONDS = 60


class LoadFailed(Exception):
    """The load tool itself failed."""


class Target(Protocol):
    """Something that can be loaded with a case."""

    name: str

    def load(self, part: str, case: Case, concurrency: int, seconds: int) -> Sample:
        """Load it for some seconds.

        Raises:
            LoadFailed: the load tool doesn't work.
            ServerFailed: the server is gone.
        """


class Served:
    """A server, seen from a load tool."""

    def __init__(self, server: Server, work: Path) -> None:
        self.name = server.name
        self._server = server
        self._work = work

    def load(self, part: str, case: Case, concurrency: int, seconds: int) -> Sample:
        """See `Target`."""
        with_tool = self._grpc if part == "grpc" else self._wrk
        before = self._server.cpu_seconds()
        seen = with_tool(case, concurrency, seconds)
        return Sample(cpu_seconds=self._server.cpu_seconds() - before, **seen)

    def _wrk(self, case: Case, concurrency: int, seconds: int) -> dict[str, Any]:
        file = self._file(case.name + ".json", case.rest_request)
        argv = ["wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "--timeout", WRK_TIMEOUT]
        url = f"http://{HOST}:{self._server.rest_port}{case.path}"
        argv += ["--latency", "-s", str(WRK_SCRIPT), url, "--", str(file)]
        return read_wrk(_run(argv, seconds))

    def _grpc(self, case: Case, concurrency: int, seconds: int) -> dict[str, Any]:
        file = self._file(case.name + ".pb", case.grpc_request)
        words = (str(self._server.grpc_port), str(file), str(concurrency), str(seconds))
        argv = processes.python_argv("benchmarks.serving.grpc_load", *words)
        seen: dict[str, Any] = json.loads(_run(argv, seconds))
        return seen

    def _file(self, name: str, content: bytes) -> Path:
        file = self._work / name
        if not file.exists():
            file.write_bytes(content)
        return file


def _run(argv: list[str], seconds: int) -> str:
    done = processes.run(
        argv, timeout_seconds=seconds + SLACK_SECONDS, environment=environment(), cwd=ROOT
    )
    if done.exit_code:
        raise LoadFailed(f"{argv[0]} ended with {done.exit_code}: {done.stderr[-1000:]}")
    return done.stdout


def read_wrk(text: str) -> dict[str, Any]:
    """The fields of a `Sample` in what wrk printed, whose last line is our script's.

    Raises:
        LoadFailed: it isn't there.
    """
    try:
        seen: dict[str, Any] = json.loads(text.rstrip().splitlines()[-1])
        seen["failed"] = seen.pop("status") + seen.pop("socket")
    except (IndexError, ValueError, KeyError, TypeError):
        raise LoadFailed(f"wrk printed no figures: {text[-500:]}") from None
    return seen


class BareLoop:
    """The process of `bare`, asked line by line."""

    name = "bare"

    def __init__(self, models: Path, names: list[str], log: Path) -> None:
        """Start it and wait until the models are loaded."""
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                processes.python_argv("benchmarks.serving.bare", str(models), *names),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                env={**os.environ, **environment()},
            )
        self._read_line()

    def load(self, part: str, case: Case, concurrency: int, seconds: int) -> Sample:
        """See `Target`. There is one caller whatever the concurrency is."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{case.name} {seconds}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()
        return Sample(**json.loads(self._read_line()))

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline() or self._fail()

    def _fail(self) -> str:
        self._process.wait()
        raise ServerFailed(f"the bare loop has ended:\n{self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def measure(
    targets: list[Target],
    load: Callable[[Target], Sample],
    samples: dict[str, list[Sample]],
    number: int,
) -> None:
    """One round: each target once, and another one first in each round."""
    first = number % len(targets)
    for target in targets[first:] + targets[:first]:
        samples.setdefault(target.name, []).append(load(target))
