"""What a server's log says about its GPU. Pure: lines in, an answer out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# tensorflow/core/common_runtime/gpu/gpu_device.cc
_CREATED = re.compile(
    r"Created device /job:\S+/device:GPU:\d+ with (?P<mib>\d+) MB memory:.*?name: (?P<name>[^,]+)"
)
# tensorflow/core/common_runtime/gpu/gpu_device.cc, tsl/cuda and xla/stream_executor/cuda: what
# is printed where no device can be used, most telling first.
_FELL_BACK = (
    re.compile(r"failed call to cuInit: .+"),
    re.compile(r"CUDA_ERROR_\w+.*"),
    re.compile(r"Could not load dynamic library 'lib(?:cuda|cudart|cudnn|cublas)[^']*'.*"),
    re.compile(r"Could not find cuda drivers on your machine.*"),
    re.compile(r"Cannot dlopen some GPU libraries.*"),
    re.compile(r"Skipping registering GPU devices.*"),
    re.compile(r"Ignoring visible gpu device .+"),
    re.compile(r"kernel driver does not appear to be running on this host.*"),
    re.compile(r"no NVIDIA GPU device is present.*"),
)
_INFO = re.compile(r"(?:: I |^I\d{4} )\S*")


@dataclass(frozen=True)
class GpuLog:
    """What was found: a device, the reason why there is none, or nothing.

    ``speaks`` tells whether lines of level INFO are there: then a device would have been named.
    """

    device: str = ""
    memory_mib: int | None = None
    why_not: str = ""
    speaks: bool = False


def read_gpu_log(lines: Iterable[str]) -> GpuLog:
    """The last device that was created, or the first reason why none was."""
    kept = [line.strip() for line in lines]
    speaks = any(_INFO.search(line) for line in kept)
    for line in reversed(kept):
        if found := _CREATED.search(line):
            return GpuLog(found["name"].strip(), int(found["mib"]), speaks=speaks)
    for pattern in _FELL_BACK:
        for line in kept:
            if match := pattern.search(line):
                return GpuLog(why_not=match[0].strip(), speaks=speaks)
    return GpuLog(speaks=speaks)
