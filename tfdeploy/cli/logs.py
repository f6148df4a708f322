"""logs: what the servers wrote, and what it means."""

from collections.abc import Iterable
from dataclasses import dataclass
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
    from tfdeploy.serverlog import Ending
    from tfdeploy.stack import StackFile

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
            f"{EXPLAINED_LINES:,}, and all of a file."
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

    _check_words(
        stack,
        follow=follow,
        explain=explain,
        file=file,
        as_json=as_json,
        tail=tail,
        runtime=runtime,
    )
    if file is not None:
        print_explained([_of_file(file, tail)], as_json)
        return
    asked = _asked(stack or "", service, stacks_dir, runtime)
    if explain:
        print_explained(_of_services(asked, EXPLAINED_LINES if tail is None else tail), as_json)
    else:
        _print_lines(asked, tail=PRINTED_LINES if tail is None else tail, follow=follow)


@dataclass(frozen=True)
class _Asked:
    """Whose logs are asked for, and where the servers run.

    Attributes:
        service: the one that was named.
        names: of all that have a log.
    """

    file: "StackFile"
    choice: "Choice"
    service: str | None
    names: list[str]

    @property
    def wanted(self) -> list[str]:
        return [self.service] if self.service else self.names


def _check_words(
    stack: str | None,
    *,
    follow: bool,
    explain: bool,
    file: str | None,
    as_json: bool,
    tail: int | None,
    runtime: str | None,
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
        (
            file is not None and runtime is not None,
            "--runtime is for the logs of a stack, not for --file.",
            "leave --runtime out.",
        ),
        (as_json and not explain, "--json is for --explain.", "add --explain."),
        (
            follow and explain,
            "--follow and --explain don't go together.",
            "leave one of them out.",
        ),
        (
            tail is not None and tail < 0,
            f"--tail {tail} is no number of lines.",
            "give a number from 0 on.",
        ),
        (
            tail == 0 and explain,
            "--tail 0 leaves no line to explain.",
            "give a larger number, or leave --tail out.",
        ),
    ):
        if wrong:
            raise TfdeployError("TFD216", message, where="tfdeploy logs", hint=hint)


def _asked(stack: str, service: str | None, stacks_dir: Path, runtime: str | None) -> _Asked:
    """A service that runs and was taken out of the file, or renamed there, has a log as well.

    Raises:
        TfdeployError: TFD201 to TFD203, TFD208.
    """
    from tfdeploy.render import GATEWAY

    file = load(stack, stacks_dir)
    choice = choose(file, runtime)
    in_file = list(file.stack.services)
    others = sorted(choice.runtime.names() - set(in_file))
    names = [*in_file, *others, *([GATEWAY] if file.stack.gateway else [])]
    if service is not None and service not in names:
        raise TfdeployError(
            "TFD208",
            f"There is no service '{service}'.",
            where=file.where("services"),
            hint=f"services of the stack: {', '.join(names)}.",
        )
    return _Asked(file, choice, service, names)


def _print_lines(asked: _Asked, *, tail: int, follow: bool) -> None:
    many = asked.service is None and len(asked.names) > 1
    if follow and many:
        raise TfdeployError(
            "TFD216",
            "--follow takes one service.",
            where=f"tfdeploy logs {asked.file.folder.name} --follow",
            hint=f"name one of: {', '.join(asked.names)}.",
        )
    printed = False
    for name in asked.wanted:
        prefix = f"{name} | " if many else ""
        for line in _log(asked, name, tail, follow=follow)[0]:
            output.print_line(prefix + line)
            printed = True
    if not printed:
        _refuse_absent(asked)


def _log(
    asked: _Asked, name: str, tail: int, *, follow: bool = False
) -> tuple[Iterable[str], "Ending | None", str]:
    """The log of a service, how it ended, and on which runtime as far as that is known.

    Where the service isn't up it is what its last server left.
    """
    from tfdeploy.render import GATEWAY
    from tfdeploy.runtimes.left_logs import LeftLogs, read_left

    runtime, left = asked.choice.runtime, LeftLogs(asked.file)
    if name == GATEWAY:
        return runtime.logs(name, tail=tail, follow=follow), None, runtime.name
    now = runtime.look(name)
    path = left.last(name) if now.state == "absent" else None
    if path is not None:
        output.note(f"service '{name}' isn't up; its last server wrote this ({path})")
        return *read_left(path, tail), ""
    if failed := left.failed(name):
        output.note(
            f"a change of service '{name}' failed; `tfdeploy logs --explain --file {failed}` "
            "tells what its server wrote"
        )
    return runtime.logs(name, tail=tail, follow=follow), now.ending, runtime.name


def _refuse_absent(asked: _Asked) -> None:
    if all(asked.choice.runtime.look(name).state == "absent" for name in asked.names):
        raise TfdeployError(
            "TFD408",
            f"Stack '{asked.file.stack.stack}' isn't up, and has left no log.",
            where=asked.file.where("services"),
            hint=f"`tfdeploy up {asked.file.folder.name}` starts it.",
        )


def _of_services(asked: _Asked, tail: int) -> list["Explained"]:
    """The logs of servers; the gateway's is nginx's.

    Raises:
        TfdeployError: TFD216, TFD408.
    """
    from tfdeploy.cli.log_text import Explained
    from tfdeploy.render import GATEWAY
    from tfdeploy.serverlog import read_log

    file = asked.file
    if asked.service == GATEWAY and file.stack.gateway:
        raise TfdeployError(
            "TFD216",
            "The gateway is an nginx, whose log isn't explained.",
            where=f"tfdeploy logs {file.folder.name} {GATEWAY} --explain",
            hint=f"`tfdeploy logs {file.folder.name} {GATEWAY}` prints it.",
        )
    found = []
    for name in asked.wanted:
        if name == GATEWAY:
            continue
        wants_gpu = _wants_gpu(asked.file, name)
        lines, ending, runtime = _log(asked, name, tail)
        found.append(Explained(read_log(lines, wants_gpu, ending, runtime), service=name))
    if not any(one.reading.lines for one in found):
        _refuse_absent(asked)
    return found


def _wants_gpu(file: "StackFile", name: str) -> bool | None:
    """Whether a service asks for a GPU; nobody knows of one that isn't in the file any more."""
    services = file.stack.services
    if name in services:
        return services[name].gpu is not None
    return None if any(one.gpu for one in services.values()) else False


def _of_file(name: str, tail: int | None) -> "Explained":
    """Anybody's log.

    Raises:
        TfdeployError: TFD505.
    """
    from tfdeploy.cli.log_file import read_lines
    from tfdeploy.cli.log_text import Explained
    from tfdeploy.serverlog import read_log

    first, lines = read_lines(name, tail)
    return Explained(read_log(lines, first_number=first), file=name)
