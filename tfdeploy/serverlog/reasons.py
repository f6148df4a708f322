"""Why a server or a model failed: the line that tells most of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tfdeploy.serverlog.known import Known, Matters, Tells
from tfdeploy.serverlog.matching import Match, match_line
from tfdeploy.serverlog.program_lines import ENDINGS, OUT_OF_MEMORY
from tfdeploy.serverlog.table import CARRIERS


@dataclass(frozen=True)
class Ending:
    """How a server's process ended, as far as the runtime knows."""

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


def why_failed(
    lines: Iterable[str], model: str | None = None, ending: Ending | None = None
) -> Cause:
    """The cause that explains a failure best, as far as a known line is there.

    Args:
        lines: of a server's log. Of lines that tell as much the last one counts: the log of an
            earlier try may stand above.
        model: a line which says that another model failed is no explanation.
        ending: how the process ended.
    """
    best: Match | None = None
    for line in lines:
        found = match_line(line)
        if found is None or found.tells is Tells.NOTHING or not _about(found, model):
            continue
        if best is None or found.tells <= best.tells:
            best = found
    by_code = known_ending(ending)
    if by_code is not None and (best is None or by_code.tells <= best.tells):
        return Cause("", by_code.means, by_code.fix, by_code.code)
    if best is None:
        return UNKNOWN
    why = f"{best.about}: {best.why}" if best.failed else best.why
    return _cause(best, why)


def cause_of(message: str) -> Cause:
    """What is known of one error, as a server answers with it."""
    found = match_line(message)
    if found is None or found.known.matters is Matters.NEVER:
        return UNKNOWN
    return _cause(found, found.why)


def reason(lines: Iterable[str], model: str | None = None) -> str:
    """The server's own sentence that explains a failure best; empty when none is known."""
    return why_failed(lines, model).why


def known_ending(ending: Ending | None) -> Known | None:
    """What is known of an exit code."""
    if ending is None:
        return None
    if ending.out_of_memory:
        return OUT_OF_MEMORY
    return ENDINGS.get(ending.exit_code or 0)


def _cause(found: Match, why: str) -> Cause:
    if found.known in CARRIERS:
        return Cause(why)
    return Cause(why, found.means, found.fix, found.known.code)


def _about(found: Match, model: str | None) -> bool:
    return model is None or not found.failed or found.model == model
