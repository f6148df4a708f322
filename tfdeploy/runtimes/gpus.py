"""Which GPUs a stack is for: an inventory file's, or this machine's. And what Docker reaches."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.inventory import DockerReach, Inventory, load_inventory
from tfdeploy.gpu.proof import size
from tfdeploy.plan import ObservedService, ObservedStack
from tfdeploy.runtimes.engine import QUICK_SECONDS, asking, connect, is_elsewhere
from tfdeploy.runtimes.nvml import take_inventory
from tfdeploy.stack import StackFile, has_gpus, inventory_paths, settle_gpus


def find_inventory(file: StackFile, given: Path | None = None) -> Inventory:
    """The file that was given, one beside the stack or its folder, or what NVML tells.

    Raises:
        TfdeployError: TFD303; TFD304 where nothing of it is there.
    """
    if given is not None:
        return load_inventory(given)
    for path in inventory_paths(file):
        if path.is_file():
            return load_inventory(path)
    return take_inventory()


def settled(file: StackFile, inventory: Path | None = None) -> StackFile:
    """The stack with every GPU share told, where its devices are known.

    What can't be told is a problem that `check_stack` has, so that commands which only look at
    what runs work all the same.

    Raises:
        TfdeployError: TFD303 for a broken inventory.
    """
    if not has_gpus(file):
        return file
    engine = os.environ.get("DOCKER_HOST", "")
    if inventory is None and is_elsewhere(engine) and not _has_file(file):
        # This machine's devices aren't those of the engine.
        return settle_gpus(file, None)
    try:
        return settle_gpus(file, find_inventory(file, inventory))
    except TfdeployError as error:
        if error.code != "TFD304":
            raise
        return settle_gpus(file, None)


def _has_file(file: StackFile) -> bool:
    return any(path.is_file() for path in inventory_paths(file))


def docker_reach() -> DockerReach | None:
    """The engine's runtimes and CDI devices; None where no engine answers.

    `nvidia` among the runtimes, or CDI devices of nvidia.com/gpu, are what containers get GPUs
    through. With neither a reservation may still work: the engine also looks for
    nvidia-container-runtime-hook on its PATH, which it tells nobody.
    """
    try:
        client = connect(QUICK_SECONDS)
        with asking():
            info = client.info()
        client.close()
    except TfdeployError:
        return None
    return reach_of(info)


def reach_of(info: Mapping[str, Any]) -> DockerReach:
    """`docker_reach`, from what the engine has told already."""
    found = info.get("DiscoveredDevices") or []
    return DockerReach(
        runtimes=sorted(info.get("Runtimes") or {}),
        cdi_devices=sorted(str(one.get("ID")) for one in found if one.get("Source") == "cdi"),
    )


def pids_of(service: ObservedService) -> set[int]:
    """The main process of a service and all below it, as this host numbers them."""
    return processes.family(service.pid) if service.pid else set()


def use_of(service: ObservedService, inventory: Inventory) -> int | None:
    """The bytes that a service has of all devices now; None where its processes aren't seen."""
    pids = pids_of(service)
    found = [one for device in inventory.devices for one in device.processes if one.pid in pids]
    return sum(one.memory_bytes for one in found) if found else None


def share_lines(file: StackFile, observed: ObservedStack) -> dict[str, str]:
    """Service → its GPU share, and what it uses of it now, in words."""
    if not has_gpus(file):
        return {}
    try:
        inventory = take_inventory()
    except TfdeployError:
        inventory = Inventory()
    lines = {}
    for name, service in file.stack.services.items():
        gpu = service.gpu
        if gpu is None or gpu.memory_fraction is None:
            continue
        placed = file.gpus.of(name) if file.gpus else None
        share = f" ({size(placed.share_bytes)})" if placed else ""
        used = use_of(observed.service(name), inventory)
        now = f", uses {size(used)} with its context" if used is not None else ""
        lines[name] = f"GPU {gpu.device}, fraction {gpu.memory_fraction}{share}{now}"
    return lines
