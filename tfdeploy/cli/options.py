"""Arguments and options that several commands share, and examples for --help."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tfdeploy.runtimes import Choice
    from tfdeploy.stack import StackFile


def _complete_stack(incomplete: str) -> list[str]:
    found = sorted(path.parent.name for path in Path("stacks").glob("*/stack.yaml"))
    return [name for name in found if name.startswith(incomplete)]


StackArgument = Annotated[
    str,
    typer.Argument(
        metavar="STACK",
        help="The stack's folder below the stacks folder, or a path to it.",
        autocompletion=_complete_stack,
    ),
]
StacksDir = Annotated[
    Path,
    typer.Option("--stacks-dir", envvar="TFDEPLOY_STACKS_DIR", help="The folder of all stacks."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
RuntimeOption = Annotated[
    str | None,
    typer.Option("--runtime", metavar="docker|process", help="Where services run."),
]
ServerBinary = Annotated[
    str | None,
    typer.Option(
        "--server-binary",
        metavar="PATH",
        help="A tensorflow_model_server for the process runtime, in place of the embedded server.",
    ),
]
TemplatesDir = Annotated[
    Path | None,
    typer.Option("--templates", metavar="DIR", help="Templates that replace the bundled ones."),
]


def seconds(text: str) -> float:
    """A length of time that somebody can wait: ``0``, ``-1``, ``nan`` and ``inf`` are none."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise typer.BadParameter(f"'{text}' is no number of seconds above 0.")
    return number


Timeout = Annotated[
    float,
    typer.Option(
        "--timeout", metavar="SECONDS", parser=seconds, help="How long to wait for the models."
    ),
]
DEFAULT_STACKS = Path("stacks")


def examples(*lines: str) -> dict[str, Any]:
    """The end of a command's --help: examples that can be copied."""
    # \b keeps click from joining the lines to one paragraph.
    return {"epilog": "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)}


def load(stack: str, stacks_dir: Path) -> "StackFile":
    """The stack file that a command's STACK means, its GPU shares settled."""
    from tfdeploy.stack import find_stack, load_stack

    return settle(load_stack(find_stack(stack, stacks_dir)))


def settle(file: "StackFile") -> "StackFile":
    """The stack with a device and a fraction for each GPU share, as everything after takes it."""
    if not any(service.gpu for service in file.stack.services.values()):
        return file
    from tfdeploy.runtimes.gpus import settled

    return settled(file)


@contextmanager
def load_to_change(stack: str, stacks_dir: Path) -> "Iterator[StackFile]":
    """The stack file as it is written, read while no other command changes the stack."""
    from tfdeploy.stack import find_stack, load_stack
    from tfdeploy.stack.lock import changing

    path = find_stack(stack, stacks_dir)
    with changing(path):
        yield load_stack(path)


def choose(
    file: "StackFile", runtime: str | None = None, server_binary: str | None = None
) -> "Choice":
    """The runtime that the command works on."""
    from tfdeploy.runtimes import choose_runtime

    return choose_runtime(file, asked=runtime, server_binary=server_binary)
