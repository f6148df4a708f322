"""versions: what lies on disk, what is wanted, what serves, and which label points where."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import (
    DEFAULT_STACKS,
    AsJson,
    RuntimeOption,
    StackArgument,
    StacksDir,
    choose,
    examples,
    load,
)
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.journal import Journal
    from tfdeploy.plan import ObservedService, ObservedStack, ObservedVersion
    from tfdeploy.stack import StackFile

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="The name that clients call.")]
ServiceName = Annotated[
    str | None,
    typer.Option("--service", "-s", help="The service; needed when several have the model."),
]


@app.command(
    **examples("tfdeploy versions vision digits", "tfdeploy versions vision digits --json")
)
def versions(
    stack: StackArgument,
    model: ModelName,
    service: ServiceName = None,
    runtime: RuntimeOption = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Show the versions of a model: on disk, wanted, serving, and their labels.

    Works when the stack is down, too.
    """
    from tfdeploy.journal import read_journal
    from tfdeploy.stack.edit import service_of

    file = load(stack, stacks_dir)
    having = [name for name, one in file.stack.services.items() if model in one.models]
    names = having if service is None and having else [service_of(file, model, service)]
    observed = _observed(file, runtime)
    journal = read_journal(file.folder)
    found = [_of_service(file, name, model, observed.service(name), journal) for name in names]
    if as_json:
        output.print_json({"stack": file.stack.stack, "model": model, "services": found})
    else:
        for one in found:
            _show(model, one, several=len(found) > 1)


def is_burned(version: "ObservedVersion") -> bool:
    """Whether a server failed to load a version: its number isn't tried again.

    Source: tensorflow_serving/core/aspired_versions_manager.cc.
    """
    return version.state == "END" and bool(version.error)


def next_version_of(file: "StackFile", service: str, model: str, now: "ObservedService") -> int:
    """The number after all that lie on disk or that the server knows of."""
    from tfdeploy.stack.moves import on_disk

    known = (one.number for one in now.versions.get(model, ()))
    return max([0, *on_disk(file, service, model), *known]) + 1


def _observed(file: "StackFile", runtime: str | None) -> "ObservedStack":
    """What runs; nothing, with a note, where that can't be seen."""
    from tfdeploy.plan import ObservedStack

    try:
        return choose(file, runtime).runtime.observe()
    except TfdeployError as error:
        output.note(f"note: what runs can't be seen: {error.message}")
        return ObservedStack({}, {})


def _of_service(
    file: "StackFile", service: str, model: str, now: "ObservedService", journal: "Journal"
) -> dict[str, Any]:
    from tfdeploy.stack.moves import on_disk, wanted_of

    served = file.stack.services[service].models[model]
    known = {one.number: one for one in now.versions.get(model, ())}
    numbers = {*on_disk(file, service, model), *known, *served.labels.values()}
    wanted = wanted_of(file, service, model)
    rows = [
        {
            "version": number,
            **_on_disk(file, service, model, number),
            "wanted": number in wanted,
            **_state(now, known.get(number)),
            **_since(journal, service, model, number, now),
            "wanted_labels": [k for k, points_at in served.labels.items() if points_at == number],
        }
        for number in sorted(numbers, reverse=True)
    ]
    next_version = next_version_of(file, service, model, now)
    return {"service": service, "state": now.state, "versions": rows, "next_version": next_version}


def _on_disk(file: "StackFile", service: str, model: str, number: int) -> dict[str, Any]:
    from tfdeploy.savedmodel import list_versions, size_bytes

    folders = {one.number: one.path for one in list_versions(file.base_path(service, model))}
    path = folders.get(number)
    return {
        "on_disk": path is not None,
        "path": str(path) if path else None,
        "size_bytes": size_bytes(path) if path else None,
    }


def _state(now: "ObservedService", known: "ObservedVersion | None") -> dict[str, Any]:
    running = now.state not in ("absent", "exited")
    state = known.state if known else ("" if running else now.state)
    return {
        "state": state,
        "error": known.error if known else "",
        "burned": known is not None and is_burned(known),
    }


def _since(
    journal: "Journal", service: str, model: str, number: int, now: "ObservedService"
) -> dict[str, Any]:
    """Since when it serves and each label answers with it, as far as the journal tells."""
    from tfdeploy.journal.pointing import label_at, serves, since

    entries = journal.entries
    labels = {
        label: since(entries, service, label_at(model, label, number))
        for label, points_at in now.labels.get(model, {}).items()
        if points_at == number
    }
    is_there = number in now.available(model)
    held = since(entries, service, serves(model, number)) if is_there else None
    return {"since": held, "labels": labels}


def _show(model: str, found: dict[str, Any], several: bool) -> None:
    if several:
        output.print_line(f"service {found['service']} ({found['state']})")
    header = ["version", "size", "wanted", "state", "since", "labels"]
    output.print_table(header, [_row(one) for one in found["versions"]])
    for one in found["versions"]:
        if one["burned"]:
            why = " ".join(one["error"].split())
            output.print_line(
                f"{model} {one['version']} is burned: the server failed to load it ({why}), and "
                "doesn't try the number again"
            )
    output.print_line(f"next free version: {found['next_version']}")


def _row(one: dict[str, Any]) -> list[Any]:
    size = output.size(one["size_bytes"]) if one["on_disk"] else "not on disk"
    state = "burned" if one["burned"] else one["state"] or "-"
    labels = [f"{label}{_when(at, ' since ')}" for label, at in one["labels"].items()]
    labels += [f"{label} (wanted)" for label in one["wanted_labels"] if label not in one["labels"]]
    wanted = "yes" if one["wanted"] else "no"
    return [one["version"], size, wanted, state, _when(one["since"]) or "-", ", ".join(labels)]


def _when(seconds: float | None, before: str = "") -> str:
    """A moment in local time, to the minute; empty where nobody knows it."""
    import datetime

    if seconds is None:
        return ""
    return f"{before}{datetime.datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"
