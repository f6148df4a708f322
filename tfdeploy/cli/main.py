"""The entry point: every way in which a command can end, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import WORDS, with_wait_seconds
from tfdeploy.errors import Exit, TfdeployError

# Typer brings its own copy of click or uses click itself, by its version; this is either's.
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that docs/errors.md lists."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(words or ["--help"]))


def run(words: list[str]) -> int:
    """Run one command; every error becomes three lines on stderr and an exit code."""
    # Everything after `--` belongs to the command, not to us.
    as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
    output.open_closed_streams()
    try:
        return _run(words)
    except TfdeployError as error:
        return output.show_error(error, as_json)
    except USAGE_ERROR as error:
        return output.show_error(_usage(error), as_json)
    except (KeyboardInterrupt, typer.Abort):
        return output.show_error(_interrupted(words), as_json)
    except (typer.Exit, BrokenPipeError):
        # The reader of our output has gone; nobody is there to be told.
        output.drop_stdout()
        return Exit.OK
    except Exception as error:
        return output.show_error(_unwritten() or _bug(words, error), as_json)


def _run(words: list[str]) -> int:
    try:
        with _building_only(words[0]):
            WORDS.set(tuple(words))
            given = with_wait_seconds(words)
            code = int(app(given, standalone_mode=False, prog_name="tfdeploy") or 0)
    except SystemExit as error:
        # Typer's own end where the reader of --help has gone.
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None
        raise
    if code == Exit.INTERRUPTED:
        # Typer swallows ^C and leaves its code.
        raise KeyboardInterrupt
    output.finish()
    return code


def _unwritten() -> TfdeployError | None:
    """TFD211 where stdout can't be written: Typer writes --help itself. Else None."""
    try:
        output.write("")
    except TfdeployError as error:
        return error
    return None


@contextmanager
def _building_only(word: str) -> Iterator[None]:
    """Leave Typer the one command that is asked for: it builds all that it has, at every start.

    Any other word (--help, a typo) needs all of them.
    """
    commands, groups = app.registered_commands, app.registered_groups
    chosen = [
        one for one in commands if word == (one.name or getattr(one.callback, "__name__", ""))
    ]
    chosen_groups = [one for one in groups if word == one.name]
    if chosen or chosen_groups or word == "--version":
        app.registered_commands, app.registered_groups = chosen, chosen_groups
    try:
        yield
    finally:
        app.registered_commands, app.registered_groups = commands, groups


def _usage(error: Any) -> TfdeployError:
    command = error.ctx.command_path if error.ctx else "tfdeploy"
    message, _, near = error.format_message().partition(" Did you mean ")
    near = near or _nearest_option(error)
    hint = f"`{command} --help` lists what it takes."
    if near:
        hint = f"did you mean {near.rstrip('?')}? {hint}"
    return TfdeployError("TFD216", message, where=command, hint=hint)


def _nearest_option(error: Any) -> str:
    """Click looks for near options of its own accord in some releases only."""
    wrong = getattr(error, "option_name", None)
    if not wrong or error.ctx is None:
        return ""
    import difflib

    names = [name for one in error.ctx.command.params for name in one.opts]
    return "".join(difflib.get_close_matches(wrong, names, n=1))


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
