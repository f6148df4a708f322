"""The servers that are compared: how each is started, what it uses, that it answers right."""

from __future__ import annotations

import http.client
import os
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psutil

from benchmarks.serving.cases import Case, WrongAnswer, environment
from tfdeploy import processes, wire

HOST = "127.0.0.1"
START_SECONDS = 120
STEP_SECONDS = 0.01
GRACE_SECONDS = 5
MIB = 1 << 20
EMBEDDED = "tfdeploy.server"
CONFIG, BATCHING_CONFIG = "models.config", "batching.config"
# Without a timeout a batch is whatever waits when a thread gets free.
BATCHING = """max_batch_size {{ value: 32 }}
batch_timeout_micros {{ value: 0 }}
max_enqueued_batches {{ value: 64 }}
num_batch_threads {{ value: {threads} }}
"""


class ServerFailed(Exception):
    """A server that ended or never came up; the text has the end of its log."""


@dataclass(frozen=True)
class Kind:
    """One way to serve.

    Attributes:
        name: As `--servers` takes it.
        protocols: What it speaks.
        extra: Flags of its own.
        module: The Python module that is run; None is the real server's binary.
    """

    name: str
    protocols: frozenset[str]
    extra: tuple[str, ...] = ()
    module: str | None = EMBEDDED


_BOTH, _REST, _GRPC = frozenset({"rest", "grpc"}), frozenset({"rest"}), frozenset({"grpc"})
_BATCHING = ("--enable_batching", "--batching_parameters_file={batching}")
KINDS = {
    kind.name: kind
    for kind in (
        Kind("embedded", _BOTH),
        Kind("embedded-2", _BOTH, ("--workers=2",)),
        Kind("embedded-batching", _BOTH, _BATCHING),
        Kind("embedded-alone", _BOTH, ("--join_requests=false",)),
        Kind("naive", _REST, module="benchmarks.serving.naive"),
        Kind("floor", _GRPC, module="benchmarks.serving.floor"),
        Kind("real", _BOTH, module=None),
        Kind("real-batching", _BOTH, _BATCHING, module=None),
    )
}


@dataclass(frozen=True)
class Memory:
    """What a server's processes hold, in MiB. PSS shares pages out among all that map them."""

    processes: int
    rss_mib: float
    pss_mib: float


class Server:
    """One server process with its children, started once and kept."""

    def __init__(self, kind: Kind, binary: str, models: Path, names: list[str], work: Path) -> None:
        """Start it.

        Args:
            kind: What to start.
            binary: The real server.
            models: The folder with the models.
            names: The models to serve.
            work: A folder for its files.
        """
        self.name = kind.name
        self.protocols = kind.protocols
        self.rest_port, self.grpc_port = free_port(), free_port()
        self._log = work / f"{kind.name}.log"
        (work / CONFIG).write_text(model_config(models, names), encoding="utf-8")
        batching = BATCHING.format(threads=os.cpu_count() or 1)
        (work / BATCHING_CONFIG).write_text(batching, encoding="utf-8")
        if kind.module == EMBEDDED:
            program = processes.python_argv(EMBEDDED)
            argv = [*program, *flags_of(kind, self.rest_port, self.grpc_port, work)]
        elif kind.module is None:
            argv = [binary, *flags_of(kind, self.rest_port, self.grpc_port, work)]
        else:
            port = self.rest_port if "rest" in kind.protocols else self.grpc_port
            argv = processes.python_argv(kind.module, str(port), str(models), *names)
        self._process = processes.start_detached(argv, log=self._log, environment=environment())

    def check(self, cases: Iterable[Case]) -> None:
        """Wait until it answers, then compare one answer of each case and protocol.

        Raises:
            ServerFailed: it ended, or doesn't come up in time.
            WrongAnswer: what it says isn't what TensorFlow said.
        """
        for protocol in sorted(self.protocols):
            self._wait(self.rest_port if protocol == "rest" else self.grpc_port)
        for case in cases:
            if "rest" in self.protocols:
                case.check_rest(post(self.rest_port, case))
            if "grpc" in self.protocols:
                case.check_grpc(predict(self.grpc_port, case))

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_open(port):
            if not processes.is_alive(self._process) or time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} doesn't serve:\n{self._tail()}")
            time.sleep(STEP_SECONDS)

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def _members(self) -> list[psutil.Process]:
        try:
            leader = psutil.Process(self._process.pid)
            return [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            raise ServerFailed(f"{self.name} has ended:\n{self._tail()}") from None

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far."""
        times = [member.cpu_times() for member in self._members()]
        return sum(each.user + each.system for each in times)

    def memory(self) -> Memory:
        """What its processes hold now."""
        return memory_of(self._members())

    def stop(self) -> None:
        """End it with all its children."""
        processes.stop(self._process, grace_seconds=GRACE_SECONDS, sleep=time.sleep)


def flags_of(kind: Kind, rest_port: int, grpc_port: int, work: Path) -> list[str]:
    """The same words for the embedded and for the real server; files are in ``work``."""
    extra = [word.format(batching=work / BATCHING_CONFIG) for word in kind.extra]
    ports = [f"--port={grpc_port}", f"--rest_api_port={rest_port}"]
    return [*ports, f"--model_config_file={work / CONFIG}", *extra]


def memory_of(members: list[psutil.Process]) -> Memory:
    each = [member.memory_full_info() for member in members]
    rss, pss = sum(one.rss for one in each), sum(one.pss for one in each)
    return Memory(len(each), round(rss / MIB, 1), round(pss / MIB, 1))


def model_config(models: Path, names: Iterable[str]) -> str:
    config = wire.ModelServerConfig()
    for name in names:
        config.model_config_list.config.add(
            name=name, base_path=str(models / name), model_platform="tensorflow"
        )
    return wire.render_text(config)


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def post(port: int, case: Case) -> bytes:
    """The body of one REST answer.

    Raises:
        WrongAnswer: its status isn't 200.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", case.path, case.rest_request, headers)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise WrongAnswer(f"{case.name}: {response.status} {body[:200]!r}")
    return body


def predict(port: int, case: Case) -> bytes:
    """The bytes of one gRPC answer.

    Raises:
        WrongAnswer: its status isn't OK.
    """
    with grpc.insecure_channel(f"{HOST}:{port}") as channel:
        try:
            call: Any = channel.unary_unary(wire.PREDICT, None, None)
            answer: bytes = call(case.grpc_request, timeout=60)
        except grpc.RpcError as error:
            raise WrongAnswer(f"{case.name}: {error}") from None
    return answer
