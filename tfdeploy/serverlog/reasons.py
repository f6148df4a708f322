"""Why a server or a model failed: the line that tells most of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tfdeploy.serverlog.known import Known, Matters, Tells
from tfdeploy.serverlog.matching import Match, match_line
from tfdeploy.serverlog.program_lines import ENDINGS, OUT_OF_MEMORY
from tfdeploy.serverlog.table import CARRIERS


@dataclass(frozen=True)
class Ending:
    """How a server's process ended; ``out_of_memory``: its container's limit was hit."""

    exit_code: int | None = None
    out_of_memory: bool = False


@dataclass(frozen=True)
class Cause:
    """Why something failed; false where nothing is known of it.

    Attributes:
        why: in the server's own words; empty where only the exit code tells.
        means: one sentence; empty where nothing more is known than these words.
        fix: what to do, one sentence; likewise.
        code: tells the whole story, `tfdeploy explain CODE`; likewise.
    """

    why: str = ""
    means: str = ""
    fix: str = ""
    code: str = ""

    def __bool__(self) -> bool:
        return bool(self.why or self.means)

    def explain(self, text: str) -> str:
        """The text, and behind it what stands behind it."""
        return f"{text.removesuffix('.')}. {self.means}" if self.means else text

    @property
    def hint(self) -> str:
        """The fix, and where the whole story is told; empty where none is known."""
        if not self.code:
            return ""
        return f"{self.fix.removesuffix('.')} (`tfdeploy explain {self.code}`)."


UNKNOWN = Cause()

# Behind these a server serves, and a load that fails doesn't end it any more.
_SERVES = re.compile(r"Running gRPC ModelServer at|Entering the event loop")
_LOADED = "Successfully loaded servable version"
_START_FAILED = "Failed to start server. Error"
_FATAL = (Tells.KILLED, Tells.CRASH, Tells.PYTHON)
_MOST_LINES = 300


def why_failed(lines: Iterable[str], ending: Ending | None = None, runtime: str = "") -> Cause:
    """The cause that explains a failure best, as far as a known line is there.

    Args:
        lines: of a server's log. Of lines that tell as much the last one counts: the log of an
            earlier try may stand above.
        ending: how the process ended.
        runtime: where the server runs; empty where that isn't known.
    """
    return _best_cause(_telling(lines), ending, runtime)


def why_ended(lines: Iterable[str], ending: Ending | None = None, runtime: str = "") -> Cause:
    """The cause for which a server isn't running any more; arguments as of `why_failed`.

    Where it had come to serve, what failed before that isn't why it ended; nor is a version that
    failed to load since, unless the server was started again and says that it couldn't.
    """
    kept = list(lines)
    serves = [at for at, line in enumerate(kept) if _SERVES.search(line)]
    loads = [at for at, line in enumerate(kept) if _LOADED in line]
    last = kept[max([*serves, *loads], default=-1) + 1 :][-_MOST_LINES:]
    found = _telling(last)
    if serves and not any(_START_FAILED in line for line in last):
        found = (one for one in found if one.tells in _FATAL)
    return _best_cause(found, ending, runtime)


def _telling(lines: Iterable[str]) -> Iterator[Match]:
    for line in lines:
        found = match_line(line)
        if found is not None and found.tells is not Tells.NOTHING:
            yield found


def _best_cause(matches: Iterable[Match], ending: Ending | None, runtime: str) -> Cause:
    best: Match | None = None
    for found in matches:
        if best is None or found.tells <= best.tells:
            best = found
    by_code = known_ending(ending)
    if by_code is not None and (best is None or by_code.tells <= best.tells):
        return Cause("", by_code.means, by_code.fix, by_code.code)
    if best is None:
        return UNKNOWN
    why = f"{best.about}: {best.why}" if best.failed else best.why
    return cause_in(best, why, runtime)


def cause_of(message: str) -> Cause:
    """What is known of one error, as a server answers with it."""
    found = match_line(message)
    if found is None or found.known.matters is Matters.NEVER:
        return UNKNOWN
    return cause_in(found, found.why)


def known_ending(ending: Ending | None) -> Known | None:
    """What is known of an exit code."""
    if ending is None:
        return None
    if ending.out_of_memory:
        return OUT_OF_MEMORY
    return ENDINGS.get(ending.exit_code or 0)


def cause_in(found: Match, why: str, runtime: str = "") -> Cause:
    """What a line that is known says, with ``why`` as the server's own words."""
    if found.known in CARRIERS:
        return Cause(why)
    return Cause(why, found.means, found.fix_on(runtime), found.known.code)
