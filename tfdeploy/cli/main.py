"""The entry point: every way in which a command can end, and its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.errors import Exit, TfdeployError


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that docs/errors.md lists."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(words))


def run(words: list[str]) -> int:
    """Run one command; every error becomes three lines on stderr and an exit code."""
    import click

    # Everything after `--` belongs to the command, not to us.
    as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
    try:
        return int(app(words, standalone_mode=False, prog_name="tfdeploy") or 0)
    except TfdeployError as error:
        return output.show_error(error, as_json)
    except click.UsageError as error:
        return output.show_error(_usage(error), as_json)
    except (KeyboardInterrupt, click.Abort):
        return output.show_error(_interrupted(words), as_json)
    except BrokenPipeError:
        # The reader of our output has gone; nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:
        return output.show_error(_bug(words, error), as_json)


def _usage(error: object) -> TfdeployError:
    import click

    assert isinstance(error, click.UsageError)
    command = error.ctx.command_path if error.ctx else "tfdeploy"
    message = error.format_message()
    message, _, near = message.partition(" Did you mean ")
    hint = f"`{command} --help` lists what it takes."
    if near:
        hint = f"did you mean {near} {hint}"
    return TfdeployError("TFD216", message, where=command, hint=hint)


def _interrupted(words: list[str]) -> TfdeployError:
    return TfdeployError(
        "TFD414",
        "Interrupted.",
        where=f"tfdeploy {' '.join(words)}",
        hint="run the command again; it starts over.",
    )


def _bug(words: list[str], error: Exception) -> TfdeployError:
    import tempfile
    import traceback

    from tfdeploy import __version__

    with tempfile.NamedTemporaryFile(
        "w", prefix="tfdeploy-bug-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(f"tfdeploy {__version__}, Python {sys.version}\n$ tfdeploy {' '.join(words)}\n")
        traceback.print_exception(error, file=log)
    return TfdeployError(
        "TFD700",
        f"A bug in tfdeploy: {type(error).__name__}: {error}",
        where=log.name,
        hint="report it with that file.",
    )
