"""Which changes an undo goes back over, and which undo a redo takes back. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tfdeploy.journal.entry import Entry


def undoable(entries: Iterable[Entry]) -> list[Entry]:
    """The changes that are in force, oldest first; an undo goes back over the last of them."""
    return _walk(entries)[0]


def redoable(entries: Iterable[Entry]) -> Entry | None:
    """The undo that a redo takes back; None when something else was changed since."""
    undone = _walk(entries)[1]
    return undone[-1][0] if undone else None


def _walk(entries: Iterable[Entry]) -> tuple[list[Entry], list[tuple[Entry, list[Entry]]]]:
    """The changes in force, and each undo with the changes that it went back over."""
    force: list[Entry] = []
    undone: list[tuple[Entry, list[Entry]]] = []
    for entry in entries:
        if not entry.touched:
            continue
        if entry.kind == "change":
            if entry.finishes is not None:
                _forget_unfinished(force)
            force.append(entry)
            undone.clear()
        elif entry.result == "done" and entry.kind == "undo":
            undone.append((entry, _take_back(force, entry.of)))
        elif entry.result == "done" and undone and undone[-1][0].number == entry.of:
            force += undone.pop()[1]
    return force, undone


def _forget_unfinished(force: list[Entry]) -> None:
    """What was cut short is part of the change that finished it, which holds its way back."""
    while force and force[-1].result == "cut short":
        force.pop()


def _take_back(force: list[Entry], number: int | None) -> list[Entry]:
    """Take the changes from ``number`` on out of force, and the edits that it brought up."""
    taken: list[Entry] = []
    while force and number is not None and force[-1].number >= number:
        taken.append(force.pop())
    if taken and taken[-1].deploys:
        while force and not force[-1].deploys:
            taken.append(force.pop())
    return taken[::-1]


def is_edited(entries: Iterable[Entry], text: str) -> bool:
    """Whether the stack file was edited by hand since the last change.

    Args:
        entries: oldest first.
        text: the stack file as it is.
    """
    left: set[str] = set()
    for entry in reversed(list(entries)):
        if entry.result == "done":
            return text not in left | {entry.wanted}
        if entry.result == "cut short":
            left |= {entry.found, entry.wanted}
    return False


def undone_by(entries: Iterable[Entry]) -> dict[int, int]:
    """Change → the undo that is in force over it."""
    return {one.number: undo.number for undo, taken in _walk(entries)[1] for one in taken}
