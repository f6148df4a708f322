"""Services as child processes of nobody: no Docker, one detached server for each service."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.files import save_text, writing
from tfdeploy.plan import ObservedService, ObservedStack
from tfdeploy.render import (
    GATEWAY,
    SLOTS,
    Place,
    RenderedGateway,
    RenderedService,
    RenderedStack,
    Templates,
    host_place,
    render_stack,
    server_flags,
    unit,
)
from tfdeploy.render.folder import read_files
from tfdeploy.runtimes.left_logs import LeftLogs
from tfdeploy.runtimes.observing import models_configs, with_models_of_all
from tfdeploy.runtimes.ports import check_ports
from tfdeploy.runtimes.process_gateway import ProcessGateway, nginx_user
from tfdeploy.runtimes.process_ports import Ports, choose_ports, keep_ports
from tfdeploy.runtimes.process_record import MARK, Record, find_record, read_record
from tfdeploy.runtimes.room import check_room
from tfdeploy.runtimes.secrets import with_secrets
from tfdeploy.runtimes.server_program import check_server, listens_on, own_address
from tfdeploy.runtimes.slots import Slots
from tfdeploy.serverlog import why_ended
from tfdeploy.stack import StackFile
from tfdeploy.stack.file import RUN_DIR

# A long answer may still be under way when nginx is told to go.
GATEWAY_DRAIN_SECONDS = 10.0
STOP_GRACE_SECONDS = 10.0
LOG_TAIL_BYTES = 256 * 1024


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
        self._chosen: Ports | None = None
        self._slots = Slots(self._run_dir)
        self._gateway = ProcessGateway(file, self._run_dir, self.files_dir)

    @property
    def files_dir(self) -> Path:
        """Beside the pid files: these hold paths of this machine."""
        return self._run_dir / "rendered"

    def render(self, templates: Templates) -> RenderedStack:
        """The files, with this host's paths and each service's own ports."""
        names = list(self._file.stack.services)
        places = {name: self._place(name, self._slot_to_start(name)) for name in names}
        gateway = None
        if self._file.stack.gateway is not None:
            both = {unit(name, s): self._place(name, s) for name in names for s in SLOTS}
            entry, own = self._entry(), self._ports().own
            gateway = host_place(entry, own, str(self._run_dir), nginx_user(), both)
        rendered = render_stack(
            self._file, templates=templates, places=places, server=self._server, gateway=gateway
        )
        return with_secrets(rendered, self._file)

    def check(self, rendered: RenderedStack, observed: ObservedStack) -> list[TfdeployError]:
        """Whether the server program is there, and the published ports are free."""
        errors = [*check_server(self._server), *self._gateway.check(self._entry())]
        free = processes.free_memory_bytes()
        errors += check_room(self._file, rendered, observed, self._used_bytes, free)
        for name in rendered.services:
            publish = self._file.stack.services[name].publish
            own = self._ports_of_running(name)
            address = listens_on(publish, self._server)
            errors += check_ports(
                [(address, port) for _, port in (publish.rest, publish.grpc) if port not in own],
                where=self._file.where("services", name, "publish"),
                service=name,
                as_this_user=True,
            )
        return errors

    def observe(self) -> ObservedStack:
        """Files, processes, model states and the gateway."""
        files = read_files(self.files_dir)
        services = [self.look(name) for name in sorted(self.names())]
        found = with_models_of_all(services, models_configs(files))
        return ObservedStack(files, found, self._gateway.observe())

    def look(self, service: str, *, beside: bool = False) -> ObservedService:
        """Whether the process of a service lives; why it ended, from its log."""
        there = self._there(service)
        slot = (self._slots.other if beside else self._slots.live)(service, there)
        record = self._record(unit(service, slot))
        if record is None:
            return ObservedService(service, "absent", slot=slot)
        other = bool(there - {slot})
        if not processes.is_alive(record.process):
            why = why_ended(self._tail(record.unit)).why or "no reason in its log"
            return ObservedService(service, "exited", detail=why, slot=slot, other=other)
        return ObservedService(
            service,
            "running",
            server_hash=record.server_hash,
            rest_url=f"http://127.0.0.1:{record.rest_port}",
            grpc_address=f"127.0.0.1:{record.grpc_port}",
            detail=f"pid {record.pid}",
            started_at=record.started,
            slot=slot,
            other=other,
            pid=record.pid,
        )

    def names(self) -> set[str]:
        """The services that were started, and not stopped since."""
        return {record.service for record in self._records()}

    def memory_bytes(self, service: str) -> int | None:
        """What the process and its workers hold in memory; what they share counts for each."""
        record = self._record(unit(service, self._slots.live(service, self._there(service))))
        return None if record is None else processes.memory_bytes(record.process)

    def start(self, service: RenderedService) -> None:
        """Start the server of a service, detached; its log begins anew."""
        slot = self._slot_to_start(service.name)
        self._slots.switch(service.name, slot)
        self._start_in(service, slot)

    def recreate(self, service: RenderedService) -> None:
        """Stop, then start as rendered now; the record of what ran is kept for `revert`."""
        self.stop(service.name)
        self.start(service)

    def stop(self, service: str) -> None:
        """Stop a service; its log stays."""
        for slot in self._there(service):
            self._end(unit(service, slot), keep=True)

    def revert(self, before: ObservedService) -> None:
        """Start the process again as it was started before; the record of it is the backup."""
        for slot in self._there(before.name):
            self._end(unit(before.name, slot))
        self._slots.switch(before.name, before.slot)
        self._bring_back(unit(before.name, before.slot))

    def start_beside(self, service: RenderedService) -> None:
        """Start a server in the slot that is free."""
        self._start_in(service, self._slots.other(service.name, self._there(service.name)))

    def switch(self, service: str) -> None:
        """Have the gateway ask the other server, once the gateway itself reaches it."""
        slot = self._slots.other(service, self._there(service))
        if slot:
            models = self._file.stack.services[service].models
            self._gateway.wait_for_slot(unit(service, slot), next(iter(models), None))
        self._slots.switch(service, slot)

    def stop_other(self, service: str) -> None:
        """Stop what the gateway doesn't ask; its record is kept for `bring_back`."""
        there = self._there(service)
        for slot in there - {self._slots.live(service, there)}:
            self._end(unit(service, slot), keep=True)

    def bring_back(self, before: ObservedService) -> None:
        """Start again, in its own slot, what `stop_other` stopped."""
        name = unit(before.name, before.slot)
        if self._record(name) is None:
            self._bring_back(name)

    def start_gateway(self, gateway: RenderedGateway) -> None:
        """Start nginx, which answers when this returns."""
        keep_ports(self._ports_path, self._ports())
        self._gateway.start(gateway, self._entry(), self._ports().own)

    def reload_gateway(self, gateway: RenderedGateway) -> None:
        """Have nginx read its config anew; it has done so when this returns."""
        keep_ports(self._ports_path, self._ports())
        self._gateway.reload(gateway)

    def recreate_gateway(self, gateway: RenderedGateway) -> None:
        """Stop nginx and start it as it is rendered now."""
        self._gateway.stop(drain_seconds=GATEWAY_DRAIN_SECONDS)
        self.start_gateway(gateway)

    def stop_gateway(self) -> None:
        """End nginx; the servers stay."""
        self._gateway.stop(drain_seconds=GATEWAY_DRAIN_SECONDS)

    def revert_gateway(self, *, started_anew: bool) -> None:
        """Bring back the gateway that a failed change touched."""
        self._gateway.revert(started_anew=started_anew)

    def down(self) -> list[str]:
        """Stop every process of the stack."""
        records = self._records()
        names = sorted({record.service for record in records})
        running = [name for name in names if self.look(name).state == "running"]
        running += [GATEWAY] if self._gateway.stop(drain_seconds=GATEWAY_DRAIN_SECONDS) else []
        self._gateway.forget()
        for record in records:
            # Not `stop`: on a full disk no record can be kept, and down must work.
            self._end(record.unit)
        self._slots.forget()
        return running

    def logs(self, service: str, *, tail: int, follow: bool, beside: bool = False) -> Iterator[str]:
        """The end of the service's log file, and what is added to it."""
        name = self._logged(service, beside=beside)
        path = self._log_path(name)
        yield from self._tail(name, tail)
        if not follow or not path.exists():
            return
        with path.open(encoding="utf-8", errors="replace") as file:
            file.seek(0, os.SEEK_END)
            while self._is_up(service):
                line = file.readline()
                if line:
                    yield line.rstrip("\n")
                else:
                    time.sleep(0.2)

    def _logged(self, service: str, *, beside: bool) -> str:
        """Whose log it is; where nothing has a server any more, that of the last one."""
        if service == GATEWAY:
            return service
        if there := self._there(service):
            slot_of = self._slots.other if beside else self._slots.live
            return unit(service, slot_of(service, there))
        written = LeftLogs(self._file).written(service)
        return written.stem if written is not None else service

    def _is_up(self, service: str) -> bool:
        if service == GATEWAY:
            return self._gateway.observe().state in ("running", "unhealthy")
        return self.look(service).state == "running"

    def _start_in(self, service: RenderedService, slot: str) -> None:
        place = self._place(service.name, slot)
        words = server_flags(self._file.stack.services[service.name], place)
        if slot:
            keep_ports(self._ports_path, self._ports())
        self._launch(
            Record(
                service=service.name,
                pid=0,
                started=0.0,
                argv=(*self._server, *words),
                environment=self._environment(service),
                rest_port=place.rest_port,
                grpc_port=place.grpc_port,
                server_hash=service.server_hash,
                slot=slot,
            )
        )

    def _bring_back(self, name: str) -> None:
        backup = self._backup_path(name)
        if backup.exists():
            self._launch(read_record(backup))

    def _there(self, service: str) -> set[str]:
        """The slots of a service that have a record."""
        names = {slot: unit(service, slot) for slot in ("", *SLOTS)}
        return {slot for slot, name in names.items() if self._record(name) is not None}

    def _slot_to_start(self, service: str) -> str:
        """Where a server goes that nothing runs beside."""
        if self._file.stack.gateway is None:
            return ""
        return self._slots.live(service, self._there(service)) or SLOTS[0]

    def _environment(self, service: RenderedService) -> dict[str, str]:
        address = own_address(self._file.stack.services[service.name].publish)
        # The embedded server reads it, see `listens_on`.
        own = {"TFDEPLOY_LISTEN_ADDRESS": address} if address is not None else {}
        return {**own, **service.environment}

    def _launch(self, record: Record) -> None:
        log = self._log_path(record.unit)
        with writing(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            if log.exists():
                log.replace(log.with_suffix(".log.1"))
        path = self._record_path(record.unit)
        # Should we be killed before its number is written down, it is found by this mark.
        self._save(replace(record, pid=0), path)
        marked = {**record.environment, MARK: str(path)}
        try:
            process = processes.start_detached(record.argv, log=log, environment=marked)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise TfdeployError(
                "TFD413",
                f"Service '{record.service}' can't be started: {error.strerror}.",
                where=" ".join(record.argv[:3]),
                hint="check the path and the permissions of the server program.",
            ) from error
        self._save(replace(record, pid=process.pid, started=process.started), path)

    def _end(self, name: str, *, keep: bool = False) -> None:
        record = self._record(name)
        if record is not None:
            if keep:
                self._save(record, self._backup_path(name))
            processes.stop(record.process, grace_seconds=STOP_GRACE_SECONDS, sleep=time.sleep)
        self._record_path(name).unlink(missing_ok=True)

    def _ports_of_running(self, service: str) -> set[int]:
        found = [record for record in self._records() if record.service == service]
        alive = [record for record in found if processes.is_alive(record.process)]
        return {port for record in alive for port in (record.rest_port, record.grpc_port)}

    @property
    def _ports_path(self) -> Path:
        return self._run_dir / "ports.json"

    def _ports(self) -> Ports:
        """The ports of all servers and the gateway; chosen once for a whole command."""
        if self._chosen is None:
            slots = SLOTS if self._file.stack.gateway else ("",)
            units = [unit(name, slot) for name in self._file.stack.services for slot in slots]
            ours = {port for name in self.names() for port in self._ports_of_running(name)}
            ours |= self._gateway.ports()
            self._chosen = choose_ports(self._ports_path, units, ours)
        return self._chosen

    def _entry(self) -> tuple[str, int]:
        gateway = self._file.stack.gateway
        address, port = gateway.publish if gateway else ("127.0.0.1", 0)
        return address, port or self._ports().entry

    def _place(self, name: str, slot: str) -> Place:
        publish = self._file.stack.services[name].publish
        record = self._record(unit(name, slot))
        rest, grpc = self._ports().servers[unit(name, slot)]
        if record is not None and processes.is_alive(record.process):
            rest, grpc = record.rest_port, record.grpc_port
        return Place(
            models_root=str(self._file.models_root),
            config_dir=str(self.files_dir / name),
            rest_port=publish.rest[1] or rest,
            grpc_port=publish.grpc[1] or grpc,
        )

    def _used_bytes(self, service: str) -> int:
        return self.memory_bytes(service) or 0

    def _tail(self, service: str, lines: int | None = None) -> list[str]:
        """The last lines of a log, out of its last bytes; None: all of those."""
        path = self._log_path(service)
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - LOG_TAIL_BYTES))
                found = file.read().decode("utf-8", errors="replace").splitlines()
        except OSError:
            return []
        return found[max(0, len(found) - lines) :] if lines is not None else found

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
            return find_record(self._record_path(service))
        return None

    def _records(self) -> list[Record]:
        paths = self._run_dir.glob("*.pid.json")
        names = sorted(path.name.removesuffix(".pid.json") for path in paths)
        return [record for name in names if (record := self._record(name)) is not None]
