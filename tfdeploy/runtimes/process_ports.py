"""The ports of the process runtime: chosen once, kept while they are free for us."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tfdeploy.files import save_text
from tfdeploy.runtimes.ports import free_ports, in_use


@dataclass(frozen=True)
class Ports:
    """REST and gRPC port of each server, the gateway's entry, and the one it has for us."""

    servers: Mapping[str, tuple[int, int]]
    entry: int
    own: int


def choose_ports(path: Path, units: Collection[str], ours: Collection[int]) -> Ports:
    """Those that were kept, with others in the place of those that somebody else has taken.

    nginx names them in its config, so that others would mean another config at every command.

    Args:
        path: where `keep_ports` wrote them.
        units: the servers, by service and slot.
        ours: ports that processes of ours hold.
    """
    kept: dict[str, list[int]] = {}
    with suppress(OSError, ValueError):
        kept = json.loads(path.read_text(encoding="utf-8"))
    fresh = iter(free_ports(2 * len(units) + 2))

    def usable(port: int) -> int:
        new = next(fresh)
        return port if port and (port in ours or not in_use("127.0.0.1", port)) else new

    servers = {}
    for name in units:
        rest, grpc = kept.get(name, [0, 0])
        servers[name] = (usable(rest), usable(grpc))
    entry, own = kept.get("", [0, 0])
    return Ports(servers, usable(entry), usable(own))


def keep_ports(path: Path, ports: Ports) -> None:
    """For the commands that follow; the gateway's own stand under the empty name."""
    values = {name: list(pair) for name, pair in ports.servers.items()}
    save_text(path, json.dumps({**values, "": [ports.entry, ports.own]}) + "\n")
