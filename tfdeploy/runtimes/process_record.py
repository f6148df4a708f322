"""What the process runtime keeps of a server that it started."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfdeploy import processes
from tfdeploy.render import unit

MARK = "TFDEPLOY_RECORD"
"""The variable in a server's environment that names the file of its record."""


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
    slot: str = ""

    @property
    def unit(self) -> str:
        """The service and its slot, in one word."""
        return unit(self.service, self.slot)

    @property
    def process(self) -> processes.Process:
        """The process that was started."""
        return processes.Process(self.pid, self.started)


def read_record(path: Path) -> Record:
    """The record in a file.

    Raises:
        OSError: it can't be read.
        ValueError: it isn't JSON.
        TypeError: it is no record.
    """
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Record(**{**values, "argv": tuple(values["argv"])})


def find_record(path: Path) -> Record:
    """The record in a file, of a server too whose number nobody came to write down.

    Raises:
        OSError, ValueError, TypeError: as `read_record`.
    """
    record = read_record(path)
    if record.pid == 0 and (found := processes.find_marked(MARK, str(path))):
        return replace(record, pid=found.pid, started=found.started)
    return record
