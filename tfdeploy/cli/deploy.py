"""up, down: change what runs."""

from typing import Annotated

import typer

from tfdeploy.cli.app import app
from tfdeploy.cli.change import DRAIN_SECONDS, Options, open_change
from tfdeploy.cli.options import (
    DEFAULT_STACKS,
    AsJson,
    DryRun,
    NoChecks,
    RuntimeOption,
    ServerBinary,
    StackArgument,
    StacksDir,
    TemplatesDir,
    Timeout,
    Wait,
    examples,
    skip_checks,
    wait_seconds,
)


@app.command(**examples("tfdeploy up vision", "tfdeploy up vision --runtime process --timeout 60"))
def up(
    stack: StackArgument,
    runtime: RuntimeOption = None,
    server_binary: ServerBinary = None,
    dry_run: DryRun = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Don't ask before a service is away for a while.")
    ] = False,
    templates: TemplatesDir = None,
    timeout: Timeout = 300.0,
    no_checks: NoChecks = False,
    wait: Wait = 0.0,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Bring a stack up, or change it to what its file says.

    Everything is checked first; then the plan is shown and applied, and every wanted model
    version is waited for. A version answers its sample requests before a label moves to it. A
    change that fails is taken back.
    """
    skip = skip_checks(no_checks)
    options = Options(
        runtime, server_binary, templates, timeout, as_json, dry_run, skip, asks=not yes
    )
    with open_change(stack, stacks_dir, options, wait) as change:
        change.deploy(change.file)


@app.command(**examples("tfdeploy down vision", "tfdeploy down vision --drain-seconds 60 --json"))
def down(
    stack: StackArgument,
    drain_seconds: Annotated[
        float,
        typer.Option(
            "--drain-seconds",
            metavar="SECONDS",
            parser=wait_seconds,
            help="How long requests in flight may take; 0 cuts them off.",
        ),
    ] = DRAIN_SECONDS,
    runtime: RuntimeOption = None,
    wait: Wait = 0.0,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Stop every service of a stack.

    New requests are refused at once, those in flight finish first. Models, rendered files and the
    journal stay.
    """
    with open_change(stack, stacks_dir, Options(runtime, as_json=as_json), wait) as change:
        change.down(drain_seconds=drain_seconds).show(change)
