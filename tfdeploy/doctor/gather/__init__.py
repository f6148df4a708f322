"""Everything that is found on this machine, as facts. Looks, and changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tfdeploy.doctor.facts import Disk, Facts, Gpu, Runtime, Stack
from tfdeploy.doctor.gather.docker import gathered_docker
from tfdeploy.doctor.gather.host import gather_host
from tfdeploy.doctor.gather.stack import (
    closed_models,
    gather_stack,
    labels,
    load_settled,
    relabels,
    wanted_folders,
)
from tfdeploy.errors import TfdeployError
from tfdeploy.files import tree_bytes
from tfdeploy.stack import StackFile

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["disks", "gather"]

GIB = 2**30
MODELS_BYTES = GIB
"""An export writes a version beside those that are there; at least this much for a small one."""
STACK_BYTES = 2**26
"""Rendered files, the journal, and logs of servers that aren't containers."""
DOCKER_BYTES = GIB
"""Logs, and what containers write."""
PULL_BYTES = 4 * GIB
"""tensorflow/serving's GPU image, packed and unpacked."""


def gather(stack: Path | None, runtime: str, environment: Mapping[str, str]) -> Facts:
    """The facts of this machine, and of a stack.

    Args:
        stack: the stack file; None for the machine alone.
        runtime: the one that was asked for; empty for the one that the stack is on or names.
        environment: the variables that proxies are named in.
    """
    from tfdeploy.runtimes import remembered_runtime

    file, errors = load_settled(stack) if stack is not None else (None, [])
    up_on, server = remembered_runtime(file) if file else ("", ())
    named = (file.stack.runtime or "") if file else ""
    facts = Facts(
        runtime=_known(runtime or up_on or named),
        server_binary=server[0] if len(server) == 1 else "",
        host=gather_host(environment),
        gpu=_gpu(),
    )
    with gathered_docker() as (docker, client):
        facts = facts.model_copy(update={"docker": docker})
        found = None
        if stack is not None:
            found = gather_stack(stack, file, errors)
            if file is not None:
                found = found.model_copy(update=_on_the_runtime(file, facts, client))
        on = list(disks(file, facts, found))
        return facts.model_copy(update={"stack": found, "disks": on})


def _known(runtime: str) -> Runtime:
    return "docker" if runtime == "docker" else "process" if runtime == "process" else ""


def _gpu() -> Gpu:
    from tfdeploy.runtimes.nvml import take_inventory

    try:
        return Gpu(inventory=take_inventory())
    except TfdeployError as error:
        return Gpu(why_not=error.where)


def _on_the_runtime(
    file: StackFile, facts: Facts, client: DockerClient | None
) -> Mapping[str, object]:
    """What only the runtime can tell; the imports are as heavy as it is."""
    from tfdeploy.doctor.gather import running

    docker = facts.docker
    if facts.on_docker and docker.remote:
        found: dict[str, object] = {"ports": running.unprobed_ports(file)}
    else:
        now = running.observe(file, on_docker=facts.on_docker)
        found = {
            "ports": running.ports(file, now, _server(facts), client),
            "services": running.brought_up(file, now, on_docker=facts.on_docker),
        }
    if not facts.on_docker and file.stack.gateway is not None:
        found["no_nginx"] = running.no_nginx()
    if facts.on_docker and client is not None:
        found["images"] = running.images(file, client)
        found["strays"] = running.strays(file, client)
        found["labels"] = labels(file)
        found["relabels"] = relabels(file)
        if not (docker.maps_users or docker.remote):
            found["closed"] = closed_models(file)
    return found


def _server(facts: Facts) -> Sequence[str]:
    """The command that a server is started with; empty where it is a container."""
    from tfdeploy.runtimes.server_program import embedded_server

    if facts.on_docker:
        return ()
    return (facts.server_binary,) if facts.server_binary else embedded_server()


def disks(file: StackFile | None, facts: Facts, stack: Stack | None) -> Iterator[Disk]:
    """Every file system that something of ours lies on, once; Docker's where services run on it."""
    docker = facts.docker
    places: list[tuple[str, Path, int]] = []
    if file is not None:
        largest = max((tree_bytes(one) for one in wanted_folders(file)), default=0)
        places.append(("models_dir", file.models_root, max(MODELS_BYTES, largest)))
        places.append(("stack", file.folder.absolute(), STACK_BYTES))
    if facts.on_docker and docker.root and not (docker.remote or docker.desktop):
        to_pull = stack is not None and any(not one.local for one in stack.images)
        places.append(("Docker", Path(docker.root), PULL_BYTES if to_pull else DOCKER_BYTES))
    by_device: dict[int, list[tuple[str, Path, int]]] = {}
    for use, path, needed in places:
        with suppress(OSError):
            there = next(one for one in (path, *path.parents) if one.exists())
            by_device.setdefault(there.stat().st_dev, []).append((use, there, needed))
    for several in by_device.values():
        with suppress(OSError):
            yield _disk(several)


def _disk(places: list[tuple[str, Path, int]]) -> Disk:
    path = places[0][1]
    space, files = shutil.disk_usage(path), os.statvfs(path)
    return Disk(
        path=str(path),
        uses=[use for use, _, _ in places],
        free_bytes=space.free,
        total_bytes=space.total,
        needed_bytes=sum(needed for _, _, needed in places),
        # Some file systems make them as they need them, and say 0.
        free_inodes=files.f_favail if files.f_files else None,
    )
