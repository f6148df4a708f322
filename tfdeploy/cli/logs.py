"""logs: what the servers wrote, and what it means."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import (
    DEFAULT_STACKS,
    AsJson,
    MaybeStackArgument,
    RuntimeOption,
    StacksDir,
    choose,
    examples,
    load,
)
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.cli.log_text import Explained
    from tfdeploy.runtimes import Choice
    from tfdeploy.stack import StackFile

GATEWAY = "gateway"
PRINTED_LINES = 100
EXPLAINED_LINES = 10_000


@app.command(
    **examples(
        "tfdeploy logs vision classifier --follow",
        "tfdeploy logs vision --explain   # or --explain --file server.log",
    )
)
def logs(
    stack: MaybeStackArgument = None,
    service: Annotated[
        str | None, typer.Argument(metavar="[SERVICE]", help="One service; default: all.")
    ] = None,
    tail: Annotated[
        int | None,
        typer.Option(
            help=f"How many lines from the end; default {PRINTED_LINES}, with --explain "
            f"{EXPLAINED_LINES}."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is added.")
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="In place of the lines: what they mean, and how to mend it."
        ),
    ] = False,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Explain this log instead; - is stdin."),
    ] = None,
    runtime: RuntimeOption = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Print what the servers wrote to their logs, or what it means.

    With --explain each line that is known stands there once: what it means, how often it came,
    how to mend it, and the code for `tfdeploy explain`. Exit code 0, whatever was found.
    """
    from tfdeploy.cli.log_text import print_explained

    _check_words(stack, follow=follow, explain=explain, file=file, as_json=as_json)
    if file is not None:
        print_explained([_of_file(file)], as_json)
    elif explain:
        logs_of = _logs_of(stack or "", service, stacks_dir)
        print_explained(_of_services(*logs_of, runtime, tail or EXPLAINED_LINES), as_json)
    else:
        logs_of = _logs_of(stack or "", service, stacks_dir)
        tail = PRINTED_LINES if tail is None else tail
        _print_lines(*logs_of, runtime, tail=tail, follow=follow)


def _check_words(
    stack: str | None, *, follow: bool, explain: bool, file: str | None, as_json: bool
) -> None:
    """Refuse what doesn't go together.

    Raises:
        TfdeployError: TFD216.
    """
    for wrong, message, hint in (
        (stack is None and file is None, "Neither a stack nor a file was named.", "name one."),
        (
            stack is not None and file is not None,
            "A stack and --file exclude each other.",
            "leave one of them out.",
        ),
        (file is not None and not explain, "--file is for --explain.", "add --explain."),
        (as_json and not explain, "--json is for --explain.", "add --explain."),
        (
            follow and explain,
            "--follow and --explain don't go together.",
            "leave one of them out.",
        ),
    ):
        if wrong:
            raise TfdeployError("TFD216", message, where="tfdeploy logs", hint=hint)


def _logs_of(
    stack: str, service: str | None, stacks_dir: Path
) -> tuple["StackFile", str | None, list[str]]:
    """The stack, the service that was named, and the names of all that have a log.

    Raises:
        TfdeployError: TFD201 to TFD203, TFD208.
    """
    file = load(stack, stacks_dir)
    names = [*file.stack.services, *([GATEWAY] if file.stack.gateway else [])]
    if service is not None and service not in names:
        raise TfdeployError(
            "TFD208",
            f"There is no service '{service}'.",
            where=file.where("services"),
            hint=f"services of the stack: {', '.join(names)}.",
        )
    return file, service, names


def _print_lines(
    file: "StackFile",
    service: str | None,
    names: list[str],
    runtime: str | None,
    *,
    tail: int,
    follow: bool,
) -> None:
    if follow and service is None and len(names) > 1:
        raise TfdeployError(
            "TFD216",
            "--follow takes one service.",
            where=f"tfdeploy logs {file.folder.name} --follow",
            hint=f"name one of: {', '.join(names)}.",
        )
    choice = choose(file, runtime)
    printed = False
    for name in [service] if service else names:
        prefix = f"{name} | " if service is None and len(names) > 1 else ""
        for line in choice.runtime.logs(name, tail=tail, follow=follow):
            output.print_line(prefix + line)
            printed = True
    if not printed:
        _refuse_absent(file, choice, names)


def _refuse_absent(file: "StackFile", choice: "Choice", names: list[str]) -> None:
    if all(choice.runtime.look(name).state == "absent" for name in names):
        raise TfdeployError(
            "TFD408",
            f"Stack '{file.stack.stack}' isn't up, and has left no log.",
            where=file.where("services"),
            hint=f"`tfdeploy up {file.folder.name}` starts it.",
        )


def _of_services(
    file: "StackFile", service: str | None, names: list[str], runtime: str | None, tail: int
) -> list["Explained"]:
    """The logs of servers; the gateway's is nginx's.

    Raises:
        TfdeployError: TFD216, TFD408.
    """
    from tfdeploy.cli.log_text import Explained
    from tfdeploy.serverlog import read_log

    if service == GATEWAY and file.stack.gateway:
        raise TfdeployError(
            "TFD216",
            "The gateway is an nginx, whose log isn't explained.",
            where=f"tfdeploy logs {file.folder.name} {GATEWAY} --explain",
            hint=f"`tfdeploy logs {file.folder.name} {GATEWAY}` prints it.",
        )
    choice = choose(file, runtime)
    found = []
    for name in [service] if service else list(file.stack.services):
        ending = choice.runtime.look(name).ending
        wants_gpu = file.stack.services[name].gpu is not None
        lines = choice.runtime.logs(name, tail=tail, follow=False)
        found.append(Explained(read_log(lines, wants_gpu, ending), service=name))
    if not any(one.reading.lines for one in found):
        _refuse_absent(file, choice, names)
    return found


def _of_file(name: str) -> "Explained":
    """Anybody's log.

    Raises:
        TfdeployError: TFD505.
    """
    from tfdeploy.cli.log_text import Explained
    from tfdeploy.serverlog import read_log

    try:
        return Explained(read_log(_lines(name)), file=name)
    except OSError as error:
        raise TfdeployError(
            "TFD505",
            f"The log can't be read: {error.strerror or error}.",
            where=name,
            hint="give the path of a text file, or - for standard input.",
        ) from error


def _lines(name: str) -> Iterator[str]:
    import sys

    if name == "-":
        for raw in sys.stdin.buffer:
            yield raw.decode("utf-8", errors="replace")
        return
    with Path(name).open("rb") as file:
        for raw in file:
            yield raw.decode("utf-8", errors="replace")
