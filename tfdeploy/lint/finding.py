"""Where something stands, what was found there, and the form of one check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

Severity = Literal["error", "warning"]
T = TypeVar("T")


class Place(NamedTuple):
    """A line of a file; 1-based."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Word(NamedTuple):
    """A piece of text and where it stands."""

    text: str
    place: Place


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a set-up.

    Args:
        code: a key of ``errors.CATALOGUE``; ``tfdeploy explain`` tells the whole story.
        severity: ``error`` where the server fails or does something else than was written,
            ``warning`` where it works now and hurts later.
        message: what is wrong, one sentence.
        cause: what comes of it.
        fix: what to write instead.
    """

    code: str
    severity: Severity
    place: Place
    message: str
    cause: str
    fix: str

    def as_data(self) -> dict[str, Any]:
        """The finding as it stands in a JSON document."""
        return {
            "code": self.code,
            "severity": self.severity,
            "file": str(self.place.path),
            "line": self.place.line,
            "message": self.message,
            "causes": self.cause,
            "fix": self.fix,
        }


class Hit(NamedTuple):
    """What one look found: the place, the sentence and the remedy.

    ``cause`` is given where it differs from what the check says in general.
    """

    place: Place
    message: str
    fix: str
    cause: str = ""


@dataclass(frozen=True)
class Check(Generic[T]):
    """One kind of finding: its code and weight, what it causes, and how to look for it."""

    code: str
    severity: Severity
    cause: str
    look: Callable[[T], Iterator[Hit]] = field(repr=False)

    def findings(self, subject: T) -> Iterator[Finding]:
        """Everything of this kind in ``subject``."""
        for hit in self.look(subject):
            cause = hit.cause or self.cause
            yield Finding(self.code, self.severity, hit.place, hit.message, cause, hit.fix)
