"""A real server process, asked by real clients."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
Serve = Callable[..., "Served"]


@dataclass(frozen=True)
class Served:
    """A running server."""

    grpc_port: int
    rest_port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def log_text(self) -> str:
        return self.log.read_text("utf-8", "replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """For a server that only this machine can reach."""
    return {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "0",
        "TFDEPLOY_LISTEN_ADDRESS": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
    }


def _wait_until_up(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not re.search("Exporting HTTP/REST API", log.read_text("utf-8", "replace")):
        assert process.poll() is None, log.read_text("utf-8", "replace")
        assert time.monotonic() < deadline, log.read_text("utf-8", "replace")
        time.sleep(0.05)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """``serve("--model_base_path=...")`` starts a server; all of them end with the test."""
    with ExitStack() as stack:

        def start(*flags: str) -> Served:
            ports = free_port(), free_port()
            log = tmp_path / f"server-{ports[1]}.log"
            words = [f"--port={ports[0]}", f"--rest_api_port={ports[1]}", *flags]
            with log.open("wb") as out:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tfdeploy.server", *words],
                    stdout=out,
                    stderr=out,
                    env=environment(),
                )
            stack.callback(process.wait)
            stack.callback(process.kill)
            _wait_until_up(process, log)
            return Served(*ports, log, process)

        yield start
