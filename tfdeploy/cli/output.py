"""How results and errors are printed: tables and JSON to stdout, errors to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from tfdeploy.errors import Exit, TfdeployError

# What went wrong with a line that nothing was stopped for.
_lost: list[TfdeployError] = []


def show_error(error: TfdeployError, as_json: bool) -> int:
    """Three lines for each error on stderr; with --json the same as the one document."""
    for single in error.all():
        note(format_error(single))
    if as_json:
        # The error stands on stderr already; where stdout can't be written, that must do.
        with suppress(typer.Exit, TfdeployError):
            print_json({"errors": errors_as_data(error)})
    return int(error.exit_code)


def errors_as_data(error: TfdeployError) -> list[dict[str, str]]:
    """Errors as they stand in a JSON document."""
    return [
        {"code": one.code, "error": one.message, "where": one.where, "hint": one.hint}
        for one in error.all()
    ]


def format_error(error: TfdeployError) -> str:
    """``error: … [CODE]``, ``where: …``, ``hint: …``."""
    message = " ".join(error.message.split())
    where = " ".join(error.where.split())
    return f"error: {message}  [{error.code}]\nwhere: {where}\nhint:  {error.hint}"


def format_warning(warning: TfdeployError) -> str:
    """The same three lines for what stops nothing."""
    return format_error(warning).replace("error:", "warning:", 1)


def print_json(data: Any) -> None:
    """One JSON document on stdout."""
    import json

    write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def print_line(text: str = "") -> None:
    """One line on stdout."""
    write(text + "\n")


def progress(text: str) -> None:
    """A line about work that goes on, whether or not somebody can read of it."""
    try:
        print_line(text)
    except typer.Exit:
        pass
    except TfdeployError as error:
        _lost.append(error)


def write(text: str) -> None:
    """Write to stdout at once: a full disk is met here, not when the interpreter ends.

    Raises:
        typer.Exit: the reader of our output has gone; nobody is there to be told.
        TfdeployError: TFD211.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        drop_stdout()
        raise typer.Exit(Exit.OK) from None
    except OSError as error:
        drop_stdout()
        raise TfdeployError(
            "TFD211",
            f"Can't write to standard output: {error.strerror or error}.",
            where="standard output",
            hint="make room there, or send the output elsewhere.",
        ) from error


def finish() -> None:
    """Raise what was lost on the way, or would be when the interpreter ends; as ``write``."""
    write("")
    if _lost:
        raise _lost.pop()


def drop_stdout() -> None:
    """Send what is still buffered to nowhere: the interpreter would fail on it when it ends."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def open_closed_streams() -> None:
    """Python has None for a stream that the shell closed (``>&-``)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


def note(text: str) -> None:
    """A line that isn't the result: to stderr, so that stdout can be piped."""
    with suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns, aligned; never cut, whatever the terminal's width."""
    for line in table_lines(header, rows):
        print_line(line)


def table_lines(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a table with aligned columns."""
    table = [list(header), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def seconds(value: float) -> str:
    """A duration for people."""
    if value < 60:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(int(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"


def size(value: int) -> str:
    """A number of bytes for people."""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
