"""The gateway of the process runtime: nginx as a detached child, on ports of this host."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.files import save_text, writing
from tfdeploy.plan import ObservedGateway
from tfdeploy.render import GATEWAY, NGINX_CONFIG, RenderedGateway
from tfdeploy.runtimes import nginx
from tfdeploy.runtimes.ports import check_ports
from tfdeploy.runtimes.secrets import (
    bring_secrets_back,
    forget_secrets,
    kept_hash,
    write_secrets,
)
from tfdeploy.runtimes.slots import Slots
from tfdeploy.stack import StackFile

_STOP_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class GatewayRecord:
    """What is kept of a running nginx."""

    pid: int
    started: float
    argv: tuple[str, ...]
    server_hash: str
    own_port: int
    url: str

    @property
    def process(self) -> processes.Process:
        """The master process."""
        return processes.Process(self.pid, self.started)


class ProcessGateway:
    """nginx before the servers of one stack.

    Args:
        file: the stack.
        run_dir: the stack's folder for what `up` writes.
        files_dir: where the rendered files lie.
    """

    def __init__(self, file: StackFile, run_dir: Path, files_dir: Path) -> None:
        self._file = file
        self._run_dir = run_dir
        self._config = files_dir / GATEWAY / NGINX_CONFIG
        self._record_path = run_dir / "gateway.json"

    def check(self, entry: tuple[str, int]) -> list[TfdeployError]:
        """Whether there is an nginx, and whether its port is free."""
        if self._file.stack.gateway is None:
            return []
        errors = []
        try:
            nginx.find_nginx()
        except TfdeployError as error:
            errors.append(error)
        record = self._record()
        if record is None or not processes.is_alive(record.process) or not _is_at(record, entry):
            where = self._file.where("gateway", "publish")
            errors += check_ports([entry], where=where, service=GATEWAY, as_this_user=True)
        return errors

    def observe(self) -> ObservedGateway:
        """Whether nginx lives, and which config it says it has read."""
        record = self._record()
        if record is None:
            return ObservedGateway()
        if not processes.is_alive(record.process):
            return ObservedGateway("exited", detail=self._last_line() or "no reason in its log")
        said = nginx.config_hash(_own_url(record))
        return ObservedGateway(
            "running" if said else "unhealthy",
            record.url,
            record.server_hash,
            said,
            f"pid {record.pid}",
        )

    def start(self, gateway: RenderedGateway, entry: tuple[str, int], own_port: int) -> None:
        """Start nginx and wait until it answers with the config that is wanted."""
        write_secrets(self._run_dir, gateway)
        scheme = "https" if self._file.stack.gateway and self._file.stack.gateway.tls else "http"
        argv = tuple(nginx.run_argv(nginx.find_nginx(), self._config, self._scratch))
        url = f"{scheme}://{_host(entry[0])}:{entry[1]}"
        record = GatewayRecord(0, 0.0, argv, gateway.server_hash, own_port, url)
        self._launch(record, gateway.config_hash)

    def reload(self, gateway: RenderedGateway) -> None:
        """Have nginx read its files anew; a config that it refuses changes nothing."""
        write_secrets(self._run_dir, gateway)
        self._reload(gateway.config_hash)

    def revert(self, *, started_anew: bool) -> None:
        """Back to the secrets from before, and to the config whose file is in place again."""
        bring_secrets_back(self._run_dir)
        record = self._record()
        if record is None:
            return
        if not started_anew:
            self._reload(kept_hash(self._run_dir))
            return
        before = _read(self._backup_path)
        self._end(record)
        if before is not None:
            self._launch(before, kept_hash(self._run_dir))

    def stop(self, *, drain_seconds: float = 0.0) -> bool:
        """End nginx after what it has begun; whether there was one."""
        record = self._record()
        if record is None:
            return False
        alive = processes.is_alive(record.process)
        save_text(self._backup_path, json.dumps(asdict(record), indent=1) + "\n")
        self._end(record, drain_seconds)
        return alive

    def forget(self) -> None:
        """The stack is down."""
        forget_secrets(self._run_dir)
        self._backup_path.unlink(missing_ok=True)

    def wait_for_slot(self, unit: str, model: str | None) -> None:
        """Until nginx reaches a server; nothing to wait for where nginx isn't up yet."""
        record = self._record()
        if record is not None and model is not None and processes.is_alive(record.process):
            nginx.wait_for_slot(_own_url(record), unit, model)

    def ports(self) -> set[int]:
        """The host ports of a running nginx."""
        record = self._record()
        if record is None or not processes.is_alive(record.process):
            return set()
        return {record.own_port, int(record.url.rpartition(":")[2])}

    def log_path(self) -> Path:
        """Nginx's own lines and the request log."""
        return self._run_dir / "logs" / f"{GATEWAY}.log"

    @property
    def _scratch(self) -> Path:
        return self._run_dir / "nginx"

    @property
    def _backup_path(self) -> Path:
        return self._run_dir / "gateway.before.json"

    def _launch(self, record: GatewayRecord, wanted: str) -> None:
        with writing(self._scratch):
            self._scratch.mkdir(parents=True, exist_ok=True)
            self.log_path().parent.mkdir(parents=True, exist_ok=True)
        Slots(self._run_dir).prepare()
        self._check_config(record.argv[0])
        self._pid_path.unlink(missing_ok=True)
        # Should we be killed before its number is written down, nginx has done so itself.
        self._save(replace(record, pid=0))
        process = processes.start_detached(record.argv, log=self.log_path())
        running = replace(record, pid=process.pid, started=process.started)
        self._save(running)
        nginx.wait_for_config(lambda: _own_url(running), wanted, self._log_lines)

    def _reload(self, wanted: str) -> None:
        record = self._record()
        if record is None:
            return
        self._check_config(record.argv[0])
        processes.hang_up(record.process)
        nginx.wait_for_config(lambda: _own_url(record), wanted, self._log_lines)

    def _check_config(self, binary: str) -> None:
        argv = nginx.check_argv(binary, self._config, self._scratch)
        said = processes.run(argv, timeout_seconds=30)
        if said.exit_code != 0:
            raise nginx.config_refused(said)

    def _end(self, record: GatewayRecord, drain_seconds: float = 0.0) -> None:
        processes.quit_gently(record.process)
        deadline = time.monotonic() + drain_seconds
        while time.monotonic() < deadline and processes.is_alive(record.process):
            time.sleep(0.05)
        processes.stop(record.process, grace_seconds=_STOP_GRACE_SECONDS, sleep=time.sleep)
        self._record_path.unlink(missing_ok=True)

    @property
    def _pid_path(self) -> Path:
        """As nginx.conf names it."""
        return self._scratch / "nginx.pid"

    def _save(self, record: GatewayRecord) -> None:
        save_text(self._record_path, json.dumps(asdict(record), indent=1) + "\n")

    def _record(self) -> GatewayRecord | None:
        record = _read(self._record_path)
        if record is None or record.pid:
            return record
        with suppress(OSError, ValueError):
            found = processes.find(int(self._pid_path.read_text(encoding="ascii")))
            # nginx keeps its environment to itself, and shows its command line.
            if found and processes.says(found, str(self._config)):
                return replace(record, pid=found.pid, started=found.started)
        return record

    def _log_lines(self) -> Iterator[str]:
        with suppress(OSError):
            yield from self.log_path().read_text(encoding="utf-8", errors="replace").splitlines()

    def _last_line(self) -> str:
        lines = [line for line in self._log_lines() if "[emerg]" in line or "[alert]" in line]
        return lines[-1].strip() if lines else ""


def nginx_user() -> str:
    """The user of nginx's workers: who starts it, which only root's nginx must be told."""
    if os.geteuid() != 0:
        return ""
    import grp
    import pwd

    return f"{pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name}"


def _own_url(record: GatewayRecord) -> str:
    return f"http://127.0.0.1:{record.own_port}"


def _host(address: str) -> str:
    shown = "127.0.0.1" if address in ("0.0.0.0", "::") else address  # noqa: S104 - compared with
    return f"[{shown}]" if ":" in shown else shown


def _is_at(record: GatewayRecord, entry: tuple[str, int]) -> bool:
    return record.url.endswith(f"{_host(entry[0])}:{entry[1]}")


def _read(path: Path) -> GatewayRecord | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        values: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return GatewayRecord(**{**values, "argv": tuple(values["argv"])})
    return None
