"""What a set-up said beside what is rendered for its stack."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from tfdeploy.importing.imported import Imported, ServedFrom
from tfdeploy.lint import Server
from tfdeploy.lint.configs import KINDS
from tfdeploy.render import RenderedStack, server_flags
from tfdeploy.render.flags import IN_CONTAINER
from tfdeploy.stack import Service, StackFile

_FILE_FLAGS = {name for name, _ in KINDS.values()}


def compare(imported: Imported, file: StackFile, rendered: RenderedStack) -> str:
    """A unified diff for each service: image, flags, variables, ports and models in plain lines."""
    parts = []
    for name, server in imported.servers.items():
        before = sorted(_before(server, imported.models[name]))
        after = sorted(_after(file, rendered, name))
        diff = difflib.unified_diff(
            before, after, f"{server.name} ({server.place})", f"{name} (stack)", lineterm="", n=50
        )
        parts += list(diff) or [f"--- {name}: the same"]
    return "\n".join(parts)


def _before(server: Server, models: list[ServedFrom]) -> Iterator[str]:
    yield f"image {server.image.text if server.image else 'none'}"
    yield f"flag --port={server.grpc_port}"
    if server.rest_port:
        yield f"flag --rest_api_port={server.rest_port}"
    told = {"port", "rest_api_port", "model_name", "model_base_path", *_FILE_FLAGS}
    for flag in server.flags:
        if flag.name not in told:
            value = flag.taken if flag.read else None
            yield f"flag --{flag.name}={value}" if value is not None else f"flag {flag.written}"
    for key, word in server.environment.items():
        if key not in ("MODEL_NAME", "MODEL_BASE_PATH"):
            yield f"variable {key}={word.text}"
    for port in server.ports:
        yield f"port {port.address or '0.0.0.0'}:{port.host or 'free'} to {port.inside}"  # noqa: S104
    if server.gpus is not None:
        devices = server.gpus.devices
        yield f"gpu {', '.join(devices) if devices else server.gpus.count or 'all'}"
    for name in sorted(_FILE_FLAGS):
        if server.flag(name):
            yield f"file for --{name}"
    for model in models:
        yield _model(model.name, str(model.base), model.versions or "latest 1", model.labels)


def _after(file: StackFile, rendered: RenderedStack, name: str) -> Iterator[str]:
    service: Service = file.stack.services[name]
    yield f"image {rendered.services[name].image}"
    for flag in server_flags(service, IN_CONTAINER):
        flag_name = flag.removeprefix("--").partition("=")[0]
        yield f"file for --{flag_name}" if flag_name in _FILE_FLAGS else f"flag {flag}"
    for key, value in service.environment.items():
        yield f"variable {key}={value}"
    for inside, (address, port) in (
        (IN_CONTAINER.rest_port, service.publish.rest),
        (IN_CONTAINER.grpc_port, service.publish.grpc),
    ):
        yield f"port {address}:{port or 'free'} to {inside}"
    if service.gpu:
        yield f"gpu {service.gpu.device}"
    for model, served in service.models.items():
        policy = (
            served.versions if isinstance(served.versions, str) else served.versions.model_dump()
        )
        base = str(file.base_path(name, model))
        yield _model(model, base, policy, served.labels)


def _model(name: str, base: str, versions: object, labels: object) -> str:
    policy = versions
    if isinstance(versions, dict):
        ((kind, value),) = versions.items()
        numbers = ", ".join(map(str, value)) if isinstance(value, list) else value
        policy = f"{kind} {numbers}"
    pairs = ", ".join(f"{k}={v}" for k, v in dict(labels).items()) if labels else ""  # type: ignore[call-overload]
    return f"model {name} from {base}, {policy}" + (f", labels {pairs}" if pairs else "")
