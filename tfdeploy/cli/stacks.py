"""new, render, plan: a stack as files."""

from typing import Annotated

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
    choose,
    examples,
    load,
)
from tfdeploy.errors import TfdeployError


@app.command(**examples("tfdeploy new vision", "tfdeploy new vision --service classifier --full"))
def new(
    stack: StackArgument,
    service: Annotated[str, typer.Option(help="The name of its first service.")] = "serving",
    image: Annotated[
        str | None, typer.Option(envvar="TFDEPLOY_IMAGE", help="The server's image.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Write every field, commented.")] = False,
    stacks_dir: StacksDir = DEFAULT_STACKS,
) -> None:
    """Write stacks/STACK/stack.yaml, short and commented."""
    from tfdeploy.files import save_text
    from tfdeploy.render.starter import starter_text
    from tfdeploy.stack import parse_stack

    path = stacks_dir / stack / "stack.yaml"
    if path.exists():
        raise TfdeployError(
            "TFD213",
            f"The stack '{stack}' exists already.",
            where=str(path),
            hint="edit that file, or choose another name.",
        )
    text = starter_text(stack, service=service, image=image, full=full)
    parse_stack(text, path)
    save_text(path, text)
    output.print_line(f"wrote {path}")
    output.print_line(f"next: tfdeploy add-model {stack} NAME [PATH] --service {service}")


@app.command(
    **examples("tfdeploy render vision", "tfdeploy render vision --check   # in CI: exit 1 if old")
)
def render(
    stack: StackArgument,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when files differ.")
    ] = False,
    templates: TemplatesDir = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Write the files of a stack: Compose file and server configs.

    They go to stacks/STACK/rendered.
    """
    from tfdeploy.errors import raise_all
    from tfdeploy.files import save_text
    from tfdeploy.render import render_stack
    from tfdeploy.render.folder import RENDERED_DIR, read_files, template_lookup
    from tfdeploy.stack import check_stack

    file = load(stack, stacks_dir)
    raise_all(check_stack(file))
    rendered = render_stack(file, templates=template_lookup(file, templates))
    folder = file.folder / RENDERED_DIR
    before = read_files(folder)
    differing = sorted(
        name for name in {*before, *rendered.files} if before.get(name) != rendered.files.get(name)
    )
    if check and differing:
        what = (
            "1 rendered file differs"
            if len(differing) == 1
            else (f"{len(differing)} rendered files differ")
        )
        raise TfdeployError(
            "TFD210",
            f"{what}: {', '.join(differing)}.",
            where=str(folder),
            hint=f"`tfdeploy render {stack}` writes them.",
        )
    for name in differing:
        if name in rendered.files:
            save_text(folder / name, rendered.files[name])
        else:
            (folder / name).unlink()
    if as_json:
        files = {"folder": str(folder), "files": sorted(rendered.files), "changed": differing}
        output.print_json({"stack": file.stack.stack, **files})
        return
    for name in differing:
        gone = "" if name in rendered.files else " (removed)"
        output.print_line(f"wrote {folder / name}{gone}" if not gone else f"{folder / name}{gone}")
    if not differing:
        output.print_line(f"{folder}: up to date ({len(rendered.files)} files)")


@app.command(**examples("tfdeploy plan vision", "tfdeploy plan vision --json"))
def plan(
    stack: StackArgument,
    runtime: RuntimeOption = None,
    server_binary: ServerBinary = None,
    templates: TemplatesDir = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Show what `tfdeploy up` would change, and why."""
    from tfdeploy.cli.prepare import prepare

    file = load(stack, stacks_dir)
    choice = choose(file, runtime, server_binary)
    output.note(str(choice))
    ready = prepare(file, choice, templates)
    if as_json:
        output.print_json({**ready.plan.as_data(), "reason": choice.reason})
    else:
        output.print_line(str(ready.plan))
