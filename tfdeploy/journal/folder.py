"""The journal's folder: one whole file for each change, the oldest taken away in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.files import save_text
from tfdeploy.journal.entry import Entry, Result, State, parse_entry

JOURNAL_DIR = ".journal"
KEPT = 200
"""Entries kept of a stack: months of changes by hand, and a few MiB at most."""
CUT_SHORT = "its process ended without a word"


@dataclass(frozen=True)
class Damaged:
    """An entry that can't be read, and why."""

    number: int
    path: Path
    why: str


@dataclass(frozen=True)
class Journal:
    """All that was written down of a stack, oldest first."""

    entries: tuple[Entry, ...]
    damaged: tuple[Damaged, ...] = ()

    @cached_property
    def newest_first(self) -> tuple[Entry, ...]:
        """The entries, newest first."""
        return self.entries[::-1]

    @property
    def unfinished(self) -> list[Entry]:
        """Changes of what runs that were cut short and weren't brought to an end since.

        One that is at work (only a reader meets it, without the lock) is none.
        """
        found: list[Entry] = []
        for entry in self.newest_first:
            if entry.deploys and entry.result == "done":
                break
            if entry.deploys and (entry.result == "cut short" or _was_killed(entry)):
                found.append(entry)
        return found[::-1]

    @property
    def deployed(self) -> State | None:
        """The stack as it was brought up last, or taken down; None where nothing tells."""
        unfinished = self.unfinished
        if unfinished:
            return unfinished[0].before
        for entry in self.newest_first:
            if entry.deploys and entry.result == "done":
                return entry.after
        return None

    def entry(self, number: int) -> Entry | None:
        """The entry of that number."""
        return next((one for one in self.entries if one.number == number), None)


def _was_killed(entry: Entry) -> bool:
    return entry.result == "working" and not entry.works()


def read_journal(folder: Path) -> Journal:
    """The journal of the stack whose folder this is; what can't be read stands aside."""
    entries, damaged = [], []
    for number, path in _files(folder):
        found = _read(number, path)
        if isinstance(found, Entry):
            entries.append(found)
        else:
            damaged.append(found)
    return Journal(tuple(entries), tuple(damaged))


def unsure_services(folder: Path) -> set[str]:
    """Services whose server may not have taken its models.config, as a change was cut short."""
    newest: list[Entry] = []
    for number, path in reversed(_files(folder)):
        entry = _read(number, path)
        if isinstance(entry, Entry):
            newest.append(entry)
            if entry.deploys and entry.result == "done":
                # Nothing before it is unfinished; `plan` and `status` needn't read it.
                break
    unfinished = Journal(tuple(newest[::-1])).unfinished
    return {name for one in unfinished for name in one.unsure_services()}


def last_start_seconds(folder: Path, service: str) -> float | None:
    """How long a service took when it was started last; None where nobody wrote it down."""
    for number, path in reversed(_files(folder)):
        entry = _read(number, path)
        if isinstance(entry, Entry) and entry.result == "done":
            seconds = entry.start_seconds(service)
            if seconds is not None:
                return seconds
    return None


def edited_copy(folder: Path, number: int) -> Path:
    """Where an undo keeps the stack file that was edited by hand before it."""
    return folder / JOURNAL_DIR / f"{number:06}-edited.yaml"


def _files(folder: Path) -> list[tuple[int, Path]]:
    found = [p for p in (folder / JOURNAL_DIR).glob("*.json") if p.stem.isdigit()]
    return sorted((int(path.stem), path) for path in found)


def _read(number: int, path: Path) -> Entry | Damaged:
    try:
        return parse_entry({**json.loads(path.read_text(encoding="utf-8")), "number": number})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        return Damaged(number, path, why)


class Writer:
    """Writes one entry, from its begin to its end. Only who holds the stack's lock may.

    A journal that can't be written stops no change: ``warn`` is told once.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        self._folder = folder
        self._warn = warn
        self._broken = False
        self.entry: Entry | None = None

    def close_cut_short(self, journal: Journal) -> list[Entry]:
        """Close what killed commands left: we hold the lock, so nobody works on them."""
        closed: list[Entry] = []
        for entry in journal.entries:
            if entry.result == "working":
                closed.append(replace(entry, result="cut short", note=CUT_SHORT))
                self._save(closed[-1])
        return closed

    def begin(self, entry: Entry) -> Entry:
        """Write the entry under the next number, before the first change of the world."""
        self.entry = replace(entry, number=self.next_number)
        self._save(self.entry)
        for number, path in _files(self._folder)[:-KEPT]:
            for old in (path, edited_copy(self._folder, number)):
                with suppress(OSError):
                    old.unlink()
        return self.entry

    @property
    def next_number(self) -> int:
        """The number of the entry that is begun next; damaged ones count."""
        files = _files(self._folder)
        return files[-1][0] + 1 if files else 1

    def update(self, **changes: Any) -> None:
        """Write what is known by now."""
        if self.entry is not None:
            self.entry = replace(self.entry, **changes)
            self._save(self.entry)

    def end(self, result: Result, **changes: Any) -> None:
        """Write how it ended."""
        self.update(result=result, ended=time.time(), **changes)

    def drop(self) -> None:
        """Take the entry away again: nothing was changed."""
        if self.entry is not None:
            with suppress(OSError):
                self._path(self.entry).unlink()
            self.entry = None

    def _path(self, entry: Entry) -> Path:
        return self._folder / JOURNAL_DIR / f"{entry.number:06}.json"

    def _save(self, entry: Entry) -> None:
        text = json.dumps(entry.as_data(), indent=1, ensure_ascii=False) + "\n"
        try:
            save_text(self._path(entry), text)
        except TfdeployError as error:
            if not self._broken:
                self._warn(f"note: this change isn't written down: {error.message}")
            self._broken = True
