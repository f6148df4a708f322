"""A container, as `docker inspect` tells of it, to an ObservedService. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tfdeploy.plan import ObservedGateway, ObservedService
from tfdeploy.plan.observed import State
from tfdeploy.render import IN_CONTAINER, LABEL_SERVER_HASH
from tfdeploy.render.gateway import ENTRY_PORT, OWN_PORT
from tfdeploy.serverlog import Ending

ENDED = ("exited", "dead", "restarting")
ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


def describe(service: str, attrs: Mapping[str, Any]) -> ObservedService:
    """The service that a container runs; its models are asked elsewhere."""
    state = attrs.get("State") or {}
    labels = (attrs.get("Config") or {}).get("Labels") or {}
    rest = host_address(attrs, IN_CONTAINER.rest_port)
    return ObservedService(
        service,
        service_state(state),
        server_hash=labels.get(LABEL_SERVER_HASH, ""),
        rest_url=f"http://{rest}" if rest else "",
        grpc_address=host_address(attrs, IN_CONTAINER.grpc_port),
        detail=_detail(state),
        restarts=int(attrs.get("RestartCount") or 0),
        started_at=_started_at(state) if state.get("Running") else None,
        pid=state.get("Pid") or None,
        ending=_ending(state),
    )


def describe_gateway(attrs: Mapping[str, Any], scheme: str) -> ObservedGateway:
    """The gateway that a container runs; which config it has read is asked elsewhere."""
    state = attrs.get("State") or {}
    labels = (attrs.get("Config") or {}).get("Labels") or {}
    entry = host_address(attrs, ENTRY_PORT)
    return ObservedGateway(
        service_state(state),
        f"{scheme}://{entry}" if entry else "",
        labels.get(LABEL_SERVER_HASH, ""),
        detail=_detail(state),
    )


def service_state(state: Mapping[str, Any]) -> State:
    """One of our five states from the engine's state and health."""
    match state.get("Status"):
        case "running":
            health = (state.get("Health") or {}).get("Status")
            if health == "starting":
                return "starting"
            return "unhealthy" if health == "unhealthy" else "running"
        case "restarting":
            return "starting"
        case "paused":
            return "unhealthy"
    return "exited"


def host_address(attrs: Mapping[str, Any], port: int) -> str:
    """``127.0.0.1:32768`` where a container's port is published; empty when it isn't."""
    for bound in _bindings(attrs, port):
        address = bound.get("HostIp") or ""
        if address in ANY_ADDRESS:
            address = "127.0.0.1"
        shown = f"[{address}]" if ":" in address else address
        return f"{shown}:{bound['HostPort']}"
    return ""


def host_ports(attrs: Mapping[str, Any]) -> set[int]:
    """Every host port that a container holds."""
    ports = (IN_CONTAINER.rest_port, IN_CONTAINER.grpc_port, ENTRY_PORT, OWN_PORT)
    return {int(bound["HostPort"]) for port in ports for bound in _bindings(attrs, port)}


def used_memory(stats: Mapping[str, Any]) -> int | None:
    """Memory without the cache of files that can be given back, in bytes.

    The difference is what `docker stats` shows: total_inactive_file is of cgroup v1, inactive_file
    of v2 (docker/cli, command/container/stats_helpers.go).
    """
    memory = stats.get("memory_stats") or {}
    if not memory.get("usage"):
        return None
    details = memory.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return int(memory["usage"]) - (int(cache) if cache < memory["usage"] else 0)


def _bindings(attrs: Mapping[str, Any], port: int) -> list[dict[str, str]]:
    ports = (attrs.get("NetworkSettings") or {}).get("Ports") or {}
    return [one for one in ports.get(f"{port}/tcp") or [] if one.get("HostPort")]


def _detail(state: Mapping[str, Any]) -> str:
    code, status = state.get("ExitCode"), state.get("Status")
    if status == "running":
        return f"pid {state.get('Pid')}"
    if status == "created":
        return str(state.get("Error") or "it was never started")
    if state.get("OOMKilled"):
        return "it was killed for using more memory than its limit"
    why = f": {state['Error']}" if state.get("Error") else ""
    by = f", signal {code - 128}" if isinstance(code, int) and code > 128 else ""
    return f"exit code {code}{by}{why}" if status in ("exited", "restarting") else f"{status}{why}"


def _ending(state: Mapping[str, Any]) -> Ending | None:
    if state.get("Status") not in ENDED:
        return None
    return Ending(state.get("ExitCode"), bool(state.get("OOMKilled")))


def _started_at(state: Mapping[str, Any]) -> float | None:
    try:
        return datetime.fromisoformat(str(state.get("StartedAt"))).timestamp()
    except (ValueError, OverflowError):
        return None
