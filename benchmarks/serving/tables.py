"""The figures as text: tables for a terminal, and Markdown for docs/performance.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Row = dict[str, Any]
Render = Callable[[list[str], list[list[str]]], str]
# Heading, field, and how a value is written.
COLUMNS = [
    ("model", "case", "{}"),
    ("clients", "concurrency", "{}"),
    ("server", "server", "{}"),
    ("req/s", "per_second", "{:.0f}"),
    ("p50 us", "p50_us", "{:.0f}"),
    ("p99 us", "p99_us", "{:.0f}"),
    ("CPU us", "cpu_us", "{:.0f}"),
    ("x real", "to_real", "{:.2f}"),
    ("x naive", "to_naive", "{:.2f}"),
    ("x bare", "to_bare", "{:.2f}"),
    ("x floor", "to_floor", "{:.2f}"),
    ("x unbatched", "to_unbatched", "{:.2f}"),
    ("p99 x real", "p99_to_real", "{:.2f}"),
    ("above floor us", "above_floor_us", "{:.0f}"),
    ("own us", "own_us", "{:.0f}"),
    ("client", "client_busy", "{:.0%}"),
    ("FAILED", "failed", "{}"),
]
START = [
    ("command", "command", "{}"),
    ("seconds", "seconds", "{:.2f}"),
    ("RSS MiB", "rss_mib", "{:.0f}"),
    ("PSS MiB", "pss_mib", "{:.0f}"),
]
MEMORY = [
    ("server", "server", "{}"),
    ("processes", "processes", "{}"),
    ("RSS MiB", "rss_mib", "{:.0f}"),
    ("PSS MiB", "pss_mib", "{:.0f}"),
]
LIMITS = [
    ("limit", "what", "{}"),
    ("allowed", "limit", "{}"),
    ("measured", "measured", "{:.3f}"),
    ("met", "met", "{}"),
]
TITLES = {
    "rest": "REST, loaded by wrk",
    "grpc": "gRPC, loaded by a grpc.aio client in one process, whose own CPU limits it",
    "batching": "Batching, over REST",
}


def plain(headings: list[str], lines: list[list[str]]) -> str:
    """Columns of equal width, numbers to the right."""
    table = [headings, *lines]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]

    def line(cells: list[str], body: bool = True) -> str:
        padded = [
            cell.ljust(width)
            if position == 0 or (body and cell[:1].isalpha())
            else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(headings), *[line(cells) for cells in lines]]) + "\n"


def markdown(headings: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    rows = [headings, ["---"] * len(headings), *lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def table(columns: list[tuple[str, str, str]], rows: list[Row], render: Render) -> str:
    """The columns in which some row has a value; a column of failures only if there are any."""
    used = [
        column
        for column in columns
        if any(row.get(column[1]) is not None for row in rows)
        and (column[1] != "failed" or any(row["failed"] for row in rows))
    ]
    lines = [[_cell(row.get(field), form) for _, field, form in used] for row in rows]
    return render([heading for heading, _, _ in used], lines)


def _cell(value: Any, form: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return form.format(value)


def report(figures: dict[str, Any], render: Render, heading: str) -> str:
    """All of a run's tables, each below its title."""
    machine = figures["machine"]
    options = figures["options"]
    parts = [
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, TensorFlow "
        f"{machine['tensorflow']}; medians of {options['rounds']} rounds of "
        f"{options['seconds']} s.\n"
    ]
    parts += [
        f"{heading}{title}\n\n{table(columns, rows, render)}"
        for title, columns, rows in _sections(figures)
        if rows
    ]
    return "\n".join(part.lstrip("\n") for part in parts)


def _sections(figures: dict[str, Any]) -> Iterable[tuple[str, Any, list[Row]]]:
    for part, title in TITLES.items():
        yield title, COLUMNS, [row for row in figures["rows"] if row["part"] == part]
    yield "Memory after the load, all models", MEMORY, figures["memory"]
    yield "Start-up of half_plus_two", START, figures["startup"]
    yield "Limits", LIMITS, figures["limits"]
