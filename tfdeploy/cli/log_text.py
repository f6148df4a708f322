"""How an explained log is printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tfdeploy.cli import output
from tfdeploy.serverlog import Finding, Reading


@dataclass(frozen=True)
class Explained:
    """The log of a service, or a file, and what is known of it."""

    reading: Reading
    service: str = ""
    file: str = ""

    @property
    def name(self) -> str:
        """Whose log it is."""
        return self.service or self.file


def print_explained(logs: Sequence[Explained], as_json: bool) -> None:
    """Every finding of every log, problems first; with --json one document."""
    if as_json:
        output.print_json({"logs": [_data(one) for one in logs]})
        return
    for log in logs:
        for line in _text(log):
            output.print_line(line)
    codes = [one.code for log in logs for one in log.reading.problems]
    if codes:
        output.note(f"`tfdeploy explain {codes[0]}` tells the whole story of the first one.")


def _text(log: Explained) -> Iterator[str]:
    reading = log.reading
    for one in reading.problems:
        yield f"{log.name}: {one.code}: {one}"
        yield from _witness(one)
        yield f"  fix:  {one.fix}"
    if not reading.lines and not reading.problems:
        yield f"{log.name}: the log is empty"
    elif not reading.problems:
        yield f"{log.name}: no known problem in {_counted(reading.lines, 'line')}"
    for one in reading.findings:
        if one.harmless:
            yield f"{log.name}: harmless ({_times(one)}): {one}"
            yield f"  line: {one.line}"


def _witness(one: Finding) -> Iterator[str]:
    if not one.line:
        yield "  says: its exit code"
        return
    yield f"  line: {one.line}"
    if one.count > 1:
        yield f"  came: {_times(one)}, from {one.first} to {one.last}"
    else:
        yield f"  came: {_times(one)}, {one.first}"


def _times(one: Finding) -> str:
    return "once" if one.count == 1 else f"{one.count} times"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _data(log: Explained) -> dict[str, Any]:
    whose = {"service": log.service} if log.service else {"file": log.file}
    findings = [one.as_data() for one in log.reading.findings]
    return {
        **whose,
        "lines": log.reading.lines,
        "problems": len(log.reading.problems),
        "findings": findings,
    }
