"""What is kept of one change: an entry of the journal, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal, get_args

from tfdeploy.plan import (
    ObservedStack,
    RecreateService,
    Reload,
    StartBeside,
    StartService,
    WaitAvailable,
)
from tfdeploy.processes import Process, is_alive

FORMAT = 1
STARTS = {one.kind for one in (StartService, RecreateService, StartBeside)}

Result = Literal["working", "done", "failed", "interrupted", "cut short"]
Kind = Literal["change", "undo", "redo"]


@dataclass(frozen=True)
class Served:
    """What one service served: model → versions that were AVAILABLE, and labels that answered."""

    state: str
    versions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """A stack at one moment.

    ``file`` is the stack file's text that the services were brought up with; None where nobody
    knows it. ``services`` are those that ran; None where nobody looked, as after an edit alone.
    """

    file: str | None
    services: Mapping[str, Served] | None = None

    @property
    def is_up(self) -> bool:
        """Whether a service ran."""
        return any(one.state not in ("absent", "exited") for one in (self.services or {}).values())


@dataclass(frozen=True)
class Entry:
    """One command that changed a stack.

    Args:
        number: ascending in a stack's journal.
        command: the words as they were given, ``tfdeploy`` first.
        user, host, pid, started: who gave it; ``started`` is the process's own start, in seconds
            since 1970, and tells it from a later process of the same number.
        began, ended: seconds since 1970.
        result: ``working`` until the command ends; one that was killed is ``cut short``.
        kind: ``undo`` and ``redo`` go back and forth over changes.
        of: the change that an undo goes back over; the undo that a redo takes back.
        deploys: whether it changes what runs, or the stack file alone.
        runtime: where the services run.
        server: the command of the server on the process runtime.
        plan: `Plan.as_data()`; None where it ended before there was one.
        step: the number of the plan's step that was begun last, from 1; 0 before the first.
        took: seconds of each of the plan's steps that ended, in their order.
        taking_back: a step had failed, and what was changed was being taken back.
        brought: base paths of models that were copied into models_dir.
        before: what to go back to: the stack as it was brought up last; of an edit, its file.
        found, wanted: the stack file's text when the command began, and what it makes of it.
        after: what it came to; None where it didn't come to an end.
        error: code, error, where and hint of what ended it.
        finishes: the number of the change that was cut short and is brought to its end by this.
        note: what a reader has to know besides.
    """

    number: int
    command: tuple[str, ...]
    user: str
    host: str
    pid: int
    started: float
    began: float
    before: State
    found: str
    wanted: str
    ended: float | None = None
    result: Result = "working"
    kind: Kind = "change"
    of: int | None = None
    deploys: bool = False
    runtime: str | None = None
    server: tuple[str, ...] = ()
    plan: Mapping[str, Any] | None = None
    step: int = 0
    took: tuple[float, ...] = ()
    taking_back: bool = False
    brought: tuple[str, ...] = ()
    after: State | None = None
    error: Mapping[str, str] | None = None
    finishes: int | None = None
    note: str = ""

    @property
    def who(self) -> str:
        """``user@host``."""
        return f"{self.user}@{self.host}"

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it works, and where nobody saw its end."""
        return None if self.ended is None else max(0.0, self.ended - self.began)

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        """The plan's steps, each with ``step``, ``what`` and ``cause``."""
        return list((self.plan or {}).get("steps", ()))

    @property
    def causes(self) -> list[str]:
        """Why each step was taken, without repetition, in order."""
        return list(dict.fromkeys(str(step.get("cause", "")) for step in self.steps))

    @property
    def touched(self) -> bool:
        """Whether anything was, or may have been, changed."""
        if self.result == "done":
            changed = self.wanted != self.found or bool(self.steps) or bool(self.brought)
            return changed or self.finishes is not None
        return self.result == "cut short"

    def works(self) -> bool:
        """Whether its process is still at it; one on another host is believed."""
        import os

        if self.result != "working":
            return False
        if self.host != os.uname().nodename:
            return True
        return is_alive(Process(self.pid, self.started))

    def unsure_services(self) -> set[str]:
        """Services whose models.config may be written and not yet taken by the server.

        The file alone can't tell: the hash of what is wanted and what is written is the same.
        """
        begun = self.steps[: self.step]
        at = begun if self.taking_back else begun[-1:]
        return {str(one.get("service")) for one in at if one.get("step") == Reload.kind}

    def start_seconds(self, service: str) -> float | None:
        """How long a service took from its start to all versions AVAILABLE; None where it wasn't
        started.
        """
        ended = zip(self.steps, self.took, strict=False)
        own = [(str(one.get("step")), took) for one, took in ended if one.get("service") == service]
        for (kind, starting), (then, waiting) in pairwise(own):
            if kind in STARTS and then == WaitAvailable.kind:
                return starting + waiting
        return None

    def as_data(self) -> dict[str, Any]:
        """The entry as JSON holds it."""
        return {"format": FORMAT, **asdict(self)}


def served_by(observed: ObservedStack) -> dict[str, Served]:
    """Service → what it serves, of an observed stack."""
    return {
        name: Served(
            one.state,
            {model: tuple(sorted(one.available(model))) for model in one.versions},
            {model: dict(labels) for model, labels in one.labels.items() if labels},
        )
        for name, one in observed.services.items()
    }


def parse_entry(data: Any) -> Entry:
    """The entry of `Entry.as_data`; keys of a later release are left out.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it isn't one.
    """
    known = {key: data[key] for key in Entry.__dataclass_fields__ if key in data}
    after = known.get("after")
    known |= {
        "number": int(known["number"]),
        "command": tuple(map(str, known["command"])),
        "brought": tuple(map(str, known.get("brought", ()))),
        "server": tuple(map(str, known.get("server", ()))),
        "before": _state(known["before"]),
        "after": None if after is None else _state(after),
        "pid": int(known["pid"]),
        "began": float(known["began"]),
        "started": float(known["started"]),
        "ended": None if known.get("ended") is None else float(known["ended"]),
        "step": int(known.get("step", 0)),
        "took": tuple(map(float, known.get("took", ()))),
    }
    entry = Entry(**known)
    if entry.result not in get_args(Result) or entry.kind not in get_args(Kind):
        raise ValueError(f"{entry.kind}, {entry.result}")
    if not all(isinstance(step, dict) for step in entry.steps):
        raise TypeError("a plan's steps are objects")
    return entry


def _state(data: Any) -> State:
    services = data["services"]
    if services is not None:
        services = {name: _served(one) for name, one in services.items()}
    file = data["file"]
    return State(None if file is None else str(file), services)


def _served(data: Any) -> Served:
    return Served(
        str(data["state"]),
        {model: tuple(map(int, numbers)) for model, numbers in data["versions"].items()},
        {model: {k: int(v) for k, v in one.items()} for model, one in data["labels"].items()},
    )
