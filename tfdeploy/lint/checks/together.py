"""Findings in servers that run side by side: ports, GPU shares, and who waits for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from tfdeploy.lint.checks.gpus import fraction_of
from tfdeploy.lint.commands import ports
from tfdeploy.lint.finding import Check, Hit, Word
from tfdeploy.lint.server import Port, Server
from tfdeploy.lint.setup import Group

# Above this the contexts of two servers find no room, even on large devices.
_FULL = 0.97


def _published(group: Group) -> Iterator[tuple[str, Port]]:
    """(service, port) of everything that the file publishes, other programs' ports included."""
    known = {server.name for server in group.servers}
    for server in group.servers:
        if server.lasting and server.together:
            yield from ((server.name, port) for port in server.ports)
    for name, block in (group.compose.services if group.compose else {}).items():
        if name not in known and group.compose is not None:
            place = group.compose.at("services", name, "ports")
            listed = block.get("ports")
            for one in listed if isinstance(listed, list) else ():
                if isinstance(one, str | int):
                    yield from ((name, port) for port in ports(Word(str(one), place)))


def _same_address(one: Port, other: Port) -> bool:
    everywhere = ("", "0.0.0.0", "[::]", "::")  # noqa: S104
    return one.address == other.address or one.address in everywhere or other.address in everywhere


def _port_twice(group: Group) -> Iterator[Hit]:
    seen: list[tuple[str, Port]] = []
    for name, port in _published(group):
        for other, before in seen:
            if port.host and port.host == before.host and _same_address(port, before):
                message = f"Port {port.host} is published twice: by {other} and by {name}."
                yield Hit(port.place, message, "give one of them another port on the host.")
        seen.append((name, port))


def _host_network_twice(group: Group) -> Iterator[Hit]:
    on_host = [
        server
        for server in group.servers
        if server.host_network and server.lasting and server.together
    ]
    for one, other in combinations(on_host, 2):
        theirs = (other.grpc_port, other.rest_port)
        same = [port for port in (one.grpc_port, one.rest_port) if port and port in theirs]
        if same:
            message = f"'{one.name}' and '{other.name}' both listen on the host's port {same[0]}."
            cause = "gRPC shares its port: each gets a part of the requests, without an error."
            fix = "give them different --port and --rest_api_port."
            yield Hit(other.place, message, fix, cause)


def _shares(group: Group) -> Iterator[Hit]:
    for device in _devices(group):
        sharing = [
            one for one in group.servers if one.lasting and one.together and _on(one, device)
        ]
        parts = [(one, fraction_of(one) or 0.0) for one in sharing]
        total = sum(part for _, part in parts)
        if len([part for _, part in parts if part]) > 1 and total > 1 + 1e-9:
            sums = " + ".join(f"{part:g} ({one.name})" for one, part in parts if part)
            last = next(one for one, part in reversed(parts) if part)
            flag = last.flag("per_process_gpu_memory_fraction")
            what = f"The shares of GPU {device}" if device != "*" else "The shares of the GPU"
            message = f"{what} add up to {total:g}: {sums}."
            yield Hit((flag or last).place, message, "lower them to less than 1 in sum.")


def _no_room(group: Group) -> Iterator[Hit]:
    for device in _devices(group):
        sharing = [
            one for one in group.servers if one.lasting and one.together and _on(one, device)
        ]
        parts = [part for one in sharing if (part := fraction_of(one))]
        if len(parts) > 1 and _FULL < sum(parts) <= 1 + 1e-9:
            last = sharing[-1]
            flag = last.flag("per_process_gpu_memory_fraction")
            message = f"The shares of the GPU add up to {sum(parts):g}, and that is not all."
            fix = "leave some 500 MiB of the device for each server's CUDA context."
            yield Hit((flag or last).place, message, fix)


def _devices(group: Group) -> list[str]:
    named = {d for one in group.servers if one.gpus for d in one.gpus.devices or ()}
    return sorted(named) or ["*"]


def _on(server: Server, device: str) -> bool:
    gpus = server.gpus
    return gpus is not None and (gpus.devices is None or device in gpus.devices)


def _dependents(group: Group) -> Iterator[Hit]:
    if group.compose is None:
        return
    servers = {server.name for server in group.servers}
    for name, block in group.compose.services.items():
        for needed, condition in _depends(block.get("depends_on")):
            if needed in servers and condition != "service_healthy":
                message = f"'{name}' is started as soon as '{needed}' is, not when it answers."
                fix = f"give {needed} a health check, and depends_on: {{{needed}: "
                place = group.compose.at("services", name, "depends_on")
                yield Hit(place, message, f"{fix}{{condition: service_healthy}}}}.")


def _depends(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        yield from ((str(one), "") for one in value)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            condition = one.get("condition") if isinstance(one, Mapping) else ""
            yield str(name), str(condition or "")


TOGETHER_CHECKS: tuple[Check[Group], ...] = (
    Check("TFD212", "error", "the second container doesn't start.", _port_twice),
    Check("TFD212", "error", "the second server isn't reached.", _host_network_twice),
    Check("TFD301", "error", "the server that starts last runs out of memory.", _shares),
    Check(
        "TFD301",
        "warning",
        "each process takes memory above its share, and the last one runs out of it.",
        _no_room,
    ),
    Check(
        "TFD297",
        "warning",
        "its first requests are refused: the ports open when every model is loaded.",
        _dependents,
    ),
)
