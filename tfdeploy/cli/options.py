"""Arguments and options that several commands share, and examples for --help."""

import math
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tfdeploy.runtimes import Choice
    from tfdeploy.stack import StackFile


def complete_stack(incomplete: str) -> list[str]:
    """The stacks of the folder `stacks`, for the shell."""
    found = sorted(path.parent.name for path in Path("stacks").glob("*/stack.yaml"))
    return [name for name in found if name.startswith(incomplete)]


StackArgument = Annotated[
    str,
    typer.Argument(
        metavar="STACK",
        help="The stack's folder below the stacks folder, or a path to it.",
        autocompletion=complete_stack,
    ),
]
MaybeStackArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[STACK]",
        help="The stack's folder below the stacks folder, or a path to it.",
        autocompletion=complete_stack,
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


def wait_seconds(text: str) -> float:
    """How long to wait for another command: any number, 0 and ``inf`` with it."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number >= 0:
        raise typer.BadParameter(f"'{text}' is no number of seconds.")
    return number


Wait = Annotated[
    float,
    typer.Option(
        "--wait",
        metavar="[SECONDS]",
        parser=wait_seconds,
        show_default=False,
        help="Wait for another command that changes the stack; without a number, to its end.",
    ),
]
NoChecks = Annotated[
    bool,
    typer.Option("--no-checks", help="Move labels without asking the new version anything first."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Stop after the plan.")]
DEFAULT_STACKS = Path("stacks")

WORDS: ContextVar[tuple[str, ...]] = ContextVar("words", default=())
"""The words of the command that runs, as they were given."""


def with_wait_seconds(words: Sequence[str]) -> list[str]:
    """The words with a number behind each bare ``--wait``, which an option can't be without."""
    end = words.index("--") if "--" in words else len(words)
    out = []
    for at, word in enumerate(words):
        out.append(word)
        if word == "--wait" and at < end and not _is_number(words[at + 1 : at + 2]):
            out.append("inf")
    return out


def _is_number(words: Sequence[str]) -> bool:
    try:
        return bool(words) and math.isfinite(float(words[0]))
    except ValueError:
        return False


SERVED_BEFORE = "it has served before"
"""Why a way back asks nothing: it is for when time is short."""


def skip_checks(no_checks: bool) -> str:
    """Why nothing is asked, as the plan says it and the journal keeps it."""
    return "--no-checks was given" if no_checks else ""


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


def choose(
    file: "StackFile", runtime: str | None = None, server_binary: str | None = None
) -> "Choice":
    """The runtime that the command works on."""
    from tfdeploy.runtimes import choose_runtime

    return choose_runtime(file, asked=runtime, server_binary=server_binary)
