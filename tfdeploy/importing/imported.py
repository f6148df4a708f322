"""What an import gives: a stack's text, and what had no place in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tfdeploy.lint import Place, Server


@dataclass(frozen=True)
class Leftover:
    """Something of a set-up that the stack doesn't say.

    ``replaced``: tfdeploy has its own way to do it. ``dropped``: nothing does it any more.
    """

    place: Place
    what: str
    kind: Literal["replaced", "dropped"]
    why: str

    def as_data(self) -> dict[str, Any]:
        """The leftover as it stands in a JSON document."""
        return {
            "file": str(self.place.path),
            "line": self.place.line,
            "what": self.what,
            "kind": self.kind,
            "why": self.why,
        }


@dataclass(frozen=True)
class ServedFrom:
    """A model of a server, and the folder of this host that holds its versions."""

    name: str
    base: Path
    versions: Any = None
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Imported:
    """A stack file that says what a set-up said."""

    name: str
    path: Path
    text: str
    leftovers: list[Leftover]
    servers: Mapping[str, Server]
    models: Mapping[str, list[ServedFrom]]


class Leftovers:
    """Collects what has no place."""

    def __init__(self) -> None:
        self.found: list[Leftover] = []

    def replaced(self, place: Place, what: str, why: str) -> None:
        """Done, in a way of tfdeploy's own."""
        self._add(Leftover(place, what, "replaced", why))

    def dropped(self, place: Place, what: str, why: str) -> None:
        """It is gone."""
        self._add(Leftover(place, what, "dropped", why))

    def _add(self, one: Leftover) -> None:
        if one not in self.found:
            self.found.append(one)
