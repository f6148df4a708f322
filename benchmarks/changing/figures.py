"""The figures as text, and as Markdown for a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from changing.running import OUTCOMES, counted

Rows = list[list[str]]


def load_table(load: Mapping[str, Any]) -> Rows:
    """One line for each change: what became of the requests during it and after it."""
    head = ["change", "command s", *OUTCOMES, "longest gap s", "slowest s"]
    return [head, *map(load_line, load["rows"]), _total(load["rows"])]


def load_line(row: Mapping[str, Any]) -> list[str]:
    """One change."""
    parts = (row["during"], row["after"])
    return [
        row["name"],
        f"{row['command_seconds']:.2f}",
        *(str(counted(row, outcome)) for outcome in OUTCOMES),
        f"{max(part['longest_gap_seconds'] for part in parts):.2f}",
        f"{max(part['slowest_seconds'] for part in parts):.2f}",
    ]


def _total(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    counts = [str(sum(counted(row, outcome) for row in rows)) for outcome in OUTCOMES]
    return ["all", "", *counts, "", ""]


def available_table(rows: Sequence[Mapping[str, Any]]) -> Rows:
    """One line for each way to bring a model."""
    head = ["way", "AVAILABLE after s", "fastest", "slowest", "ratio", "command s"]
    keys = ("way", "available_s", "fastest_s", "slowest_s", "to_add_model", "command_s")
    return [head, *([str(row.get(key, "")) for key in keys] for row in rows)]


def idle_table(rows: Sequence[Mapping[str, Any]]) -> Rows:
    """One line for each number of services."""
    head = ["services", "plan --help s", "render --check s", "plan s", "up s"]
    head += ["rendering alone s", "observing alone s", "planning alone s"]
    keys = ("services", "help_s", "render_s", "plan_s", "up_s")
    keys += ("rendering_s", "observing_s", "planning_s")
    return [head, *([str(row[key]) for key in keys] for row in rows)]


TABLES: Mapping[str, Callable[[Any], Rows]] = {
    "load": load_table,
    "available": available_table,
    "idle": idle_table,
}


def aligned(table: Rows) -> str:
    """A table for a terminal."""
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    )


def markdown(table: Rows) -> str:
    """A table for a page."""
    head, *lines = ["| " + " | ".join(line) + " |" for line in table]
    return "\n".join([head, "|---" + "|---:" * (len(table[0]) - 1) + "|", *lines])
