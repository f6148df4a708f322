"""prune: delete versions that nobody needs any more."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.change import open_change
from tfdeploy.cli.change_options import WHICH, Options, takes
from tfdeploy.cli.options import StackArgument, examples, load
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.savedmodel import VersionFolder
    from tfdeploy.stack import StackFile
    from tfdeploy.stack.pruning import Choice


SHARED_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class _Model:
    """One model's versions: what goes, what stays, and how large each is, in bytes."""

    name: str
    base_path: Path
    choice: "Choice"
    sizes: dict[int, int]


@app.command(
    **examples("tfdeploy prune vision --keep 3 --dry-run", "tfdeploy prune vision --keep 3 --yes")
)
@takes(*WHICH)
def prune(
    stack: StackArgument,
    options: Options,
    keep: Annotated[
        int, typer.Option("--keep", min=1, help="How many of the newest versions of a model stay.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go; delete nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete versions of a stack's models beyond the newest, from the models folder.

    A version stays when a label or the version policy of any stack in the stacks folder needs it,
    when it serves, and when the next undo would go back to it. What is deleted doesn't come back.
    """
    if dry_run:
        from tfdeploy.cli.needs import sharing_stacks

        file = load(stack, options.stacks_dir)
        _report(file, _choose(file, sharing_stacks(file), keep), options.as_json, done=False)
        return
    with open_change(stack, options) as change:
        models, held = _hold_and_choose(change.file, keep, options.wait_seconds)
        with held:
            going = [one for model in models for one in model.choice.going]
            if going and not yes:
                _confirm(change.file, models)
            if going:
                change.begin()
                _delete(models)
                change.end_with(_summary(models, "deleted"))
            elif models:
                _clean(models)
        _report(change.file, models, options.as_json, done=True)


def _hold_and_choose(file: "StackFile", keep: int, wait: float) -> tuple[list[_Model], ExitStack]:
    """Others that share the models mustn't begin to need what is about to go."""
    from tfdeploy.cli.needs import hold_all, sharing_stacks

    others = sharing_stacks(file)
    # Two that prune would else wait for each other for ever.
    with hold_all(others, min(wait, SHARED_WAIT_SECONDS)) as held:
        # As they are now that nobody changes them.
        return _choose(file, sharing_stacks(file), keep), held.pop_all()


def _choose(file: "StackFile", others: "list[StackFile]", keep: int) -> list[_Model]:
    from tfdeploy.cli.needs import base_paths, needs_of
    from tfdeploy.files import tree_bytes
    from tfdeploy.savedmodel import list_versions
    from tfdeploy.stack.pruning import choose_prunable

    needs = needs_of([file, *others])
    models = []
    for path, name in base_paths(file).items():
        choice = choose_prunable(list_versions(path), needs.get(path, {}), keep)
        sizes = {one.number: tree_bytes(one.path) for one in choice.going}
        models.append(_Model(name, path, choice, sizes))
    return models


def _confirm(file: "StackFile", models: list[_Model]) -> None:
    if not sys.stdin.isatty():
        raise TfdeployError(
            "TFD452",
            f"Nobody is there to confirm: {_summary(models, 'to be deleted')}.",
            where=f"tfdeploy prune {file.folder.name}",
            hint="`--yes` says that it is meant, `--dry-run` shows what would go.",
        )
    for line in _table(models):
        output.note(line)
    typer.confirm(f"Delete {_summary(models)}?", abort=True, err=True)


def _delete(models: list[_Model]) -> None:
    from tfdeploy.files import remove_aside

    for model in models:
        for one in model.choice.going:
            remove_aside(one.path)
    _clean(models)


def _clean(models: list[_Model]) -> None:
    """Finish what an earlier prune was killed at."""
    from tfdeploy.files import remove_half_removed

    for model in models:
        for gone in remove_half_removed(model.base_path):
            output.note(f"note: removed {gone}, which a killed command had left")


def _report(file: "StackFile", models: list[_Model], as_json: bool, *, done: bool) -> None:
    if as_json:
        output.print_json(_data(file, models, done))
        return
    if any(model.choice.going for model in models):
        for line in _table(models):
            output.print_line(line)
    for model in models:
        kept = [f"{number} ({why})" for number, why in model.choice.kept.items()]
        output.print_line(f"{model.name} keeps {', '.join(kept) or 'nothing: it has no versions'}")
    output.print_line(_summary(models, "deleted" if done else "would be deleted"))


def _table(models: list[_Model]) -> list[str]:
    rows = [
        (model.name, one.number, output.size(model.sizes[one.number]), one.path)
        for model in models
        for one in model.choice.going
    ]
    return output.table_lines(["MODEL", "VERSION", "SIZE", "FOLDER"], rows)


def _summary(models: list[_Model], verb: str = "") -> str:
    """``3 versions, 1.2 GiB, deleted``; empty verbs are left out."""
    count = sum(len(model.choice.going) for model in models)
    size = output.size(sum(sum(model.sizes.values()) for model in models))
    what = f"{count} version{'' if count == 1 else 's'}, {size}"
    return f"{what} {verb}".rstrip()


def _data(file: "StackFile", models: list[_Model], done: bool) -> dict[str, Any]:
    return {
        "stack": file.stack.stack,
        "dry_run": not done,
        "deleted" if done else "would_delete": [
            _folder(model, one) for model in models for one in model.choice.going
        ],
        "kept": [
            {"model": model.name, "version": number, "because": why}
            for model in models
            for number, why in model.choice.kept.items()
        ],
        "bytes": sum(sum(model.sizes.values()) for model in models),
    }


def _folder(model: _Model, one: "VersionFolder") -> dict[str, Any]:
    size = model.sizes[one.number]
    return {"model": model.name, "version": one.number, "folder": str(one.path), "bytes": size}
