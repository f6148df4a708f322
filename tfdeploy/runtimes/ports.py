"""Ports of this host: whether one is free, who has it, and free ones to take."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, Literal

from tfdeploy.errors import TfdeployError

_LOWEST_CHOSEN: Final = 20000
_LOWEST_DYNAMIC: Final = 49152  # RFC 6335; macOS and Windows keep to it
_MORE_TRIES: Final = 100

PortState = Literal["free", "taken", "forbidden", "elsewhere"]
"""``forbidden``: this user may not listen there, and nobody does. ``elsewhere``: the address isn't
this machine's."""


def in_use(address: str, port: int) -> bool:
    """Whether this user can't listen on a port of an address, for whatever reason."""
    return port_state(address, port) != "free"


def port_state(address: str, port: int) -> PortState:
    """Whether somebody listens on a port of an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without it a port in TIME_WAIT after a restart would look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            # It says the same whether or not somebody listens there.
            return "taken" if _answers(family, address, port) else "forbidden"
        except OSError as error:
            return "elsewhere" if error.errno == errno.EADDRNOTAVAIL else "taken"
    return "free"


def _answers(family: socket.AddressFamily, address: str, port: int) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((address, port)) == 0


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on at the moment.

    From below those that outgoing connections get: one of these could have a server's port before
    the server listens there, or while it is being replaced.
    """
    below = range(_LOWEST_CHOSEN, _lowest_outgoing())
    tried = random.sample(below, min(len(below), count + _MORE_TRIES))
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        return [_bound(probe, tried) for probe in probes]


def _bound(probe: socket.socket, tried: list[int]) -> int:
    """The first port that can be had, of those; else any."""
    while tried:
        with suppress(OSError):
            probe.bind(("", port := tried.pop()))
            return port
    probe.bind(("", 0))
    return int(probe.getsockname()[1])


def _lowest_outgoing() -> int:
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return _LOWEST_DYNAMIC


def check_ports(
    wanted: Iterable[tuple[str, int]],
    *,
    where: str,
    service: str,
    as_this_user: bool = False,
    look: Callable[[str, int], PortState] = port_state,
) -> list[TfdeployError]:
    """TFD403 for each (address, port) that can't be had; port 0 is any.

    Args:
        wanted: addresses and ports.
        where: the line of the stack file.
        service: who publishes them.
        as_this_user: whether a process of this user's will listen, not the Docker engine: TFD477
            for a port that is forbidden.
        look: says what state a port is in.
    """
    errors = []
    for address, port in wanted:
        state = look(address, port) if port else "free"
        at = f"{where} ({address}:{port})"
        if state == "forbidden" and as_this_user:
            errors.append(_forbidden(port, at, service))
        elif state in ("taken", "elsewhere"):
            errors.append(_taken(port, at, service))
    return errors


def _forbidden(port: int, where: str, service: str) -> TfdeployError:
    return TfdeployError(
        "TFD477",
        f"This user may not listen on port {port}, which service '{service}' publishes.",
        where=where,
        hint="publish a port from 1024 on, or "
        f"`sysctl net.ipv4.ip_unprivileged_port_start={port}`.",
    )


def _taken(port: int, where: str, service: str) -> TfdeployError:
    return TfdeployError(
        "TFD403",
        f"Port {port} is in use{_by(port)}, and service '{service}' publishes it.",
        where=where,
        hint="stop the other program, or publish another port (leave it out for a free one).",
    )


def _by(port: int) -> str:
    listener = listener_on(port)
    return f" by {listener}" if listener else ""


def listener_on(port: int) -> str:
    """The program that listens on a port, as far as we may see; empty where we may not."""
    import psutil

    try:
        for connection in psutil.net_connections(kind="tcp"):
            at = connection.laddr[1] if len(connection.laddr) > 1 else None
            listens = connection.status == psutil.CONN_LISTEN and at == port
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return ""
