"""add-model, remove-model: the stack file, edited with its comments kept."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import (
    DEFAULT_STACKS,
    AsJson,
    RuntimeOption,
    ServerBinary,
    StackArgument,
    StacksDir,
    TemplatesDir,
    Timeout,
    choose,
    examples,
    load_to_change,
)
from tfdeploy.errors import TfdeployError, raise_all

if TYPE_CHECKING:
    from tfdeploy.savedmodel import VersionFolder
    from tfdeploy.stack import StackFile

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
def add_model(
    stack: StackArgument,
    name: ModelArgument,
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
    runtime: RuntimeOption = None,
    server_binary: ServerBinary = None,
    templates: TemplatesDir = None,
    timeout: Timeout = 300.0,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Add a model to a service.

    The model is checked on disk and the whole resulting stack is checked before the stack file
    is written. A model that is there already gets the new versions and labels.
    """
    from tfdeploy.stack import edit
    from tfdeploy.stack.arguments import parse_labels, parse_versions
    from tfdeploy.stack.bring import path_below

    labels, policy = parse_labels(label or []), parse_versions(versions)
    with load_to_change(stack, stacks_dir) as file:
        chosen = edit.pick_service(file, service)
        below = path_below(path, file.models_root) if path else None
        # First without touching the disk: a typo must not leave a copied model behind.
        after = edit.add_model(
            file,
            name,
            chosen,
            path=below,
            versions=policy,
            labels=labels,
            dropped=drop_label or (),
        )
        with _kept_if_fine(file.models_root / name, None if below else path) as brought:
            _check(after)
        _save(file, after, as_json or up)
        if up:
            _deploy(after, runtime, server_binary, templates, timeout, as_json)
        else:
            _finish(file, after, as_json, {"brought": [str(one.path) for one in brought]})


@app.command(
    "remove-model",
    **examples(
        "tfdeploy remove-model vision digits",
        "tfdeploy remove-model vision digits --service classifier --up",
    ),
)
def remove_model(
    stack: StackArgument,
    name: ModelArgument,
    service: ServiceOption = None,
    up: GoOn = False,
    runtime: RuntimeOption = None,
    server_binary: ServerBinary = None,
    templates: TemplatesDir = None,
    timeout: Timeout = 300.0,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Take a model out of a service.

    Its files stay in models_dir.
    """
    from tfdeploy.stack import edit

    with load_to_change(stack, stacks_dir) as file:
        after = edit.remove_model(file, name, service)
        _save(file, after, as_json or up)
        if up:
            _deploy(after, runtime, server_binary, templates, timeout, as_json)
        else:
            _finish(file, after, as_json, {})


@contextmanager
def _kept_if_fine(base_path: Path, source: Path | None) -> "Iterator[list[VersionFolder]]":
    """Bring a model that lies elsewhere; what was brought goes again when the body fails."""
    import shutil

    from tfdeploy.stack.bring import bring_model

    brought = bring_model(source, base_path) if source else []
    try:
        yield brought
    except TfdeployError:
        for version in brought:
            shutil.rmtree(version.path, ignore_errors=True)
        with suppress(OSError):
            base_path.rmdir()
        raise


def _deploy(
    file: "StackFile",
    runtime: str | None,
    server_binary: str | None,
    templates: Path | None,
    timeout: float,
    as_json: bool,
) -> None:
    from tfdeploy.cli.deploy import deploy

    deploy(file, choose(file, runtime, server_binary), templates, timeout, as_json)


def _check(file: "StackFile") -> None:
    """The whole resulting stack; a service that has no models yet is no reason to refuse."""
    from tfdeploy.stack import check_models, check_stack

    problems = [*check_stack(file), *check_models(file)]
    raise_all(one for one in problems if one.code != "TFD217")


def _save(before: "StackFile", after: "StackFile", quiet: bool) -> None:
    from tfdeploy.files import save_text

    save_text(after.path, after.text)
    diff = _diff(before, after)
    (output.note if quiet else output.print_line)(diff or f"{after.path}: nothing to change")


def _diff(before: "StackFile", after: "StackFile") -> str:
    import difflib

    lines = difflib.unified_diff(
        before.text.splitlines(),
        after.text.splitlines(),
        str(before.path),
        str(after.path),
        lineterm="",
        n=2,
    )
    return "\n".join(lines)


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
