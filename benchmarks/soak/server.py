"""The server under load: its files, its flags, its start and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc

from soak.rest_requests import METRICS_PATH
from tfdeploy import wire

CONFIG_POLL_SECONDS = 1
_READY_SECONDS = 90.0
_STOP_SECONDS = 15.0
# What no log of a server should hold, whatever its clients do.
_ALARMS = ("Traceback", "never retrieved", "unexpectedly", "Connection aborted", "Fatal Python")


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class ServerProcess:
    """A server that reads `models.config` in a folder."""

    def __init__(self, work: Path, command: Sequence[str], flags: Sequence[str]) -> None:
        """Start it."""
        self.grpc_port, self.rest_port = free_ports(2)
        self.config_file = work / "models.config"
        self._log = work / "server.log"
        monitoring = work / "monitoring.config"
        monitoring.write_text(f'prometheus_config {{ enable: true path: "{METRICS_PATH}" }}')
        argv = [
            *command,
            f"--port={self.grpc_port}",
            f"--rest_api_port={self.rest_port}",
            f"--model_config_file={self.config_file}",
            f"--model_config_file_poll_wait_seconds={CONFIG_POLL_SECONDS}",
            f"--monitoring_config_file={monitoring}",
            "--file_system_poll_wait_seconds=1",
            "--max_num_load_retries=0",
            "--allow_version_labels_for_unavailable_models=true",
            *flags,
        ]
        environment = {**os.environ, "TFDEPLOY_LISTEN_ADDRESS": "127.0.0.1"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        # Errors must be in its log, whatever the caller hides of TensorFlow's.
        environment["TF_CPP_MIN_LOG_LEVEL"] = "0"
        environment.setdefault("CUDA_VISIBLE_DEVICES", "")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, env=environment)

    def wait_ready(self, models: Sequence[str]) -> None:
        """Return once REST listens, which it does when all models are there.

        Raises:
            RuntimeError: it ended, or isn't there in time; with the end of its log.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.rest_port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the server doesn't serve {', '.join(models)}:\n{self.log_end()}")

    def stop(self) -> tuple[float, int | None]:
        """Send SIGTERM.

        Returns:
            Seconds until it ended and its exit code; None when it had to be killed.
        """
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code: int | None = self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
            self.kill()
        return time.monotonic() - began, code

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def alarms(self) -> list[str]:
        """Lines of its log that tell of a fault in the server itself."""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return [line for line in lines if any(word in line for word in _ALARMS)]

    def log_end(self) -> str:
        """The last lines of its log."""
        return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-30:])


def server_command(binary: str | None) -> list[str]:
    """What starts the embedded server, or another one."""
    return [binary] if binary else [sys.executable, "-m", "tfdeploy.server"]


class Operator:
    """What an operator asks a server over gRPC."""

    def __init__(self, grpc_port: int) -> None:
        self._channel: Any = grpc.insecure_channel(f"127.0.0.1:{grpc_port}")

    def states(self, model: str) -> dict[int, tuple[int, int]]:
        """Version → its state and its error code; empty for an unknown model.

        Raises:
            grpc.RpcError: no answer.
        """
        request = wire.GetModelStatusRequest()
        request.model_spec.name = model
        call = self._channel.unary_unary(wire.GET_MODEL_STATUS)
        try:
            answer = call(request.SerializeToString(), timeout=30)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return {}
            raise
        statuses = wire.GetModelStatusResponse.FromString(answer).model_version_status
        return {s.version: (s.state, s.status.error_code) for s in statuses}

    def reload(self, config: object) -> str:
        """Replace the config.

        Returns:
            The gRPC code's name.
        """
        request = wire.ReloadConfigRequest(config=config)
        try:
            self._channel.unary_unary(wire.RELOAD_CONFIG)(request.SerializeToString(), timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)
        return "OK"
