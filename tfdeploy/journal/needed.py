"""What others ask the journal: where a label pointed, and which versions an undo needs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.journal.entry import Entry, State
from tfdeploy.journal.folder import Journal
from tfdeploy.journal.undoing import redoable, undoable
from tfdeploy.stack import parse_stack


def label_before(
    entries: Iterable[Entry], service: str, model: str, label: str, now: int | None
) -> tuple[int, Entry] | None:
    """The version that a label pointed at before ``now``, and the change that moved it away.

    Args:
        entries: newest first, as `Journal.newest_first`.
        now: where it points now; None for a label that is gone.
    """
    for entry in entries:
        for state in (entry.after, entry.before):
            services = state.services if state else None
            served = (services or {}).get(service)
            version = served.labels.get(model, {}).get(label) if served else None
            if version is not None and version != now:
                return version, entry
    return None


def versions_needed_by_undo(
    journal: Journal, path: Path, *, changes: int = 1
) -> dict[Path, dict[int, int]]:
    """Versions that must stay on disk, so that an undo finds what served before.

    Args:
        journal: the stack's.
        path: the stack file's path, which ``models_dir`` is relative to.
        changes: how many undos in a row; what one redo needs is counted besides.

    Returns:
        Base path, absolute → version → the number of the change whose undo needs it.
    """
    needed: dict[Path, dict[int, int]] = {}
    undos = undoable(journal.entries)[::-1][:changes]
    redo = redoable(journal.entries)
    for entry in [*undos, *([redo] if redo else [])]:
        for base_path, numbers in _served(entry.before, path):
            for number in numbers:
                needed.setdefault(base_path, {}).setdefault(number, entry.number)
    return needed


def _served(state: State, path: Path) -> Iterable[tuple[Path, tuple[int, ...]]]:
    if state.file is None or not state.services:
        return
    try:
        file = parse_stack(state.file, path)
    except TfdeployError:
        # Written by another release; an undo to it would be refused as well.
        return
    for service, served in state.services.items():
        models = file.stack.services[service].models if service in file.stack.services else {}
        for model in models:
            yield file.base_path(service, model), served.versions.get(model, ())
