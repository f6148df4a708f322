"""Memory that was freed goes back to the system.

What large requests and unloaded models took is free, but scattered over the allocator's arenas,
which glibc returns from their ends only: without this a busy server grows for hours.
"""

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

_INTERVAL_SECONDS: Final = 30.0
_GROWTH: Final = 1.02
_STATM: Final = Path("/proc/self/statm")


def resident_bytes() -> int:
    """What this process holds of the machine's memory; 0 where there is no /proc."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def find_trim() -> Callable[[], object] | None:
    """The malloc_trim of glibc; None with another C library."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return lambda: trim(0)


class Trimmer:
    """Trims when memory has grown since the last time: a server at rest isn't touched."""

    def __init__(self, trim: Callable[[], object], resident: Callable[[], int]) -> None:
        self._trim = trim
        self._resident = resident
        self._held = resident()

    def look(self) -> bool:
        """Trim if it is time to; whether it was."""
        if self._resident() <= self._held * _GROWTH:
            return False
        self._trim()
        self._held = self._resident()
        return True


async def keep_trimmed() -> None:
    """Look every now and then, in a thread, until cancelled."""
    trim = find_trim()
    if trim is None:
        return
    trimmer = Trimmer(trim, resident_bytes)
    while True:
        await asyncio.sleep(_INTERVAL_SECONDS)
        await asyncio.get_running_loop().run_in_executor(None, trimmer.look)
