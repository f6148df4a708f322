"""The share of a GPU that a server asked for, in whatever spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tfdeploy.importing.imported import Leftovers
from tfdeploy.lint import Server
from tfdeploy.lint.checks.flags import is_gpu_fraction
from tfdeploy.lint.checks.gpus import FRACTION, fraction_of

# What servers without a limit get together: CUDA's contexts need the rest.
_MOST = 0.9


def gpu_block(
    server: Server, servers: Sequence[Server], leftovers: Leftovers
) -> dict[str, Any] | None:
    """``gpu:`` of a service; None for one that isn't on a GPU."""
    meant = meant_fraction(server)
    gpus = server.gpus
    if gpus is None:
        if meant is not None:
            why = "no GPU is given to the server; add `gpu: {device: 0, memory_fraction: ...}`"
            leftovers.dropped(server.place, f"the GPU memory fraction {meant:g}", why)
        return None
    if meant is None or not 0 < meant <= 1:
        alike = [one for one in servers if one.gpus and meant_fraction(one) is None]
        meant = round(_MOST / max(1, len(alike)) - 0.005, 2) if len(alike) > 1 else _MOST
        why = f"a share is always limited; memory_fraction: {meant:g} was written"
        leftovers.replaced(gpus.place, f"the whole GPU for {server.name}", why)
    devices = gpus.devices or ("0",)
    if len(devices) > 1 or (gpus.devices is None and gpus.count != 1):
        why = f"a service has one device; device: {devices[0]} was written"
        leftovers.replaced(gpus.place, f"the other GPUs of {server.name}", why)
    device = int(devices[0]) if devices[0].isdecimal() else devices[0]
    return {"device": device, "memory_fraction": meant}


def meant_fraction(server: Server) -> float | None:
    """The fraction that was meant, also where the server would not have read it."""
    read = fraction_of(server)
    if read:
        return read
    for name, value in _written(server):
        is_fraction = name == FRACTION or (is_gpu_fraction(name) and "growth" not in name)
        if is_fraction and re.fullmatch(r"\d*\.\d+|1(\.0*)?", value):
            return float(value)
    return None


def _written(server: Server) -> Iterator[tuple[str, str]]:
    for flag in (*server.flags, *server.before_image):
        yield flag.name, flag.value or ""
    for key, word in server.environment.items():
        yield key.lower(), word.text
    for key, value in server.raw.items():
        yield str(key), str(value)
