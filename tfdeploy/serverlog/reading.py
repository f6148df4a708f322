"""A whole log: each thing that is known of it, once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tfdeploy.serverlog.known import Known, Matters
from tfdeploy.serverlog.matching import Match, match_line, without_colour
from tfdeploy.serverlog.reasons import Ending, known_ending

_STAMP = re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
# absl's: the first four digits are its level's date, which it leaves at zero.
_SECONDS = re.compile(r"\b[IWEF]\d{4} 00:00:(\d{9,11})\.\d+ ")
_STAMP_ENDS = 120
_LINE_CHARACTERS = 300
_SHOWN_NAMES = 20


@dataclass(frozen=True)
class Moment:
    """When a line came: its number in the log, from 1, and its stamp, or the last one before."""

    line: int
    stamp: str = ""

    def __str__(self) -> str:
        return self.stamp or f"line {self.line}"


@dataclass
class Finding:
    """What one or several lines say.

    Attributes:
        kind: the same for findings that differ in names and numbers alone.
        line: the first of them, without colours; empty where the exit code says it.
        exit_code: what says it, where no line does.
        about: models that they name, with versions.
    """

    code: str
    means: str
    fix: str
    harmless: bool
    kind: str = field(repr=False)
    line: str = ""
    exit_code: int | None = None
    about: list[str] = field(default_factory=list)
    count: int = 0
    first: Moment | None = None
    last: Moment | None = None

    def __str__(self) -> str:
        names = ", ".join(self.about[:_SHOWN_NAMES])
        if (more := len(self.about) - _SHOWN_NAMES) > 0:
            names += f" and {more:,} more"
        return f"{names}: {self.means}" if names else self.means

    def seen(self, moment: Moment) -> None:
        """One more line says it."""
        self.count += 1
        self.first = self.first or moment
        self.last = moment

    def as_data(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "code": self.code or None,
            "harmless": self.harmless,
            "about": self.about,
            "means": self.means,
            "fix": self.fix or None,
            "count": self.count,
            "line": self.line or None,
            "exit_code": self.exit_code,
            "first": _moment_data(self.first),
            "last": _moment_data(self.last),
        }


@dataclass(frozen=True)
class Reading:
    """What is known of a log: how many lines it has, and the findings, problems first."""

    lines: int
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> list[Finding]:
        """Those that aren't harmless."""
        return [one for one in self.findings if not one.harmless]


def read_log(
    lines: Iterable[str],
    wants_gpu: bool | None = None,
    ending: Ending | None = None,
    runtime: str = "",
    first_number: int = 1,
) -> Reading:
    """Everything in a log that is known, each once, in the order of its first line.

    Args:
        lines: of a server, or of a client; any text.
        wants_gpu: whether the service asked for a GPU; None where that isn't known.
        ending: how the process ended.
        runtime: where the server runs; empty where that isn't known.
        first_number: of the first line, where those before it are left out.
    """
    found: dict[tuple[str, str], Finding] = {}
    named: set[tuple[str, str, str]] = set()
    number, stamp = first_number - 1, ""
    for number, written in enumerate(lines, first_number):
        line = without_colour(written)
        stamp = _stamp(line) or stamp
        if match := match_line(line):
            one = _finding(found, match, line, wants_gpu, runtime)
            one.seen(Moment(number, stamp))
            name = (match.known.code, match.means, match.about)
            if match.about and name not in named:
                named.add(name)
                one.about.append(match.about)
    findings = list(found.values())
    known = known_ending(ending)
    if known is not None and ending is not None:
        findings.insert(0, _of_ending(known, ending))
    count = number - first_number + 1
    return Reading(count, tuple(sorted(findings, key=lambda one: one.harmless)))


def _finding(
    found: dict[tuple[str, str], Finding],
    match: Match,
    line: str,
    wants_gpu: bool | None,
    runtime: str,
) -> Finding:
    key = (match.known.code, match.means)
    if key not in found:
        found[key] = Finding(
            match.known.code,
            match.means,
            match.fix_on(runtime),
            not _matters(match.known.matters, wants_gpu),
            match.known.means,
            line.strip()[:_LINE_CHARACTERS],
        )
    return found[key]


def _of_ending(known: Known, ending: Ending) -> Finding:
    return Finding(
        known.code,
        known.means,
        known.fix,
        False,
        known.means,
        exit_code=ending.exit_code,
        count=1,
    )


def _matters(matters: Matters, wants_gpu: bool | None) -> bool:
    match matters:
        case Matters.ALWAYS:
            return True
        case Matters.UNLESS_CPU:
            return wants_gpu is not False
        case Matters.IF_GPU:
            return wants_gpu is True
    return False


def _stamp(line: str) -> str:
    head = line[:_STAMP_ENDS]
    if match := _STAMP.search(head):
        return match[0].replace("T", " ")
    if match := _SECONDS.search(head):
        return datetime.fromtimestamp(int(match[1]), UTC).strftime("%Y-%m-%d %H:%M:%S")
    return ""


def _moment_data(moment: Moment | None) -> dict[str, Any] | None:
    return {"line": moment.line, "time": moment.stamp or None} if moment else None
