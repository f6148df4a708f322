"""status: look at what runs."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    seconds,
)
from tfdeploy.errors import Exit, TfdeployError

if TYPE_CHECKING:
    from tfdeploy.cli.looking import Look


@app.command(**examples("tfdeploy status vision --json", "tfdeploy status vision --watch"))
def status(
    stack: StackArgument,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look again and again, until ^C.")
    ] = False,
    every: Annotated[
        float,
        typer.Option(
            "--every", metavar="SECONDS", parser=seconds, help="How long between two looks."
        ),
    ] = 2.0,
    runtime: RuntimeOption = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Compare what is wanted with what serves, and show what the servers counted.

    Exit code 1 when anything differs. With --watch, ^C ends it with 0.
    """
    if watch:
        _refuse_json(as_json, stack)
        _watch(stack, stacks_dir, runtime, every)
        return
    look = _look(stack, stacks_dir, runtime)
    if as_json:
        from tfdeploy.cli.status_text import status_data

        output.print_json(status_data(look))
    else:
        from tfdeploy.cli.status_text import status_lines

        for line in status_lines(look):
            output.print_line(line)
    if not look.health.healthy:
        raise typer.Exit(Exit.NO)


def _look(stack: str, stacks_dir: Path, runtime: str | None) -> "Look":
    from tfdeploy.cli.looking import take_look

    file = load(stack, stacks_dir)
    return take_look(file, choose(file, runtime))


def _refuse_json(as_json: bool, stack: str) -> None:
    if as_json:
        raise TfdeployError(
            "TFD216",
            "--watch and --json don't go together: --json prints one document.",
            where=f"tfdeploy status {stack} --watch --json",
            hint="leave one of them out; a script looks again when it likes.",
        )


def _watch(stack: str, stacks_dir: Path, runtime: str | None, every: float) -> None:
    """A screen on a terminal, blocks one below the other elsewhere; figures since the look before.

    What can't be read for a moment, an engine that is down or a file half edited, is shown, and
    the next look tries again.
    """
    from contextlib import suppress

    from tfdeploy.cli.status_text import status_lines

    clear = "\x1b[2J\x1b[H" if sys.stdout.isatty() else ""
    before: Look | None = None
    with suppress(KeyboardInterrupt):
        while True:
            try:
                look = _look(stack, stacks_dir, runtime)
                lines = list(status_lines(look.since(before)))
                before = look
            except TfdeployError as error:
                lines = [output.format_error(one) for one in error.all()]
            moment = time.strftime("%H:%M:%S")
            output.write(clear + "\n".join([moment, *lines, "", ""]))
            time.sleep(every)
