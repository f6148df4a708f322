"""add-model, remove-model: the stack file, edited with its comments kept."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.change import open_change
from tfdeploy.cli.change_options import HOW, Options, takes
from tfdeploy.cli.options import StackArgument, examples, settle
from tfdeploy.errors import raise_all

if TYPE_CHECKING:
    from tfdeploy.savedmodel import VersionFolder
    from tfdeploy.stack import StackFile
    from tfdeploy.stack.check import Coming
    from tfdeploy.stack.schema import Specific

GoOn = Annotated[bool, typer.Option("--up", help="Go on with `tfdeploy up`.")]
ServiceOption = Annotated[
    str | None, typer.Option("--service", "-s", help="The service; needed when there are several.")
]
ModelArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name that clients call.")]


@app.command(
    "add-model",
    **examples(
        "tfdeploy add-model vision digits --service classifier --label stable=3",
        "tfdeploy add-model vision digits ~/trained/digits --versions 3,4 --up",
    ),
)
@takes("no_checks", *HOW)
def add_model(
    stack: StackArgument,
    name: ModelArgument,
    options: Options,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]",
            help="A SavedModel or a base path; brought into models_dir when it lies elsewhere.",
        ),
    ] = None,
    service: ServiceOption = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="LABEL=VERSION", help="Point a label at a version."),
    ] = None,
    drop_label: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="Take a label away.")
    ] = None,
    versions: Annotated[
        str | None, typer.Option(metavar="latest:N|all|3,4", help="Which versions to serve.")
    ] = None,
    up: GoOn = False,
) -> None:
    """Add a model to a service.

    The model is checked on disk and the whole resulting stack is checked before the stack file
    is written. A model that is there already gets the new versions and labels.
    """
    from tfdeploy.stack import edit
    from tfdeploy.stack.arguments import parse_labels, parse_versions
    from tfdeploy.stack.bring import bring_model, path_below, versions_to_bring

    labels, policy = parse_labels(label or []), parse_versions(versions)
    with open_change(stack, options) as change:
        file = change.file
        chosen = edit.pick_service(file, service)
        below = path_below(path, file.models_root) if path else None
        known = file.stack.services[chosen].models.get(name)
        base_path = file.models_root / ((known.path if known else None) or name)
        coming = versions_to_bring(path, base_path) if path and not below else []
        after = edit.add_model(
            file,
            name,
            chosen,
            path=below,
            versions=policy or _pinned(file, chosen, name, labels, coming),
            labels=labels,
            dropped=drop_label or (),
        )
        # Before anything is brought: a server that serves the latest version takes it at once.
        _check(after, {(chosen, name): coming})
        brought = []
        if path and not below:
            change.begin(after, brought=(str(base_path.absolute()),))
            brought = bring_model(path, base_path)
            if not brought:
                change.update(brought=())
        _note_unserved(after, chosen, name, brought)
        if up:
            change.deploy(after)
        else:
            change.save(after)
            _finish(file, after, options.as_json, {"brought": [str(one.path) for one in brought]})


@app.command(
    "remove-model",
    **examples(
        "tfdeploy remove-model vision digits",
        "tfdeploy remove-model vision digits --service classifier --up",
    ),
)
@takes(*HOW)
def remove_model(
    stack: StackArgument,
    name: ModelArgument,
    options: Options,
    service: ServiceOption = None,
    up: GoOn = False,
) -> None:
    """Take a model out of a service.

    Its files stay in models_dir.
    """
    from tfdeploy.stack import edit

    with open_change(stack, options) as change:
        after = edit.remove_model(change.file, name, service)
        if up:
            change.deploy(after)
        else:
            change.save(after)
            _finish(change.file, after, options.as_json, {})


def _pinned(
    file: "StackFile",
    service: str,
    name: str,
    labels: dict[str, int],
    coming: "list[VersionFolder]",
) -> "Specific | None":
    """The versions to pin when a label comes to a model that serves its latest version.

    Otherwise the next version that is published would unload the one that the label points at.
    """
    from tfdeploy.savedmodel import list_versions
    from tfdeploy.stack.schema import Latest, ServedModel, Specific

    known = file.stack.services[service].models.get(name, ServedModel())
    if not labels or not isinstance(known.versions, Latest):
        return None
    base_path = file.models_root / (known.path or name)
    there = list_versions(base_path) if base_path.is_dir() else []
    newest = sorted({one.number for one in [*there, *coming]})[-known.versions.latest :]
    return Specific(specific=sorted({*newest, *known.labels.values(), *labels.values()}))


def _note_unserved(
    file: "StackFile", service: str, name: str, brought: "list[VersionFolder]"
) -> None:
    """A version that was brought but isn't served surprises."""
    from tfdeploy.stack import resolve_wanted

    wanted = resolve_wanted(file)[service][name]
    unserved = [str(one.number) for one in brought if one.number not in wanted]
    if unserved:
        serves = ",".join(map(str, wanted))
        output.note(
            f"note: `versions:` of {name} serves {serves or 'nothing'}; not served: "
            f"{', '.join(unserved)} (--versions {','.join([*map(str, wanted), *unserved])})"
        )


def _check(file: "StackFile", coming: "Coming") -> None:
    """The whole resulting stack; a service that has no models yet is no reason to refuse.

    Nor is a share that goes by models which are on their way.
    """
    from tfdeploy.stack import check_models, check_stack

    problems = [*check_stack(settle(file)), *check_models(file, coming)]
    raise_all(one for one in problems if one.code not in ("TFD217", "TFD315"))


def _finish(before: "StackFile", after: "StackFile", as_json: bool, extra: dict[str, Any]) -> None:
    changed = before.text != after.text
    command = f"tfdeploy up {after.folder.name}"
    if as_json:
        result = {"stack_file": str(after.path), "changed": changed, **extra, "next": command}
        output.print_json(result)
        return
    for path in extra.get("brought", []):
        output.print_line(f"brought {path}")
    output.print_line(f"next: {command}")
