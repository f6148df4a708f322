"""undo: back to the stack before its last change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.change import Change, open_change
from tfdeploy.cli.change_options import WHICH, Options, takes
from tfdeploy.cli.options import SERVED_BEFORE, StackArgument, examples
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.journal import Entry, Journal


@app.command(**examples("tfdeploy undo vision --dry-run", "tfdeploy undo vision"))
@takes("dry_run", "templates", "timeout", *WHICH)
def undo(
    stack: StackArgument,
    options: Options,
    redo: Annotated[
        bool, typer.Option("--redo", help="Take the last undo back, when nothing changed since.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Go on though the stack file was edited by hand.")
    ] = False,
) -> None:
    """Return to the stack before its last change.

    The stack file is written as it was, and what ran before runs again, in the versions that
    served then. The first `up` is undone by taking the stack down, a `down` by bringing it up.
    Each further undo goes one change further back.
    """
    with open_change(stack, replace(options, skip_checks=SERVED_BEFORE)) as change:
        entry = _redone(change.journal) if redo else _undone(change.journal)
        _check_edits(change, yes)
        change.settings |= {"kind": "redo" if redo else "undo", "of": entry.number}
        change.say(f"{'redo' if redo else 'undo'} of #{entry.number}: {' '.join(entry.command)}")
        _go_back(change, entry)


def _go_back(change: Change, entry: Entry) -> None:
    from tfdeploy.journal.restoring import restored
    from tfdeploy.stack import parse_stack

    before, path = entry.before, change.file.path
    extra = {"undo_of": entry.number}
    if not entry.deploys:
        after = parse_stack(before.file or "", path)
        change.save(after)
        if change.options.as_json:
            changed = after.text != change.file.text
            output.print_json({"stack_file": str(path), "changed": changed, **extra})
    elif not before.is_up:
        stopped = change.down(
            parse_stack(before.file or "", path), f"nothing ran before #{entry.number}"
        )
        stopped.show(change, **extra)
    else:
        after = restored(before, path)
        change.options = _as_it_ran(change.options, entry)
        change.deploy(after, **extra)


def _as_it_ran(options: Options, entry: Entry) -> Options:
    """A stack that is down is brought up where it ran, with the same server."""
    if entry.after is None or entry.after.is_up:
        return options
    own = entry.server[0] if len(entry.server) == 1 else None
    return replace(options, runtime=entry.runtime, server_binary=own)


def _undone(journal: Journal) -> Entry:
    from tfdeploy.journal.undoing import undoable

    changes = undoable(journal.entries)
    if changes:
        return changes[-1]
    raise TfdeployError(
        "TFD421",
        "There is no change to undo.",
        where="the stack's journal",
        hint="`tfdeploy history STACK` shows what was changed and what is undone already.",
    )


def _redone(journal: Journal) -> Entry:
    from tfdeploy.journal.undoing import redoable

    entry = redoable(journal.entries)
    if entry is not None:
        return entry
    raise TfdeployError(
        "TFD421",
        "There is no undo to take back.",
        where="the stack's journal",
        hint="a redo follows an undo, with no other change between the two.",
    )


def _check_edits(change: Change, yes: bool) -> None:
    from tfdeploy.files import save_text
    from tfdeploy.journal.folder import edited_copy
    from tfdeploy.journal.undoing import is_edited

    if not is_edited(change.journal.entries, change.file.text):
        return
    if not yes and not change.options.dry_run:
        raise TfdeployError(
            "TFD423",
            "The stack file was edited by hand since the last change.",
            where=str(change.file.path),
            hint="`--yes` goes on and keeps a copy of it; `--dry-run` shows what would be lost.",
        )
    change.say("note: the stack file was edited by hand since the last change")
    if not change.options.dry_run:
        copy = edited_copy(change.file.folder, change.writer.next_number)
        save_text(copy, change.file.text)
        output.note(f"the edited file is kept as {copy}")
