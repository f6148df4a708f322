"""One line and the table: who it is about, what it says, and what is known of that. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from tfdeploy.serverlog.known import Known, Tells
from tfdeploy.serverlog.table import CARRIERS, TABLE

# Longer ones are a graph or a list of tensors, printed; what they mean stands at their beginning.
MOST_CHARACTERS = 4000
_SHOWN_CHARACTERS = 200
# What a terminal is told about colours; loggers put it around stamps and levels.
_COLOUR = re.compile(r"\x1b\[[\d;:]*m")
# `2026-01-02 03:04:05.6: E path/file.cc:12] `, `E0000 00:00:1767322000.1 7 file.cc:12] `, and what
# Compose and others put before.
_PREFIX = re.compile(r"^.{0,200}?[\w.]+\.(?:cc|h|py)(?::\d+)?\] ")


@dataclass(frozen=True)
class Match:
    """A line that is known.

    Attributes:
        known: the entry of the table.
        means: its sentence, with the parts of the line in it.
        fix: likewise.
        model: whom the line is about; empty where it doesn't say so.
        version: its version; empty where the line doesn't say so.
        why: the reason in the server's own words.
        tells: how much it tells of a failure.
        failed: whether the line says that this model failed to load.
    """

    known: Known
    means: str
    fix: str
    model: str
    version: str
    why: str
    tells: Tells
    failed: bool

    @property
    def about(self) -> str:
        """``digits 3``, or ``digits``, or nothing."""
        return f"{self.model} {self.version}".strip()

    def fix_on(self, runtime: str) -> str:
        """What to do on a runtime; empty for one that isn't known."""
        return self.known.fix_on(runtime) or self.fix


def match_line(line: str) -> Match | None:
    """What is known of a line; None where nothing is."""
    text = without_colour(line[: 2 * MOST_CHARACTERS].strip())[:MOST_CHARACTERS]
    return _match_text(_PREFIX.sub("", text, count=1))


def without_colour(line: str) -> str:
    """The line as a terminal would show it, without what switches its colours."""
    return _COLOUR.sub("", line) if "\x1b" in line else line


# A server says the same once a second while it waits.
@lru_cache(maxsize=4096)
def _match_text(text: str) -> Match | None:
    carried = _first(CARRIERS, text)
    found = _first(TABLE, text) or carried
    if found is None:
        return None
    known, match = found
    parts = _parts(match)
    own = _parts(carried[1]) if carried else parts
    model, version = (own.get(key) or parts.get(key, "") for key in ("model", "version"))
    tells = min(known.tells, carried[0].tells) if carried else known.tells
    return Match(
        known,
        _sentence(known.means.format_map(parts)),
        known.fix.format_map(parts),
        model,
        version,
        _why(text, carried[1] if carried else match),
        tells,
        failed=bool(carried and own.get("version")),
    )


def _first(entries: tuple[Known, ...], text: str) -> tuple[Known, re.Match[str]] | None:
    for known in entries:
        if match := _compiled(known.pattern).search(text):
            return known, match
    return None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _parts(match: re.Match[str]) -> dict[str, str]:
    named = match.groupdict(default="")
    return {key: _first_line(value)[:_SHOWN_CHARACTERS] for key, value in named.items()}


def _why(text: str, match: re.Match[str]) -> str:
    """What the carrier passes on, or all from where the pattern begins."""
    return _first_line(match.groupdict().get("why") or text[match.start() :])


def _first_line(text: str) -> str:
    """Statuses of graphs have the node behind a line's end, which is written out as two signs."""
    return text.split("\\n")[0].strip()


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
