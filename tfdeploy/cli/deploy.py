"""up, down: change what runs."""

from dataclasses import replace
from typing import Annotated

import typer

from tfdeploy.cli.app import app
from tfdeploy.cli.change import DRAIN_SECONDS, open_change
from tfdeploy.cli.change_options import HOW, WHICH, Options, takes
from tfdeploy.cli.options import StackArgument, examples, wait_seconds


@app.command(**examples("tfdeploy up vision", "tfdeploy up vision --runtime process --timeout 60"))
@takes("dry_run", "no_checks", *HOW)
def up(
    stack: StackArgument,
    options: Options,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Don't ask before a service is away for a while.")
    ] = False,
) -> None:
    """Bring a stack up, or change it to what its file says.

    Everything is checked first; then the plan is shown and applied, and every wanted model
    version is waited for. A version answers its sample requests before a label moves to it. A
    change that fails is taken back.
    """
    with open_change(stack, replace(options, asks=not yes)) as change:
        change.deploy(change.file)


@app.command(**examples("tfdeploy down vision", "tfdeploy down vision --drain-seconds 60 --json"))
@takes("runtime", *WHICH)
def down(
    stack: StackArgument,
    options: Options,
    drain_seconds: Annotated[
        float,
        typer.Option(
            "--drain-seconds",
            metavar="SECONDS",
            parser=wait_seconds,
            help="How long requests in flight may take; 0 cuts them off.",
        ),
    ] = DRAIN_SECONDS,
) -> None:
    """Stop every service of a stack.

    New requests are refused at once, those in flight finish first. Models, rendered files and the
    journal stay.
    """
    with open_change(stack, options) as change:
        change.down(drain_seconds=drain_seconds).show(change)
