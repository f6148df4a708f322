"""What a client says about one request, and how the main process judges it."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from soak.timeline import Question, Timeline

GOOD = ("answered", "listed", "absent", "refused", "left")
_SHOWN_FAILURES = 50


class Observation(NamedTuple):
    """One request.

    Attributes:
        kind: What sort of request.
        outcome: `answered`, `listed` (a status), `absent` (404 or NOT_FOUND), `refused` (an error
            as it should be), `left` (the client hung up), `lost` (no answer, or an error for
            nothing) or `wrong`.
        question: Which version was asked for.
        started: When, in seconds of `time.monotonic()`.
        ended: When the answer was complete.
        versions: Those that answered, or that a status listed as AVAILABLE.
        note: What went wrong.
        sent: The start of what was sent.
    """

    kind: str
    outcome: str
    question: Question | None = None
    started: float = 0.0
    ended: float = 0.0
    versions: tuple[int, ...] = ()
    note: str = ""
    sent: bytes = b""


class Judge:
    """Counts observations, and turns those that the timeline contradicts into failures.

    Attributes:
        counts: By kind and outcome.
        failures: Texts of the first ones.
        slowest: The longest that a request of each kind took, in seconds.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.counts: Counter[tuple[str, str]] = Counter()
        self.failures: list[str] = []
        self.slowest: dict[str, float] = {}

    def add(self, seen: Observation) -> None:
        """Judge one observation."""
        outcome, note = seen.outcome, seen.note
        complaint = self._complaint(seen)
        if complaint is not None:
            outcome = "lost" if seen.outcome == "absent" else "wrong"
            note = complaint
        self.counts[seen.kind, outcome] += 1
        seconds = seen.ended - seen.started
        self.slowest[seen.kind] = max(seconds, self.slowest.get(seen.kind, 0.0))
        if outcome not in GOOD:
            self._keep(seen, outcome, note)

    def add_failure(self, kind: str, outcome: str, note: str) -> None:
        """Note something that went wrong outside any client's request."""
        self.add(Observation(kind, outcome, note=note))

    def total(self, outcome: str | None = None) -> int:
        """How many observations there were, of one outcome or of all."""
        return sum(n for (_, what), n in self.counts.items() if outcome in (None, what))

    def by_kind(self) -> dict[str, dict[str, int]]:
        """Kind → outcome → count."""
        kinds: dict[str, dict[str, int]] = {}
        for (kind, outcome), count in sorted(self.counts.items()):
            kinds.setdefault(kind, {})[outcome] = count
        return kinds

    def _complaint(self, seen: Observation) -> str | None:
        if seen.question is None:
            return None
        times = (seen.started, seen.ended)
        if seen.outcome == "answered":
            return self._timeline.complaint(seen.question, *times, seen.versions[0])
        if seen.outcome == "absent":
            return self._timeline.absence_complaint(seen.question, *times)
        if seen.outcome == "listed":
            return self._timeline.listing_complaint(seen.question, *times, set(seen.versions))
        return None

    def _keep(self, seen: Observation, outcome: str, note: str) -> None:
        if len(self.failures) >= _SHOWN_FAILURES:
            return
        asked = f" {'/'.join(filter(None, seen.question))}" if seen.question else ""
        took = f" after {seen.ended - seen.started:.3f} s" if seen.ended else ""
        text = f"{outcome}: {seen.kind}{asked}{took}: {note}"
        if seen.sent:
            text += f"\n    sent: {seen.sent!r}"
        self.failures.append(text)
        print(text, flush=True)
