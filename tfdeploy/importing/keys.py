"""The keys of a set-up that a stack has no place for, each named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfdeploy.importing.imported import Leftovers, ServedFrom
from tfdeploy.lint import Place, Server
from tfdeploy.lint.compose import ComposeFile
from tfdeploy.lint.configs import KINDS
from tfdeploy.lint.server import Mount

# Taken over, or rendered anyway with the same meaning.
_TAKEN = {
    "image", "command", "entrypoint", "environment", "volumes", "ports", "gpus", "init", "cpus",
    "mem_limit", "user", "deploy", "configs", "build", "restart", "network_mode",
}  # fmt: skip
_REPLACED = {
    "env_file": "write its variables under `environment:`",
    "healthcheck": "the rendered check asks for every model",
    "restart": "it is always unless-stopped",
    "container_name": "containers are named after the stack and the service",
    "runtime": "a device reservation is rendered",
    "stop_grace_period": "it is always 10 s, and init passes the signal on",
    "stop_signal": "init passes SIGTERM on",
    "networks": "the stack has one network of its own, named after it; others join it there",
    "expose": "every port is open on the stack's network",
    "links": "services find each other by name",
    "read_only": "it is always read-only",
    "cap_drop": "all capabilities are always dropped",
    "security_opt": "no-new-privileges is always set",
    "tmpfs": "a temporary folder is always there",
    "platform": "the image's own is taken",
    "pull_policy": "images are pulled when they aren't there",
    "tty": "nobody types there",
    "stdin_open": "nobody types there",
}
_RUN_TAKEN = {
    "env", "volume", "mount", "publish", "gpus", "init", "cpus", "memory", "user", "detach",
    "interactive", "tty", "rm", "entrypoint",
}  # fmt: skip
_RUN_REPLACED = {
    "name": _REPLACED["container_name"],
    "network": _REPLACED["networks"],
    "net": _REPLACED["networks"],
    "env-file": "write its variables under `environment:`",
    "restart": _REPLACED["restart"],
    "runtime": _REPLACED["runtime"],
    "platform": _REPLACED["platform"],
    "health-cmd": _REPLACED["healthcheck"],
}
_UNREAD = "no model and no config is read from it"
_NOTHING = "a stack has no such field; a template of your own can say it"


def list_keys(server: Server, models: list[ServedFrom], leftovers: Leftovers) -> None:
    """Name every key of a server that the stack doesn't say."""
    if server.form == "compose":
        _compose_keys(server, leftovers)
    elif server.form == "docker run":
        for name in server.raw:
            _say(leftovers, server.place, f"--{name}", name, _RUN_REPLACED, _RUN_TAKEN)
    if server.wrapped:
        what = f"{server.name}: the shell around the server"
        leftovers.replaced(server.place, what, "tensorflow_model_server is started directly")
    for mount in server.mounts:
        if not _serves(server, mount, models):
            hidden = mount.kind == "bind" and mount.host is None
            why = "a variable hides its source" if hidden else _UNREAD
            leftovers.dropped(mount.place, f"the mount {mount.source}:{mount.target}", why)


def _compose_keys(server: Server, leftovers: Leftovers) -> None:
    for key in map(str, server.raw):
        taken = _TAKEN - {"restart"} if server.raw.get("restart") != "unless-stopped" else _TAKEN
        if key == "runtime" and server.raw[key] != "nvidia":
            leftovers.dropped(server.at(key), f"{server.name}: {key}", _NOTHING)
        else:
            _say(leftovers, server.at(key), f"{server.name}: {key}", key, _REPLACED, taken)
    if "build" in server.raw:
        why = "a stack names an image; build it and write its name"
        leftovers.dropped(server.at("build"), f"{server.name}: build", why)
    if server.raw.get("network_mode") not in (None, "host"):
        why = _REPLACED["networks"]
        leftovers.replaced(server.at("network_mode"), f"{server.name}: network_mode", why)
    for path in _unknown_deploy(server.raw.get("deploy")):
        leftovers.dropped(server.at(*path), f"{server.name}: {'.'.join(path)}", _NOTHING)
    if server.entry == "other":
        what = f"{server.name}: entrypoint"
        why = "a script of your own; tensorflow_model_server is started directly"
        leftovers.replaced(server.at("entrypoint"), what, why)


def _say(
    leftovers: Leftovers,
    place: Place,
    what: str,
    key: str,
    replaced: Mapping[str, str],
    taken: set[str],
) -> None:
    if key in taken:
        return
    if key in replaced:
        leftovers.replaced(place, what, replaced[key])
    elif key.replace("-", "_") not in _flags_as_keys():
        leftovers.dropped(place, what, _NOTHING)


def _flags_as_keys() -> set[str]:
    """A flag that was written as a key is taken for what was meant."""
    return {"per_process_gpu_memory_fraction", "gpu_memory_fraction"}


def _unknown_deploy(deploy: Any) -> Iterator[tuple[str, ...]]:
    """Key paths below `deploy` other than limits and the devices."""
    known = {
        ("resources", "limits", "cpus"),
        ("resources", "limits", "memory"),
        ("resources", "reservations", "devices"),
    }
    for path in _leaves(deploy, ()):
        one_of_it = path == ("replicas",) and deploy["replicas"] == 1
        if not one_of_it and not any(path[: len(one)] == one for one in known):
            yield ("deploy", *path)


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif path:
        yield path


def _serves(server: Server, mount: Mount, models: list[ServedFrom]) -> bool:
    """Whether a model or a config file is read from a mount."""
    if mount.host is None:
        return False
    host = mount.host.absolute()
    below = any(model.base.is_relative_to(_normal(host)) for model in models)
    files = [server.value(name) for name, _ in KINDS.values()]
    return below or any(one and server.mount_of(one) is mount for one in files)


def _normal(path: Path) -> Path:
    return Path(os.path.abspath(path))


def list_others(compose: ComposeFile, leftovers: Leftovers) -> None:
    """Name what a Compose file says beside its model servers."""
    servers = {server.name for server in compose.servers}
    for name in compose.services:
        if name not in servers:
            why = "it is no model server; keep it in a Compose file of its own, which joins the "
            what = f"service {name}"
            leftovers.dropped(compose.at("services", name), what, f"{why}stack's network")
    for key in map(str, compose.data):
        if key not in ("services", "version", "name", "configs") and not key.startswith("x-"):
            leftovers.dropped(compose.at(key), key, _NOTHING)
