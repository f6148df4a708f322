"""Measure a model on a device of this machine, in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.inventory import DEFAULT_CONTEXT_BYTES, MIB, Inventory, ModelProfile, Unit
from tfdeploy.gpu.profiling import Measured, context_bytes
from tfdeploy.runtimes.nvml import take_inventory

MODULE = "tfdeploy.exporting.gpu_memory"


@dataclass(frozen=True)
class ProfileRun:
    """A model's profile, the context that was seen, and batches that the model refused."""

    profile: ModelProfile
    context_bytes: int | None
    refused: dict[int, str]


def profile_model(
    folder: Path, version: int | None, unit: Unit, free_bytes: int, batches: Sequence[int]
) -> ProfileRun:
    """Load and run one version of a model on one device.

    Args:
        folder: the version's folder.
        unit: the device.
        free_bytes: what of it is free; a pool of it, less a context, is taken.
        batches: the numbers of rows to run.

    Raises:
        TfdeployError: TFD318.
    """
    pool = (free_bytes - DEFAULT_CONTEXT_BYTES - unit.reserve_bytes) // MIB * MIB
    if pool <= 0:
        raise _failed(folder, f"GPU {unit.id} has only {free_bytes // MIB} MiB free")
    words = [str(folder), str(pool // MIB), ",".join(map(str, batches))]
    environment = {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": unit.uuid,
        "TF_FORCE_GPU_ALLOW_GROWTH": "false",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1"),
    }
    measured, context = Measured(), None
    lines = processes.stream(processes.python_argv(MODULE, *words), environment=environment)
    # Closing ends the process, which stays until then for NVML to look at.
    with closing(lines):
        for line in lines:
            measured.hear(line)
            if measured.is_done or measured.failed:
                context = _context(measured, take_inventory(), pool)
                break
    if measured.why_not:
        raise _failed(folder, measured.why_not)
    return ProfileRun(measured.profile(version, unit.name), context, measured.refused)


def _context(measured: Measured, inventory: Inventory, pool: int) -> int | None:
    processes_ = [one for device in inventory.devices for one in device.processes]
    held = sum(one.memory_bytes for one in processes_ if one.pid == measured.pid)
    return context_bytes(held, pool)


def _failed(folder: Path, why: str) -> TfdeployError:
    return TfdeployError(
        "TFD318",
        f"The model's GPU memory can't be measured: {why.rstrip('.')}.",
        where=str(folder),
        hint="it takes TensorFlow with CUDA (`pip install 'tensorflow[and-cuda]'`) and a model "
        "that takes made-up requests; or state `activations:` in the stack file.",
    )
