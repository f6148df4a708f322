"""Which of a service's servers answers: files in a folder that nginx looks into.

``live/NAME.b`` is there: slot b; ``live/NAME.a`` alone: slot a; neither: a server from before the
stack had a gateway, where one runs, else slot a. One rename or removal switches, so that whoever
is killed leaves one or the other.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tfdeploy.files import save_text, writing
from tfdeploy.render import SLOTS

LIVE_DIR = "live"


class Slots:
    """The slots of a stack's services.

    Args:
        run_dir: the stack's folder for what `up` writes.
    """

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / LIVE_DIR

    def prepare(self) -> None:
        """Make the folder, which nginx must find, and search as another user."""
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o755)

    def live(self, service: str, there: Collection[str]) -> str:
        """The slot that answers; ``there`` are those that have a server."""
        a, b = SLOTS
        if self._mark(service, b).exists():
            return b
        if self._mark(service, a).exists() or "" not in there:
            return a
        return ""

    def other(self, service: str, there: Collection[str]) -> str:
        """The slot that doesn't answer: one that has a server, else one that is free."""
        live = self.live(service, there)
        left = [slot for slot in ("", *SLOTS) if slot in there and slot != live]
        return left[-1] if left else next(slot for slot in SLOTS if slot != live)

    def switch(self, service: str, slot: str) -> None:
        """Have this slot answer from now on."""
        a, b = SLOTS
        self.prepare()
        if slot:
            save_text(self._mark(service, slot), "")
        for mark in (a, b):
            if mark != slot:
                self._mark(service, mark).unlink(missing_ok=True)

    def forget(self) -> None:
        """Nothing answers any more; the folder stays, for it may be mounted."""
        for path in self._folder.glob("*.[ab]"):
            path.unlink(missing_ok=True)

    def _mark(self, service: str, slot: str) -> Path:
        return self._folder / f"{service}.{slot}"
