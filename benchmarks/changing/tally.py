"""What was asked, what may answer, and what did: the client's judgement. No I/O, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from soak.timeline import Question

Allowed = Mapping[str, list[int]]
"""Question, as `parse_question` reads it → the versions that may answer it."""

_SHOWN_FAILURES = 20
_KEPT_SECONDS = 300.0


def parse_question(text: str) -> Question:
    """``line``: the latest version; ``line@stable``: a label's; ``line#3``: that number."""
    for sign, how in (("@", "label"), ("#", "version")):
        model, found, what = text.partition(sign)
        if found:
            return Question(model, how, what)
    return Question(text)


class Expectations:
    """Which versions may answer a question, and since when. Times in seconds of one clock."""

    def __init__(self) -> None:
        self._history: list[tuple[float, Allowed]] = []

    def allow(self, allowed: Allowed, now: float) -> None:
        """From now on these versions, and no others, may answer."""
        self._history = [one for one in self._history if one[0] > now - _KEPT_SECONDS]
        self._history.append((now, allowed))

    def questions(self) -> list[str]:
        """What may be asked now."""
        return list(self._history[-1][1]) if self._history else []

    def versions(self, question: str, started: float, ended: float) -> set[int]:
        """Those that were right at some moment between a request's start and its end."""
        right: set[int] = set()
        for number, (since, allowed) in enumerate(self._history):
            later = self._history[number + 1 :]
            if since <= ended and (not later or later[0][0] >= started):
                right.update(allowed.get(question, ()))
        return right


@dataclass
class Tally:
    """Counts of one stretch of time.

    Attributes:
        began: When it began.
        counts: (kind of request, outcome) → how many. Outcomes are `right`, `wrong` (another
            version, or numbers that no version gives), `failed` (no answer, or an error as an
            answer), and `unsent` (it was due while every connection waited for an answer, or
            while the client got no CPU; it is not made up for).
        longest_gap_seconds: The longest time between two right answers.
        slowest_seconds: The longest that a right answer took.
        failures: Texts of the first that were wrong or failed.
    """

    began: float
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    longest_gap_seconds: float = 0.0
    slowest_seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    def total(self, outcome: str) -> int:
        """How many requests of all kinds had an outcome."""
        return sum(count for (_, what), count in self.counts.items() if what == outcome)

    def as_data(self, now: float) -> dict[str, Any]:
        """The tally as a JSON object."""
        kinds: dict[str, dict[str, int]] = {}
        for (kind, outcome), count in sorted(self.counts.items()):
            kinds.setdefault(kind, {})[outcome] = count
        return {
            "seconds": round(now - self.began, 3),
            **{what: self.total(what) for what in ("right", "wrong", "failed", "unsent")},
            "longest_gap_seconds": round(self.longest_gap_seconds, 4),
            "slowest_seconds": round(self.slowest_seconds, 4),
            "kinds": kinds,
            "failures": self.failures,
        }


class Judge:
    """Judges answers by what was allowed meanwhile, and counts them. For one thread at a time."""

    def __init__(self, now: float) -> None:
        self.expectations = Expectations()
        self._tally = Tally(now)
        self._last_right = now

    def answered(
        self, kind: str, question: str, version: int, started: float, ended: float
    ) -> None:
        """A version answered, with numbers that are its own."""
        right = self.expectations.versions(question, started, ended)
        if version not in right:
            text = f"version {version} answered, right were {sorted(right)}"
            self.failed(kind, question, "wrong", text, started, ended)
            return
        self._tally.counts[kind, "right"] += 1
        self._tally.slowest_seconds = max(self._tally.slowest_seconds, ended - started)
        self._note_gap(ended)
        self._last_right = max(self._last_right, ended)

    def failed(
        self, kind: str, question: str, outcome: str, text: str, started: float, ended: float
    ) -> None:
        """A request that is `failed` or `wrong`."""
        self._tally.counts[kind, outcome] += 1
        if len(self._tally.failures) < _SHOWN_FAILURES:
            took = f"after {ended - started:.3f} s"
            self._tally.failures.append(f"{outcome}: {kind} {question} {took}: {text}")

    def unsent(self, kind: str, count: int = 1) -> None:
        """Requests that were due and not sent."""
        self._tally.counts[kind, "unsent"] += count

    def turn(self, now: float) -> dict[str, Any]:
        """What was counted since the last turn; a new count begins."""
        self._note_gap(now)
        data = self._tally.as_data(now)
        self._tally = Tally(now)
        return data

    def _note_gap(self, now: float) -> None:
        gap = now - self._last_right
        self._tally.longest_gap_seconds = max(self._tally.longest_gap_seconds, gap)
