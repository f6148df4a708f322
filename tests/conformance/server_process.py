"""One run of the server under test: its flags, config files, ports and scratch folder."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from calling import GrpcCaller, call_rest
from recordings import Places

START_LIMIT = 60.0
_STOP_LIMIT = 15.0
_used_ports: set[int] = set()
_ports_lock = threading.Lock()


def _free_port() -> int:
    """A port below the ephemeral range, so that probing a closed one can't reach itself."""
    with _ports_lock:
        while True:
            port = random.randrange(12000, 32000)
            if port in _used_ports:
                continue
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.bind(("0.0.0.0", port))
                _used_ports.add(port)
                return port


def change_files(step: dict[str, Any]) -> None:
    """Do one recorded `fs` step, placeholders filled."""
    what = step["fs"]
    if what == "copy":
        shutil.copytree(step["from"], step["to"], dirs_exist_ok=True)
    elif what == "copy_file":
        Path(step["to"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(step["from"], step["to"])
    elif what == "rm":
        path = Path(step["path"])
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif what == "rename":
        Path(step["from"]).rename(step["to"])
    elif what == "mkdir":
        Path(step["path"]).mkdir(parents=True, exist_ok=True)
    elif what == "symlink":
        Path(step["path"]).symlink_to(step["target"])
    else:
        path = Path(step["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".tmp~")
        draft.write_text(step["text"], "utf-8")
        draft.rename(path)


class ServerProcess:
    """Starts the server; `stop` ends it and removes what it left."""

    def __init__(
        self,
        work: Path,
        models: Path,
        flags: Sequence[str],
        case: dict[str, Any],
        own_ports: bool = False,
    ) -> None:
        self.grpc_port, self.rest_port = _free_port(), _free_port()
        self.places = Places(
            {
                "MODELS": models,
                "WORK": work,
                "GRPC_PORT": self.grpc_port,
                "REST_PORT": self.rest_port,
            }
        )
        self._work = work
        self._grpc: GrpcCaller | None = None
        self._occupied = [self._occupy(name) for name in case.get("occupy", ())]
        for step in case.get("prepare") or []:
            change_files(self.places.fill(step))
        for name, text in case.get("files", {}).items():
            (work / name).write_text(self.places.fill(text), "utf-8")
        ports = [] if own_ports else ["--port={GRPC_PORT}", "--rest_api_port={REST_PORT}"]
        command = [sys.executable, "-m", "tfdeploy.server", *self.places.fill([*ports, *flags])]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "GRPC_VERBOSITY": "NONE"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        with (work / ".out").open("wb") as out, (work / ".err").open("wb") as err:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=err, cwd=work, env=environment
            )

    def _occupy(self, name: str) -> socket.socket:
        taken = socket.socket()
        taken.bind(("0.0.0.0", int(self.places.fill(f"{{{name}}}"))))
        taken.listen(1)
        return taken

    @property
    def grpc(self) -> GrpcCaller:
        if self._grpc is None:
            self._grpc = GrpcCaller(self.grpc_port)
        return self._grpc

    def send(self, step: dict[str, Any]) -> dict[str, Any]:
        """Send a step's request; the reply with placeholders in it."""
        if "rest" in step:
            reply = call_rest(self.rest_port, self.places.fill(step["rest"]))
        else:
            reply = self.grpc.call(self.places.fill(step["grpc"]))
        scrubbed: dict[str, Any] = self.places.scrub(reply)
        return scrubbed

    def accepts(self, port: int) -> bool:
        """Whether the server, and not this test, listens on a port."""
        if port in [taken.getsockname()[1] for taken in self._occupied]:
            return False
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                return bool(connection.getsockname() != connection.getpeername())
        except OSError:
            return False

    def wait_ready(self, models: Sequence[str]) -> bool:
        """True once REST answers and each model has an available version."""
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.accepts(self.rest_port) and all(map(self._is_available, models)):
                return True
            time.sleep(0.05)
        return False

    def _is_available(self, model: str) -> bool:
        path = "/v1/models/" + urllib.parse.quote(model)
        reply = call_rest(self.rest_port, {"method": "GET", "path": path})
        return '"AVAILABLE"' in reply.get("body", "")

    def output(self) -> str:
        """All that the server printed, stdout first."""
        texts = [
            (self._work / name).read_bytes().decode("utf-8", "replace") for name in (".out", ".err")
        ]
        return str(self.places.scrub("\n".join(texts)))

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the process, politely at first."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(_STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def close(self) -> None:
        """Leave nothing behind."""
        if self._grpc is not None:
            self._grpc.close()
        self.terminate(signal.SIGKILL)
        for taken in self._occupied:
            taken.close()
        shutil.rmtree(self._work, ignore_errors=True)
