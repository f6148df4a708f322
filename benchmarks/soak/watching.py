"""Memory, open files, threads and CPU of the server, second by second."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

_LARGEST_GROWTH = 0.05
_LARGEST_GROWTH_SHORT = 0.10
LARGEST_INCREASE = 10
_FIRST_STRETCH_SECONDS = 60.0


class Sample(NamedTuple):
    """A server and its child processes at a moment.

    Attributes:
        seconds: Since the watcher was made.
        rss_bytes: All resident memory; what several processes share counts several times.
        pss_bytes: The same, shared pages counted once in all. It falls when anybody else on the
            machine maps the same libraries, so it judges nothing.
        own_bytes: The part of it that is no file's: heaps and stacks.
        files: Open file descriptors.
        threads: Threads.
        cpu_seconds: CPU time since each process began.
    """

    seconds: float
    rss_bytes: int
    pss_bytes: int
    own_bytes: int
    files: int
    threads: int
    cpu_seconds: float


class Watcher:
    """Samples a process and its children. Seconds count from its making."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._began = time.monotonic()
        self.samples: list[Sample] = []

    def sample(self) -> None:
        """Look once. A process that has just ended counts for nothing."""
        rows = []
        for process in [self._process, *self._process.children(recursive=True)]:
            try:
                rows.append(_measure(process))
            except (psutil.Error, OSError):
                continue
        if rows:
            sums: list[Any] = [sum(column) for column in zip(*rows, strict=True)]
            self.samples.append(Sample(time.monotonic() - self._began, *sums))


def _measure(process: psutil.Process) -> tuple[int, int, int, int, int, float]:
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    with process.oneshot():
        cpu = process.cpu_times()
        return (
            process.memory_info().rss,
            _rolled_up(text, "Pss"),
            _rolled_up(text, "Pss_Anon"),
            process.num_fds(),
            process.num_threads(),
            cpu.user + cpu.system,
        )


def _rolled_up(text: str, field: str) -> int:
    line = next(line for line in text.splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


class Trend(NamedTuple):
    """A figure in the first stretch after the warm-up, and in the last quarter.

    It is the lower quartile: what is there while no large request is under way.
    """

    first: float
    last: float

    @property
    def growth(self) -> float:
        """By what share it grew; negative when it shrank."""
        return self.last / self.first - 1 if self.first else 0.0


def warm_up_seconds(seconds: float) -> float:
    """How much of a run is warm-up: a minute, or the first third of a short run."""
    return seconds / 3 if _is_short(seconds) else 60.0


def largest_growth(seconds: float) -> float:
    """By what share RSS may grow. A short run can't tell less from large requests' comings."""
    return _LARGEST_GROWTH_SHORT if _is_short(seconds) else _LARGEST_GROWTH


def _is_short(seconds: float) -> bool:
    return seconds < 180


def trend(samples: Sequence[Sample], seconds: float, figure: Callable[[Sample], float]) -> Trend:
    """How a figure developed in a run of so many seconds.

    The first stretch is a quarter of what follows the warm-up, and a minute at most.
    """
    start = warm_up_seconds(seconds)
    stretch = min((seconds - start) / 4, _FIRST_STRETCH_SECONDS)
    first = [figure(s) for s in samples if start <= s.seconds <= start + stretch]
    last = [figure(s) for s in samples if s.seconds >= seconds * 3 / 4]
    if len(first) < 2 or len(last) < 2:
        return Trend(0.0, 0.0)
    return Trend(_lower_quartile(first), _lower_quartile(last))


def _lower_quartile(values: list[float]) -> float:
    return statistics.quantiles(values, n=4, method="inclusive")[0]
