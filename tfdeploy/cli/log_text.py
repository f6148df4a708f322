"""How an explained log is printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tfdeploy.cli import output
from tfdeploy.serverlog import Finding, Reading

# A config of thousands of models says the same of each.
MOST_ALIKE = 20


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
            output.print_line(_visible(line))
    codes = [one.code for log in logs for one in log.reading.problems]
    if codes:
        output.note(f"`tfdeploy explain {codes[0]}` tells the whole story of the first one.")


def _text(log: Explained) -> Iterator[str]:
    reading = log.reading
    problems, more = _few_of_a_kind(reading.problems)
    for one in problems:
        yield f"{log.name}: {one.code}: {one}"
        yield from _witness(one)
        yield f"  fix:  {one.fix}"
    for code, number in more:
        yield f"{log.name}: {code}: and {number:,} more like it; --json has all of them"
    if not reading.lines and not reading.problems:
        yield f"{log.name}: the log is empty"
    elif not reading.problems:
        yield f"{log.name}: no known problem in {_counted(reading.lines, 'line')}"
    harmless, more = _few_of_a_kind([one for one in reading.findings if one.harmless])
    for one in harmless:
        yield f"{log.name}: harmless ({_times(one)}): {one}"
        yield f"  line: {one.line}"
    for _, number in more:
        yield f"{log.name}: harmless: and {number:,} more like it"


def _few_of_a_kind(findings: Sequence[Finding]) -> tuple[list[Finding], list[tuple[str, int]]]:
    """The first findings of each kind; and of the kinds that have more, the code and how many."""
    seen: Counter[tuple[str, str]] = Counter()
    few = []
    for one in findings:
        alike = (one.code, one.kind)
        seen[alike] += 1
        if seen[alike] <= MOST_ALIKE:
            few.append(one)
    more = [(code, number - MOST_ALIKE) for (code, _), number in seen.items()]
    return few, [(code, number) for code, number in more if number > 0]


def _witness(one: Finding) -> Iterator[str]:
    if not one.line:
        yield f"  says: its exit code, {one.exit_code}"
        return
    yield f"  line: {one.line}"
    if one.count > 1:
        yield f"  came: {_times(one)}, from {one.first} to {one.last}"
    else:
        yield f"  came: {_times(one)}, {one.first}"


def _visible(text: str) -> str:
    """What a terminal would obey stands there as Python writes it: a log is anybody's text."""
    text = text.replace("\t", " ")
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


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
