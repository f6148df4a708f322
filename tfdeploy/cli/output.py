"""How results and errors are printed: tables and JSON to stdout, errors to stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from tfdeploy.errors import TfdeployError


def show_error(error: TfdeployError, as_json: bool) -> int:
    """Three lines for each error on stderr; with --json the same as the one document."""
    for single in error.all():
        sys.stderr.write(format_error(single) + "\n")
    if as_json:
        errors = [
            {"code": one.code, "error": one.message, "where": one.where, "hint": one.hint}
            for one in error.all()
        ]
        print_json({"errors": errors})
    return int(error.exit_code)


def format_error(error: TfdeployError) -> str:
    """``error: … [CODE]``, ``where: …``, ``hint: …``."""
    message = " ".join(error.message.split())
    where = " ".join(error.where.split())
    return f"error: {message}  [{error.code}]\nwhere: {where}\nhint:  {error.hint}"


def print_json(data: Any) -> None:
    """One JSON document on stdout."""
    import json

    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def print_line(text: str = "") -> None:
    """One line on stdout."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line that isn't the result: to stderr, so that stdout can be piped."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns, aligned; never cut, whatever the terminal's width."""
    table = [list(header), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print_line("  ".join(cells).rstrip())


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
