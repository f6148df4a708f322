"""From the wish for one more model to AVAILABLE: `add-model --up` and a hand-written config.

The hand-written config is what people do without tfdeploy: the file is replaced, and the server
reads it at its next poll. How long that takes depends on when between two polls the file is
written, so the rounds spread their moments evenly over that time. The server's own default is not
to poll at all (`--model_config_file_poll_wait_seconds=0`): then it has to be started anew.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from operator import truediv
from pathlib import Path
from types import TracebackType
from typing import Any

from soak.server import free_ports, server_command

from changing.box import STACK, Box, environment
from tfdeploy import wire
from tfdeploy.client.rest import Unreachable
from tfdeploy.client.status import get_status

POLLS_SECONDS = (10, 1)
TFDEPLOY = "add-model --up"
RESTART = "config written, server started anew (it polls never)"
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 120.0
_STOP_SECONDS = 15.0


def wait_available(rest_url: str, model: str) -> float:
    """The time (`time.monotonic`) at which a model was first seen AVAILABLE.

    Raises:
        TimeoutError: it never was.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if any(one.available for one in get_status(rest_url, model)):
                return time.monotonic()
        except Unreachable:
            pass
        time.sleep(_LOOK_SECONDS)
    raise TimeoutError(f"{model} at {rest_url}")


class HandWritten:
    """A server with a config that is written by hand; ends with the block.

    Args:
        folder: for its config and its log.
        models: the root of all base paths.
        binary: another server than the embedded one.
        poll_seconds: how often it reads its config; 0 is never.
    """

    def __init__(self, folder: Path, models: Path, binary: str | None, poll_seconds: int) -> None:
        folder.mkdir()
        self._folder, self._models, self._binary = folder, models, binary
        self.poll_seconds = poll_seconds
        self._names = ["steady"]
        self._grpc_port, rest_port = free_ports(2)
        self.rest_url = f"http://127.0.0.1:{rest_port}"
        self._rest_port = rest_port
        self._write()
        self._start()

    def __enter__(self) -> HandWritten:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()

    def add(self, model: str, phase: float) -> float:
        """Write the config with one more model, at a moment between two polls (0 to 1).

        Returns:
            Seconds from then until the model was seen AVAILABLE.
        """
        if self.poll_seconds:
            # Polls come at the start, and in this rhythm from then on.
            since = (time.monotonic() - self._first_poll) % self.poll_seconds
            time.sleep((phase * self.poll_seconds - since) % self.poll_seconds)
        began = time.monotonic()
        self._names.append(model)
        self._write()
        if not self.poll_seconds:
            self._process.terminate()
            self._process.wait(_STOP_SECONDS)
            self._start()
        return wait_available(self.rest_url, model) - began

    def _write(self) -> None:
        config = wire.ModelServerConfig()
        for name in self._names:
            config.model_config_list.config.add(
                name=name, base_path=str(self._models / name), model_platform="tensorflow"
            )
        draft = self._folder / "models.config.draft"
        draft.write_text(wire.render_text(config), "utf-8")
        os.replace(draft, self._folder / "models.config")

    def _start(self) -> None:
        argv = [
            *server_command(self._binary),
            f"--port={self._grpc_port}",
            f"--rest_api_port={self._rest_port}",
            f"--model_config_file={self._folder / 'models.config'}",
            f"--model_config_file_poll_wait_seconds={self.poll_seconds}",
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, env=environment())
        self._first_poll = wait_available(self.rest_url, self._names[0])


def add_by_tfdeploy(box: Box, rest_url: str, model: str) -> tuple[float, float]:
    """Add a model with the command line.

    Returns:
        Seconds until it was seen AVAILABLE, and until the command had ended.

    Raises:
        RuntimeError: the command failed; with what was printed.
    """
    seen: list[float] = []
    watching = threading.Thread(target=lambda: seen.append(wait_available(rest_url, model)))
    began = time.monotonic()
    watching.start()
    ran = box.run("add-model", STACK, model, "--up")
    ended = time.monotonic()
    if ran.exit_code:
        raise RuntimeError(f"add-model: {ran.stdout}{ran.stderr}")
    watching.join()
    return seen[0] - began, ended - began


def measure(root: Path, templates: Path, rounds: int, binary: str | None) -> list[dict[str, Any]]:
    """Every way once in each round, in turn.

    Returns:
        For each way: `way`, the median `available_s`, `fastest_s`, `slowest_s`, and `to_add_model`,
        the median of the rounds' ratios to `add-model --up`; for that one also `command_s`, until
        the command had ended.
    """
    services = {"serving": {"models": {"steady": {}}}}
    box = Box(root, templates, "available", {"runtime": "process", "services": services})
    names = [f"added{number}" for number in range(rounds)]
    for name in ("steady", *names):
        box.publish(name, 1)
    with ExitStack() as stack:
        stack.callback(box.down)
        rest_url = box.up(*(("--server-binary", binary) if binary else ()))["serving"]["rest"]
        hands = [
            stack.enter_context(HandWritten(root / f"poll{n}", root / "models", binary, n))
            for n in (*POLLS_SECONDS, 0)
        ]
        return _measure_rounds(box, rest_url, hands, names)


def _measure_rounds(
    box: Box, rest_url: str, hands: Sequence[HandWritten], names: Sequence[str]
) -> list[dict[str, Any]]:
    times: dict[str, list[float]] = {}
    commands: list[float] = []
    for number, name in enumerate(names):
        available, command = add_by_tfdeploy(box, rest_url, name)
        times.setdefault(TFDEPLOY, []).append(available)
        commands.append(command)
        for hand in hands:
            seconds = hand.add(name, (number + 0.5) / len(names))
            times.setdefault(_way(hand.poll_seconds), []).append(seconds)
    rows = [_row(way, all_, times[TFDEPLOY]) for way, all_ in times.items()]
    rows[0]["command_s"] = round(statistics.median(commands), 3)
    return rows


def _way(poll_seconds: int) -> str:
    return f"config written, server polls every {poll_seconds} s" if poll_seconds else RESTART


def _row(way: str, times: Sequence[float], base: Sequence[float]) -> dict[str, Any]:
    return {
        "way": way,
        "rounds": len(times),
        "available_s": round(statistics.median(times), 3),
        "fastest_s": round(min(times), 3),
        "slowest_s": round(max(times), 3),
        "to_add_model": round(statistics.median(map(truediv, times, base)), 2),
    }
