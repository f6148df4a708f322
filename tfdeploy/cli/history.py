"""history: what was changed, by whom, why, and how it ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import DEFAULT_STACKS, AsJson, StackArgument, StacksDir, examples
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.journal import Entry, Journal


@app.command(**examples("tfdeploy history vision --limit 5", "tfdeploy history vision 12"))
def history(
    stack: StackArgument,
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", help="One change, with all of it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many changes, the newest.")] = 20,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Show the changes of a stack, newest first.

    Every command that changed something is there: who gave it and when, what it did and why,
    how it ended, and the state that an undo goes back to.
    """
    from tfdeploy.journal import read_journal
    from tfdeploy.journal.undoing import undone_by
    from tfdeploy.stack import find_stack

    journal = read_journal(find_stack(stack, stacks_dir).parent)
    undone = undone_by(journal.entries)
    shown = [_one(journal, number)] if number is not None else list(journal.newest_first[:limit])
    if as_json:
        damaged = [
            {"number": one.number, "path": str(one.path), "why": one.why} for one in journal.damaged
        ]
        entries = [_data(one, undone) for one in shown]
        output.print_json({"stack": stack, "entries": entries, "damaged": damaged})
        return
    for entry in shown:
        _show(entry, undone)
    if number is not None:
        _show_whole(shown[0])
    elif not shown:
        output.print_line("nothing was changed yet")
    for one in journal.damaged if number is None else ():
        output.note(f"note: #{one.number} can't be read ({one.why}): {one.path}")


def _one(journal: Journal, number: int) -> Entry:
    entry = journal.entry(number)
    if entry is not None:
        return entry
    known = [one.number for one in journal.entries]
    raise TfdeployError(
        "TFD424",
        f"There is no change #{number}.",
        where="the stack's journal",
        hint=f"it holds #{known[0]} to #{known[-1]}." if known else "it is empty.",
    )


def _data(entry: Entry, undone: dict[int, int]) -> dict[str, Any]:
    return {
        **entry.as_data(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.began)),
        "who": entry.who,
        "result": _result(entry),
        "seconds": entry.seconds,
        "causes": entry.causes,
        "undone_by": undone.get(entry.number),
    }


def _result(entry: Entry) -> str:
    """A killed command is cut short, also before the next one has written that down."""
    return "cut short" if entry.result == "working" and not entry.works() else entry.result


def _show(entry: Entry, undone: dict[int, int]) -> None:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.began))
    output.print_line(f"#{entry.number}  {when}  {entry.who}  {' '.join(entry.command)}")
    output.print_line(f"    {_outcome(entry)}{_marks(entry, undone)}")
    for line in _came_to(entry):
        output.print_line(f"    {line}")
    if entry.error:
        code = entry.error.get("code", "")
        output.print_line(f"    {entry.error.get('error', '')}{f'  [{code}]' if code else ''}")


def _outcome(entry: Entry) -> str:
    result = _result(entry)
    took = f" in {output.seconds(entry.seconds)}" if entry.seconds is not None else ""
    where = f" on {entry.runtime}" if entry.runtime else ""
    if not entry.deploys:
        return f"{result}{took}: the stack file alone"
    steps = len(entry.steps)
    if result == "done":
        what = "nothing had to change" if not steps else f"{steps} step{'s' if steps > 1 else ''}"
        return f"{result}{took}{where}: {what}"
    at = f"at step {entry.step} of {steps}" if entry.step else f"before the first of {steps} steps"
    what = f", {entry.steps[entry.step - 1].get('what', '')}" if 0 < entry.step <= steps else ""
    back = ", while it was taken back" if entry.taking_back and result == "cut short" else ""
    return f"{result}{took}{where}, {at}{what}{back}"


def _marks(entry: Entry, undone: dict[int, int]) -> str:
    marks = []
    if entry.kind != "change":
        marks.append(f"{entry.kind} of #{entry.of}")
    if entry.finishes is not None:
        marks.append(f"after #{entry.finishes} was cut short")
    if entry.number in undone:
        marks.append(f"undone by #{undone[entry.number]}")
    return f" ({'; '.join(marks)})" if marks else ""


def _came_to(entry: Entry) -> list[str]:
    """What each service served before and after, where that differs."""
    if entry.after is None or entry.after.services is None or entry.before.services is None:
        return []
    before, after = entry.before.services, entry.after.services
    lines = []
    for service in dict.fromkeys([*before, *after]):
        was = _serves(before.get(service))
        now = _serves(after.get(service))
        for model in dict.fromkeys([*was, *now]):
            if was.get(model) != now.get(model):
                change = f"{was.get(model, 'nothing')} → {now.get(model, 'nothing')}"
                lines.append(f"{service}: {model} {change}")
    return lines


def _serves(served: Any) -> dict[str, str]:
    if served is None:
        return {}
    told = {}
    for model, numbers in served.versions.items():
        labels = served.labels.get(model, {})
        names = "".join(f" {label}={number}" for label, number in sorted(labels.items()))
        if numbers:
            told[model] = "+".join(map(str, numbers)) + names
    return told


def _show_whole(entry: Entry) -> None:
    from tfdeploy.cli.showing import diff_of

    for number, step in enumerate(entry.steps, 1):
        output.print_line(f"    {number}. {step.get('what')}  because {step.get('cause')}")
    text = diff_of(entry.found, entry.wanted, "stack.yaml")
    if text:
        output.print_line(text)
