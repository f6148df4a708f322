"""Fractions of a device: what they are, and whether those of one device add up. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from tfdeploy.errors import TfdeployError

FRACTION_STEPS = 10_000


@dataclass(frozen=True)
class Share:
    """What one service asks of one device; the fraction is of the device's total memory."""

    device: str
    memory_fraction: float
    where: str


def fraction_for(memory_bytes: int, total_bytes: int) -> float:
    """The fraction that gives at least so much of a device, with four digits; may be above 1.

    The server's limit is the fraction times the device's total memory as CUDA tells it
    (tensorflow/core/common_runtime/gpu/gpu_device.cc).
    """
    # In whole numbers: a float's last digit would round 0.25 up to 0.2501.
    return -(-memory_bytes * FRACTION_STEPS // total_bytes) / FRACTION_STEPS


def bytes_of(fraction: float, total_bytes: int) -> int:
    """What a server with this fraction takes of a device."""
    return math.ceil(fraction * total_bytes)


def check_shares(shares: Mapping[str, Share]) -> list[TfdeployError]:
    """TFD301 for each device whose shares add up to more than the device, with the sum.

    The fraction is of the total, not of what is free, and holds for a whole process
    (tensorflow/core/common_runtime/gpu/gpu_device.cc).
    """
    by_device: dict[str, dict[str, Share]] = defaultdict(dict)
    for service, share in shares.items():
        by_device[share.device][service] = share
    errors = []
    for device, parts in by_device.items():
        total = sum(part.memory_fraction for part in parts.values())
        if total > 1 + 1e-9:
            sums = " + ".join(f"{part.memory_fraction:g} ({name})" for name, part in parts.items())
            errors.append(
                TfdeployError(
                    "TFD301",
                    f"The shares of GPU {device} add up to {total:g}: {sums}.",
                    where=list(parts.values())[-1].where,
                    hint="lower the fractions to 1 or less in sum, or move a service to another "
                    "device; leave some for each process's CUDA context.",
                )
            )
    return errors
