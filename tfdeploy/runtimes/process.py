"""Services as child processes of nobody: no Docker, one detached server for each service."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.files import save_text, writing
from tfdeploy.plan import ObservedService, ObservedStack
from tfdeploy.render import (
    MODELS_CONFIG,
    Place,
    RenderedService,
    RenderedStack,
    Templates,
    render_stack,
)
from tfdeploy.render.folder import read_files
from tfdeploy.runtimes.observing import with_models
from tfdeploy.runtimes.ports import check_ports, free_ports
from tfdeploy.runtimes.serverlog import reason
from tfdeploy.stack import StackFile

RUN_DIR = ".run"
STOP_GRACE_SECONDS = 10.0
LOG_TAIL_BYTES = 256 * 1024


@dataclass(frozen=True)
class Record:
    """What is kept of a started service: enough to find it, stop it, and start it again."""

    service: str
    pid: int
    started: float
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    rest_port: int
    grpc_port: int
    server_hash: str

    @property
    def process(self) -> processes.Process:
        """The process that was started."""
        return processes.Process(self.pid, self.started)


def embedded_server() -> tuple[str, ...]:
    """The command of the server that ships with tfdeploy."""
    return tuple(processes.python_argv("tfdeploy.server"))


def find_server(binary: str) -> tuple[str, ...]:
    """The command for ``--server-binary``: a path, or a name on PATH.

    Raises:
        TfdeployError: TFD405.
    """
    found = shutil.which(binary)
    if found is None:
        raise TfdeployError(
            "TFD405",
            f"The server binary '{binary}' isn't there or can't be run.",
            where=str(Path(binary).absolute()) if "/" in binary else f"PATH={os.environ['PATH']}",
            hint="give the path of a tensorflow_model_server, or leave --server-binary out to "
            "use the embedded server.",
        )
    return (os.path.abspath(found),)


class ProcessRuntime:
    """One detached server process for each service, on ports of this host.

    Args:
        file: the stack.
        server: the command that every server is started with.
    """

    name = "process"

    def __init__(self, file: StackFile, server: Sequence[str]) -> None:
        self._file = file
        self._server = tuple(server)
        self._run_dir = file.folder.absolute() / RUN_DIR
        self._places: dict[str, Place] | None = None

    @property
    def files_dir(self) -> Path:
        """Beside the pid files: these hold paths of this machine."""
        return self._run_dir / "rendered"

    def render(self, templates: Templates) -> RenderedStack:
        """The files, with this host's paths and each service's own ports."""
        return render_stack(
            self._file, templates=templates, places=self._all_places(), server=self._server
        )

    def check(self, rendered: RenderedStack, observed: ObservedStack) -> list[TfdeployError]:
        """Whether the server program is there, and the published ports are free."""
        errors = self._check_server()
        for name in rendered.services:
            publish = self._file.stack.services[name].publish
            own = self._ports_of_running(name)
            errors += check_ports(
                [("0.0.0.0", p) for _, p in (publish.rest, publish.grpc) if p not in own],  # noqa: S104 - the server listens on all
                where=self._file.where("services", name, "publish"),
                service=name,
            )
        return errors

    def observe(self) -> ObservedStack:
        """Files, processes and model states."""
        files = read_files(self.files_dir)
        services = {}
        for record in self._records():
            text = files.get(f"{record.service}/{MODELS_CONFIG}", "")
            services[record.service] = with_models(self.look(record.service), text)
        return ObservedStack(files, services)

    def look(self, service: str) -> ObservedService:
        """Whether the process of a service lives; why it ended, from its log."""
        record = self._record(service)
        if record is None:
            return ObservedService(service, "absent")
        if not processes.is_alive(record.process):
            why = reason(self._tail(service, 200)) or "no reason in its log"
            return ObservedService(service, "exited", detail=why)
        return ObservedService(
            service,
            "running",
            server_hash=record.server_hash,
            rest_url=f"http://127.0.0.1:{record.rest_port}",
            grpc_address=f"127.0.0.1:{record.grpc_port}",
            detail=f"pid {record.pid}",
            started_at=record.started,
            pid=record.pid,
        )

    def start(self, service: RenderedService) -> None:
        """Start the server of a service, detached; its log begins anew."""
        place = self._all_places()[service.name]
        argv = (*self._server, *service.flags)
        self._launch(
            Record(
                service=service.name,
                pid=0,
                started=0.0,
                argv=argv,
                environment=self._environment(service),
                rest_port=place.rest_port,
                grpc_port=place.grpc_port,
                server_hash=service.server_hash,
            )
        )

    def recreate(self, service: RenderedService) -> None:
        """Stop, then start as rendered now; the record of what ran is kept for `revert`."""
        self._keep_record(service.name)
        self._end(service.name)
        self.start(service)

    def stop(self, service: str) -> None:
        """Stop a service; its log stays."""
        self._keep_record(service)
        self._end(service)

    def revert(self, before: ObservedService) -> None:
        """Start the process again as it was started before; the record of it is the backup."""
        self._end(before.name)
        backup = self._backup_path(before.name)
        if backup.exists():
            self._launch(_read_record(backup))

    def down(self) -> list[str]:
        """Stop every process of the stack."""
        names = [record.service for record in self._records()]
        running = [name for name in names if self.look(name).state == "running"]
        for name in names:
            # Not `stop`: on a full disk no record can be kept, and down must work.
            self._end(name)
        return running

    def logs(self, service: str, *, tail: int, follow: bool) -> Iterator[str]:
        """The end of the service's log file, and what is added to it."""
        path = self._log_path(service)
        yield from self._tail(service, tail)
        if not follow or not path.exists():
            return
        with path.open(encoding="utf-8", errors="replace") as file:
            file.seek(0, os.SEEK_END)
            while self.look(service).state == "running":
                line = file.readline()
                if line:
                    yield line.rstrip("\n")
                else:
                    time.sleep(0.2)

    def _check_server(self) -> list[TfdeployError]:
        if self._server != embedded_server() or importlib.util.find_spec("tensorflow"):
            return []
        return [
            TfdeployError(
                "TFD405",
                "The embedded server needs TensorFlow, which isn't installed.",
                where=f"{self._server[0]}: import tensorflow",
                hint="`pip install 'tfdeploy-serving[server]'`, or name a real server with "
                "--server-binary.",
            )
        ]

    def _environment(self, service: RenderedService) -> dict[str, str]:
        own = {}
        publish = self._file.stack.services[service.name].publish
        if publish.rest[0] == publish.grpc[0]:
            # The embedded server reads it; the real one has no way to listen on less than all.
            own["TFDEPLOY_LISTEN_ADDRESS"] = publish.rest[0]
        return {**own, **service.environment}

    def _launch(self, record: Record) -> None:
        log = self._log_path(record.service)
        with writing(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            if log.exists():
                log.replace(log.with_suffix(".log.1"))
        try:
            process = processes.start_detached(record.argv, log=log, environment=record.environment)
        except OSError as error:
            raise TfdeployError(
                "TFD413",
                f"Service '{record.service}' can't be started: {error.strerror}.",
                where=" ".join(record.argv[:3]),
                hint="check the path and the permissions of the server program.",
            ) from error
        running = replace(record, pid=process.pid, started=process.started)
        self._save(running, self._record_path(record.service))

    def _end(self, service: str) -> None:
        record = self._record(service)
        if record is not None:
            processes.stop(record.process, grace_seconds=STOP_GRACE_SECONDS, sleep=time.sleep)
        self._record_path(service).unlink(missing_ok=True)

    def _keep_record(self, service: str) -> None:
        record = self._record(service)
        if record is not None:
            self._save(record, self._backup_path(service))

    def _ports_of_running(self, service: str) -> set[int]:
        record = self._record(service)
        if record is None or not processes.is_alive(record.process):
            return set()
        return {record.rest_port, record.grpc_port}

    def _all_places(self) -> dict[str, Place]:
        """Where each server finds its files and listens; chosen once for a whole command."""
        if self._places is None:
            names = list(self._file.stack.services)
            free = iter(free_ports(2 * len(names)))
            self._places = {name: self._place(name, next(free), next(free)) for name in names}
        return self._places

    def _place(self, name: str, free_rest: int, free_grpc: int) -> Place:
        publish = self._file.stack.services[name].publish
        record = self._record(name)
        if record is not None and processes.is_alive(record.process):
            free_rest, free_grpc = record.rest_port, record.grpc_port
        return Place(
            models_root=str(self._file.models_root),
            config_dir=str(self.files_dir / name),
            rest_port=publish.rest[1] or free_rest,
            grpc_port=publish.grpc[1] or free_grpc,
        )

    def _tail(self, service: str, lines: int) -> list[str]:
        path = self._log_path(service)
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - LOG_TAIL_BYTES))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return []
        return text.splitlines()[-lines:] if lines else []

    def _log_path(self, service: str) -> Path:
        return self._run_dir / "logs" / f"{service}.log"

    def _record_path(self, service: str) -> Path:
        return self._run_dir / f"{service}.pid.json"

    def _backup_path(self, service: str) -> Path:
        return self._run_dir / f"{service}.before.json"

    def _save(self, record: Record, path: Path) -> None:
        save_text(path, json.dumps(asdict(record), indent=1) + "\n")

    def _record(self, service: str) -> Record | None:
        with suppress(OSError, ValueError, TypeError, KeyError):
            return _read_record(self._record_path(service))
        return None

    def _records(self) -> list[Record]:
        names = sorted(path.name.removesuffix(".pid.json") for path in self._pid_files())
        return [record for name in names if (record := self._record(name)) is not None]

    def _pid_files(self) -> list[Path]:
        return list(self._run_dir.glob("*.pid.json"))


def _read_record(path: Path) -> Record:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Record(**{**values, "argv": tuple(values["argv"])})
