"""promote, rollback, canary, pin, unpin, retire: move labels and versions without a gap."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from tfdeploy.cli.app import app
from tfdeploy.cli.change_options import HOW, Options, takes
from tfdeploy.cli.options import SERVED_BEFORE, StackArgument, examples
from tfdeploy.cli.versions import ModelName, ServiceName
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.cli.moving import Moving

Version = Annotated[
    int, typer.Argument(metavar="VERSION", min=0, help="The number of the version's folder.")
]
# Written out here, as a module that every start imports can't ask the stack for it.
STABLE = "stable"


@app.command(
    **examples(
        "tfdeploy promote vision digits 4", "tfdeploy promote vision digits 4 --label champion"
    )
)
@takes("dry_run", "no_checks", *HOW)
def promote(
    stack: StackArgument,
    model: ModelName,
    version: Version,
    options: Options,
    label: Annotated[str, typer.Option("--label", help="The label that moves.")] = STABLE,
    service: ServiceName = None,
) -> None:
    """Move a label to a version, without losing a request.

    Old and new serve side by side, the new one answers its sample requests, the label moves, and
    the old one goes unless another label points at it. If anything fails, all is as before.
    """
    from tfdeploy.cli.moving import moving
    from tfdeploy.stack import moves

    with moving(stack, model, service, options) as held:
        before = held.labels.get(label)
        after = moves.move_label(held.file, held.service, model, label, version)
        held.deploy(
            after, _moved(model, label, before, version), label=label, before=before, now=version
        )


@app.command(
    **examples("tfdeploy rollback vision digits", "tfdeploy rollback vision digits --label canary")
)
@takes("dry_run", *HOW)
def rollback(
    stack: StackArgument,
    model: ModelName,
    options: Options,
    label: Annotated[
        str | None,
        typer.Option("--label", help="The label that goes back; default: stable, or the only one."),
    ] = None,
    service: ServiceName = None,
    checks: Annotated[
        bool, typer.Option("--checks", help="Ask the old version its sample requests first.")
    ] = False,
) -> None:
    """Move a label back to the version that it pointed at before.

    Where the journal shows none, to the next lower version on disk. A model without labels serves
    what it served before.
    """
    from tfdeploy.cli.moving import moving
    from tfdeploy.stack import moves

    options = replace(options, skip_checks="" if checks else SERVED_BEFORE)
    with moving(stack, model, service, options) as held:
        label = _label_to_roll_back(held, label)
        now, version, why = _target(held, label)
        if label is None:
            after = moves.pin(held.file, held.service, model, [version])
            said = f"{model} goes back from {now} to {version}: {why}"
        else:
            after = moves.move_label(held.file, held.service, model, label, version)
            said = f"{_moved(model, label, now, version)}: {why}"
        held.deploy(after, said, label=label, before=now, now=version, why=why)


@app.command(
    **examples("tfdeploy canary vision digits 4", "tfdeploy canary vision digits 4 --dry-run")
)
@takes("dry_run", "no_checks", *HOW)
def canary(
    stack: StackArgument,
    model: ModelName,
    version: Version,
    options: Options,
    service: ServiceName = None,
) -> None:
    """Serve a version beside the old one: `stable` is the old one, `canary` the new one.

    Clients choose by the label: /v1/models/MODEL/labels/canary:predict.
    """
    from tfdeploy.cli.moving import moving
    from tfdeploy.stack import moves

    with moving(stack, model, service, options) as held:
        after, stable = moves.set_canary(held.file, held.service, model, version)
        highest = max(stable, version)
        said = (
            f"{model} serves {stable} as {moves.STABLE} and {version} as {moves.CANARY}; requests "
            f"without a label go to the highest, {highest}"
        )
        held.deploy(after, said, stable=stable, canary=version)


@app.command(**examples("tfdeploy pin vision digits", "tfdeploy pin vision digits 3 4"))
@takes("dry_run", "no_checks", *HOW)
def pin(
    stack: StackArgument,
    model: ModelName,
    options: Options,
    versions: Annotated[
        list[int] | None,
        typer.Argument(metavar="[VERSION]...", help="Default: the versions that serve now."),
    ] = None,
    service: ServiceName = None,
) -> None:
    """Serve exactly these versions, whatever is published later."""
    from tfdeploy.cli.moving import moving
    from tfdeploy.stack import moves

    with moving(stack, model, service, options) as held:
        after = moves.pin(held.file, held.service, model, versions or ())
        numbers = moves.wanted_of(after, held.service, model)
        held.deploy(after, f"{model} is pinned to {', '.join(map(str, numbers))}")


@app.command(**examples("tfdeploy unpin vision digits", "tfdeploy unpin vision digits --to all"))
@takes("dry_run", "no_checks", *HOW)
def unpin(
    stack: StackArgument,
    model: ModelName,
    options: Options,
    to: Annotated[
        str, typer.Option("--to", metavar="latest[:N]|all", help="What to serve from now on.")
    ] = "latest",
    drop_labels: Annotated[
        bool, typer.Option("--drop-labels", help="Take the model's labels away.")
    ] = False,
    service: ServiceName = None,
) -> None:
    """Serve the latest version again, also those that are published later.

    Refused while labels need their versions, unless `--to all` keeps them.
    """
    from tfdeploy.cli.moving import moving
    from tfdeploy.stack import moves
    from tfdeploy.stack.arguments import parse_versions
    from tfdeploy.stack.schema import Specific

    policy = parse_versions(to)
    if policy is None or isinstance(policy, Specific):
        raise TfdeployError(
            "TFD216",
            f"'{to}' is a pin.",
            where="--to",
            hint="write latest, latest:2 or all; `tfdeploy pin` takes numbers.",
        )
    with moving(stack, model, service, options) as held:
        after = moves.unpin(held.file, held.service, model, policy, drop_labels=drop_labels)
        numbers = moves.wanted_of(after, held.service, model)
        held.deploy(after, f"{model} serves {to}: {', '.join(map(str, numbers))} now")


@app.command(
    **examples("tfdeploy retire vision digits 3", "tfdeploy retire vision digits 3 --dry-run")
)
@takes("dry_run", "no_checks", *HOW)
def retire(
    stack: StackArgument,
    model: ModelName,
    version: Version,
    options: Options,
    service: ServiceName = None,
) -> None:
    """Serve a version no more; refused while a label points at it.

    Its folder stays on disk.
    """
    from tfdeploy.cli.moving import moving
    from tfdeploy.stack import moves

    with moving(stack, model, service, options) as held:
        after = moves.retire(held.file, held.service, model, version)
        held.deploy(after, f"{model} {version} isn't served any more", retired=version)


def _moved(model: str, label: str, before: int | None, version: int) -> str:
    if before == version:
        return f"label {label} of {model} points at {version} already"
    if before is None:
        return f"label {label} of {model} is new on {version}"
    return f"label {label} of {model} moves from {before} to {version}"


def _label_to_roll_back(held: "Moving", label: str | None) -> str | None:
    """The label that was named, or that is meant; None for a model without labels.

    Raises:
        TfdeployError: TFD208 for one that isn't there, or when several could be meant.
    """
    labels = held.labels
    if label is None and (not labels or STABLE in labels or len(labels) == 1):
        return STABLE if STABLE in labels else next(iter(labels), None)
    if label in labels:
        return label
    listed = ", ".join(labels) or "none"
    message = f"Model '{held.model}' has no label '{label}'." if label else "Which label is meant?"
    where = held.file.where("services", held.service, "models", held.model, "labels")
    hint = f"labels of the model: {listed}; name one with --label."
    raise TfdeployError("TFD208", message, where=where, hint=hint)


def _target(held: "Moving", label: str | None) -> tuple[int, int, str]:
    """Where it stands, where it goes back to, and why there.

    Raises:
        TfdeployError: TFD232 when there is nothing to go back to.
    """
    from tfdeploy.journal.pointing import highest_of, label_of, values_over_time
    from tfdeploy.stack import moves

    entries, model = held.change.journal.entries, held.model
    there = moves.on_disk(held.file, held.service, model)
    wanted = moves.wanted_of(held.file, held.service, model)
    now = held.labels[label] if label else max(wanted, default=0)
    seen = label_of(model, label) if label else highest_of(model)
    values = [*values_over_time(entries, held.service, seen), now]
    before = moves.version_before(values, now, there)
    if before is not None:
        return now, before, "it pointed there before" if label else "it served before"
    lower = [number for number in there if number < now]
    if lower:
        return now, lower[-1], "the next lower version on disk, as the journal shows none before"
    raise TfdeployError(
        "TFD232",
        f"There is nothing to go back to: {now} is the lowest version of {model} on disk, and the "
        "journal shows none before.",
        where=str(held.file.base_path(held.service, model)),
        hint=f"`tfdeploy promote {held.file.folder.name} {model} VERSION` moves to another one.",
    )
