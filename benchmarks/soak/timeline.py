"""When each version and label could be served, and when it had to be: the judge of answers.

Bounds come from what the changer did and then saw, never from guesses: a version can answer from
just before its folder appears until it was seen to have ended; it must answer from when it was
seen to be available until just before it is taken away. All times are `time.monotonic()` seconds,
which all processes of a machine share.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

_KEPT_SECONDS = 120.0


class Question(NamedTuple):
    """What was asked for. `how` is `latest`, `label` or `version`; `what` its name or number."""

    model: str
    how: str = "latest"
    what: str = ""


@dataclass
class Span:
    """One stay of a version. None is: not yet."""

    version: int
    possible_from: float
    certain_from: float | None = None
    certain_until: float | None = None
    possible_until: float | None = None

    def is_possible(self, start: float, end: float) -> bool:
        """Whether it may have been served at some moment between two times."""
        return end >= self.possible_from and (
            self.possible_until is None or start <= self.possible_until
        )

    def is_certain(self, start: float, end: float) -> bool:
        """Whether it was served all the time between two times."""
        return (
            self.certain_from is not None
            and start >= self.certain_from
            and (self.certain_until is None or end <= self.certain_until)
        )


@dataclass
class _Stays:
    spans: list[Span] = field(default_factory=list)

    def open(self, version: int) -> Span:
        return next(s for s in reversed(self.spans) if s.version == version)

    def forget_before(self, time: float) -> None:
        self.spans = [s for s in self.spans if (s.possible_until or time) >= time]

    def possible(self, start: float, end: float) -> set[int]:
        return {s.version for s in self.spans if s.is_possible(start, end)}

    def certain(self, start: float, end: float) -> set[int]:
        return {s.version for s in self.spans if s.is_certain(start, end)}


class Timeline:
    """Stays of versions and labels. Threads may write and read it.

    A label's name is `model@label`; `model@` is the model as such, which has an answer to "latest"
    as long as its stay (of version 0) is certain.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stays: dict[str, _Stays] = {}

    def may_begin(self, name: str, version: int, now: float) -> None:
        """From now on a version may answer."""
        with self._lock:
            self._stays.setdefault(name, _Stays()).spans.append(Span(version, now))

    def has_begun(self, name: str, version: int, now: float) -> None:
        """A version was seen to answer; from now on it must."""
        with self._lock:
            self._stays[name].open(version).certain_from = now

    def may_end(self, name: str, version: int, now: float) -> None:
        """From now on a version need not answer."""
        with self._lock:
            self._stays[name].open(version).certain_until = now

    def has_ended(self, name: str, version: int, now: float) -> None:
        """A version was seen to be gone; from now on it must not answer."""
        with self._lock:
            stays = self._stays[name]
            stays.open(version).possible_until = now
            stays.forget_before(now - _KEPT_SECONDS)

    def complaint(self, question: Question, start: float, end: float, version: int) -> str | None:
        """What is wrong with an answer that a version gave to a question at these times."""
        with self._lock:
            possible = self._of(question.model).possible(start, end)
            certain = self._of(question.model).certain(start, end)
            labelled = self._of(f"{question.model}@{question.what}").possible(start, end)
        if version not in possible:
            return f"version {version} answered, possible were {sorted(possible)}"
        if question.how == "version" and version != int(question.what):
            return f"version {version} answered"
        if question.how == "label" and version not in labelled:
            return f"version {version} answered, the label was on {sorted(labelled)}"
        if question.how == "latest" and certain and version < max(certain):
            return f"version {version} answered, {max(certain)} was there"
        return None

    def absence_complaint(self, question: Question, start: float, end: float) -> str | None:
        """What is wrong with "not found"."""
        with self._lock:
            if question.how == "version":
                certain = self._of(question.model).certain(start, end)
                missed = int(question.what) in certain
            else:
                label = question.what if question.how == "label" else ""
                missed = bool(self._of(f"{question.model}@{label}").certain(start, end))
        return "not found, and it was there" if missed else None

    def listing_complaint(
        self, question: Question, start: float, end: float, available: set[int]
    ) -> str | None:
        """What is wrong with a status that lists these versions as AVAILABLE."""
        with self._lock:
            possible = self._of(question.model).possible(start, end)
            certain = self._of(question.model).certain(start, end)
        if question.how == "version":
            certain &= {int(question.what)}
        if available - possible:
            return f"{sorted(available - possible)} AVAILABLE, possible were {sorted(possible)}"
        if certain - available:
            return f"{sorted(certain - available)} not AVAILABLE, and were there"
        return None

    def _of(self, name: str) -> _Stays:
        return self._stays.get(name, _Stays())
