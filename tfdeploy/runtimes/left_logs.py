"""Logs of servers that are gone: what a failed change's server wrote, and what processes left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfdeploy.files import save_text
from tfdeploy.render import SLOTS, unit
from tfdeploy.serverlog import Ending
from tfdeploy.stack import StackFile
from tfdeploy.stack.file import RUN_DIR

# A removed container tells nothing any more, so how it ended stands below what it wrote.
_ENDING = re.compile(r"^\(tfdeploy\) the server ended with exit code (-?\d+)(, out of memory)?$")


class LeftLogs:
    """The logs that a stack's servers left on this machine, on any runtime.

    Args:
        file: the stack.
    """

    def __init__(self, file: StackFile) -> None:
        self._folder = file.folder.absolute() / RUN_DIR / "logs"

    def keep(self, service: str, lines: Sequence[str], ending: Ending | None) -> None:
        """Keep what the server of a failed change wrote, before it is removed; nothing of nothing.

        Raises:
            TfdeployError: TFD211.
        """
        kept = list(lines)
        if ending is not None and ending.exit_code is not None:
            memory = ", out of memory" if ending.out_of_memory else ""
            kept.append(f"(tfdeploy) the server ended with exit code {ending.exit_code}{memory}")
        if kept:
            save_text(self._failed(service), "".join(f"{line}\n" for line in kept))

    def forget_failed(self) -> None:
        """The stack is as its file wants it: what failed before is history."""
        for path in self._folder.glob("*.failed.log"):
            path.unlink(missing_ok=True)

    def failed(self, service: str) -> Path | None:
        """What the server of the last failed change wrote; None where none failed since."""
        path = self._failed(service)
        return path if path.is_file() else None

    def last(self, service: str) -> Path | None:
        """The newest log that a server of the service left; None where there is none."""
        return _newest(one for one in (self.failed(service), self.written(service)) if one)

    def written(self, service: str) -> Path | None:
        """The newest log that a process of the service wrote; None where there is none."""
        paths = (self._folder / f"{unit(service, slot)}.log" for slot in ("", *SLOTS))
        return _newest(path for path in paths if path.is_file())

    def _failed(self, service: str) -> Path:
        return self._folder / f"{service}.failed.log"


def _newest(paths: Iterable[Path]) -> Path | None:
    return max(paths, key=lambda path: path.stat().st_mtime_ns, default=None)


def read_left(path: Path, tail: int) -> tuple[list[str], Ending | None]:
    """The last lines of a log that was left, and how the server ended where that is known.

    Raises:
        OSError: it can't be read.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if not lines[-1]:
        lines.pop()
    ended = _ENDING.match(lines[-1]) if lines else None
    ending = Ending(int(ended[1]), bool(ended[2])) if ended else None
    return lines[-tail:] if tail else [], ending
