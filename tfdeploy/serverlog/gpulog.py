"""What a server's log says about its GPU. Pure: lines in, an answer out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tfdeploy.serverlog.gpu_lines import FALLBACK_LINES
from tfdeploy.serverlog.matching import match_line
from tfdeploy.serverlog.reasons import UNKNOWN, Cause, cause_in

# tensorflow/core/common_runtime/gpu/gpu_device.cc
_CREATED = re.compile(
    r"Created device /job:\S+/device:GPU:\d+ with (?P<mib>\d+) MB memory:.*?name: (?P<name>[^,]+)"
)
_INFO = re.compile(r"(?:: I |^I\d{4} )\S*")


@dataclass(frozen=True)
class GpuLog:
    """What was found: a device, the cause for which there is none, or nothing.

    ``speaks`` tells whether lines of level INFO are there: then a device would have been named.
    """

    device: str = ""
    memory_mib: int | None = None
    cause: Cause = UNKNOWN
    speaks: bool = False


def read_gpu_log(lines: Iterable[str], runtime: str = "") -> GpuLog:
    """The last device that was created, or the most telling cause why none was.

    Args:
        lines: of a server's log.
        runtime: where the server runs; empty where that isn't known.
    """
    kept = [line.strip() for line in lines]
    speaks = any(_INFO.search(line) for line in kept)
    for line in reversed(kept):
        if found := _CREATED.search(line):
            return GpuLog(found["name"].strip(), int(found["mib"]), speaks=speaks)
    matches = [match for line in kept if (match := match_line(line)) and match.known.on_cpu]
    if not matches:
        return GpuLog(speaks=speaks)
    best = min(matches, key=lambda match: FALLBACK_LINES.index(match.known))
    return GpuLog(cause=cause_in(best, best.why, runtime), speaks=speaks)
