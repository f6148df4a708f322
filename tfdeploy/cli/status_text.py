"""`tfdeploy status` as lines and as data. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tfdeploy.cli import output
from tfdeploy.cli.looking import Look, Usage
from tfdeploy.client.metrics import Requests
from tfdeploy.plan import ObservedService, VersionHealth


def status_lines(look: Look) -> Iterator[str]:
    """Services, versions, differences, and what was counted."""
    services = list(look.observed.services.values())
    said = "all as wanted" if look.health.healthy else "NOT as wanted"
    yield f"stack {look.file.stack.stack} on {look.runtime}: {said if services else 'down'}"
    for one in services:
        yield _service(one, look)
        if share := look.gpu_shares.get(one.name):
            yield f"{one.name}: {share}"
    gateway = look.observed.gateway
    if gateway.state != "absent":
        yield f"gateway: {gateway.state}, {gateway.url or gateway.detail}"
    yield ""
    header = ["SERVICE", "MODEL", "VERSION", "LABELS", "STATE", ""]
    yield from output.table_lines(header, [_version(row) for row in look.health.versions])
    if services:
        yield from look.health.problems
        yield from _requests(look)


def status_data(look: Look) -> dict[str, Any]:
    """The document of ``--json``; latencies are in milliseconds."""
    return {
        "stack": look.file.stack.stack,
        "runtime": look.runtime,
        "healthy": look.health.healthy,
        "services": {
            name: _service_data(one, look) for name, one in look.observed.services.items()
        },
        "gateway": {"state": look.observed.gateway.state, "url": look.observed.gateway.url},
        "models": [row.as_data() for row in look.health.versions],
        "problems": list(look.health.problems),
        "requests": [
            {"service": service, "model": model, **_figures(found)}
            for service, model, found in _counted(look)
        ],
    }


def _service(one: ObservedService, look: Look) -> str:
    parts = [f"{one.name}: {one.state}"]
    if one.started_at:
        parts.append(f"up {output.seconds(max(0.0, look.at - one.started_at))}")
    if one.restarts:
        parts.append(f"{one.restarts} {'restart' if one.restarts == 1 else 'restarts'}")
    memory = look.usage[one.name].memory_bytes if one.name in look.usage else None
    if memory is not None:
        parts.append(output.size(memory))
    if one.rest_url:
        parts.append(f"{one.rest_url}, grpc {one.grpc_address}")
    return ", ".join(parts)


def _service_data(one: ObservedService, look: Look) -> dict[str, Any]:
    usage = look.usage.get(one.name)
    up = max(0.0, look.at - one.started_at) if one.started_at else None
    return {
        "rest": one.rest_url,
        "grpc": one.grpc_address,
        "state": one.state,
        "detail": one.detail,
        "uptime_seconds": up,
        "restarts": one.restarts,
        "memory_bytes": usage.memory_bytes if usage else None,
        "gpu": look.gpu_shares.get(one.name),
        "no_requests_because": usage.why_no_requests if usage else "it doesn't run",
    }


def _version(row: VersionHealth) -> tuple[object, ...]:
    number = "-" if row.version is None else row.version
    labels = ",".join(row.labels) or "-"
    return row.service, row.model, number, labels, row.state, _remark(row)


def _remark(row: VersionHealth) -> str:
    if row.error:
        return row.error.splitlines()[0]
    return "" if row.wanted else "not wanted by the stack file"


def _requests(look: Look) -> Iterator[str]:
    counted = list(_counted(look))
    if counted:
        yield ""
        yield f"requests {_window(look)}; p50 and p99 are estimated from the server's buckets"
        header = ["SERVICE", "MODEL", "ANSWERED", "REFUSED", "P50", "P99"]
        rows = [(service, model, *_cells(one)) for service, model, one in counted]
        yield from output.table_lines(header, rows)
    for name, usage in look.usage.items():
        if usage.requests is None:
            yield f"no figures of {name}'s requests: {usage.why_no_requests}"


def _window(look: Look) -> str:
    windows = [one.window_seconds for one in look.usage.values()]
    if windows and all(one is not None for one in windows):
        return f"of the last {output.seconds(max(one or 0.0 for one in windows))}"
    return "since each server's start"


def _counted(look: Look) -> Iterator[tuple[str, str, Requests]]:
    """Every model that is wanted or known; names that nobody has aren't shown."""
    models = {(row.service, row.model): None for row in look.health.versions}
    for service, model in models:
        usage: Usage | None = look.usage.get(service)
        if usage is not None and usage.requests is not None:
            yield service, model, usage.requests.get(model, Requests())


def _cells(one: Requests) -> tuple[str, ...]:
    figures = _figures(one)
    times = ["-" if figures[key] is None else _time(figures[key]) for key in ("p50_ms", "p99_ms")]
    return str(figures["answered"]), str(figures["refused"]), *times


def _figures(one: Requests) -> dict[str, Any]:
    halves = {"p50_ms": one.latency.quantile(0.5), "p99_ms": one.latency.quantile(0.99)}
    times = {key: None if us is None else us / 1000 for key, us in halves.items()}
    return {"answered": int(one.answered), "refused": int(one.failed), **times}


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.3g} ms" if milliseconds < 1000 else output.seconds(milliseconds / 1000)
