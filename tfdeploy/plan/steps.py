"""The steps of a plan: what changes, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tfdeploy.stack.checks import CheckRequest

WantedModels = Mapping[str, tuple[int, ...]]
WantedLabels = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Step:
    """One change and its cause."""

    kind: ClassVar[str] = ""
    cause: str

    def __str__(self) -> str:
        return self.kind

    def as_data(self) -> dict[str, Any]:
        """The step for ``--json``."""
        return {"step": self.kind, "what": str(self), "cause": self.cause}


@dataclass(frozen=True)
class WriteFiles(Step):
    """Write rendered files, and remove those that the stack no longer has."""

    kind: ClassVar[str] = "write"
    texts: Mapping[str, str] = field(repr=False)
    removed: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [
            f"{verb} {next(iter(names)) if len(names) == 1 else f'{len(names)} files'}"
            for verb, names in (("write", self.texts), ("remove", self.removed))
            if names
        ]
        return ", ".join(parts)

    def as_data(self) -> dict[str, Any]:
        """The step for ``--json``, with every file."""
        return {**super().as_data(), "files": list(self.texts), "removed": list(self.removed)}


@dataclass(frozen=True)
class ServiceStep(Step):
    """A step of one service."""

    service: str

    def __str__(self) -> str:
        return f"{self.kind} {self.service}"

    def as_data(self) -> dict[str, Any]:
        """The step for ``--json``."""
        return {**super().as_data(), "service": self.service}


@dataclass(frozen=True)
class StartService(ServiceStep):
    """Start a service that isn't running."""

    kind: ClassVar[str] = "start"


@dataclass(frozen=True)
class RecreateService(ServiceStep):
    """Stop a service and start it anew, for what can't be changed while it runs."""

    kind: ClassVar[str] = "recreate"


@dataclass(frozen=True)
class StopService(ServiceStep):
    """Stop a service that the stack no longer has."""

    kind: ClassVar[str] = "stop"


@dataclass(frozen=True)
class DrainService(ServiceStep):
    """Take no new requests, and let those in flight finish, before a service is stopped."""

    kind: ClassVar[str] = "drain"


@dataclass(frozen=True)
class Reload(ServiceStep):
    """Write models.config and have the running server take it; no restart."""

    kind: ClassVar[str] = "reload"
    models_config: str = field(repr=False)
    note: str = ""

    def __str__(self) -> str:
        return f"reload {self.service} (no restart{self.note})"


@dataclass(frozen=True)
class WaitAvailable(ServiceStep):
    """Wait until every wanted version is AVAILABLE and every label answers.

    ``beside``: on the server in the slot that doesn't answer yet.
    """

    kind: ClassVar[str] = "wait"
    versions: WantedModels
    labels: WantedLabels = field(default_factory=dict)
    beside: bool = False

    def __str__(self) -> str:
        models = ", ".join(
            f"{model} {'+'.join(map(str, numbers))}" for model, numbers in self.versions.items()
        )
        which = "the new " if self.beside else ""
        return f"wait {which}{self.service}: {models} AVAILABLE"

    def as_data(self) -> dict[str, Any]:
        """The step for ``--json``."""
        versions = {model: list(numbers) for model, numbers in self.versions.items()}
        return {**super().as_data(), "versions": versions}


@dataclass(frozen=True)
class CheckAnswers(ServiceStep):
    """Ask a version that serves already, before a label moves to it or the old one goes.

    Args:
        model: its name.
        version: the version that is asked.
        before: the version that clients get now, whose signatures must go on working; or None.
        requests: what is asked.
        skipped: why nothing is; empty where it is.
        beside: the server beside the one that answers is asked.
    """

    kind: ClassVar[str] = "check"
    model: str
    version: int
    before: int | None = None
    requests: tuple[CheckRequest, ...] = field(default=(), repr=False)
    skipped: str = ""
    beside: bool = False

    def __str__(self) -> str:
        what = f"{self.model} {self.version}"
        if self.skipped:
            return f"skip the check of {what} on {self.service}"
        count = len(self.requests)
        asks = (
            f" answers {count} request{'s' if count > 1 else ''}" if count else ", nothing to ask"
        )
        return f"check {self.service}: {what}{asks}"

    def as_data(self) -> dict[str, Any]:
        """The step for ``--json``, with the names of the requests."""
        return {
            **super().as_data(),
            "model": self.model,
            "version": self.version,
            "before": self.before,
            "requests": [one.name for one in self.requests],
            "skipped": bool(self.skipped),
        }


@dataclass(frozen=True)
class Plan:
    """Ordered changes; empty when what runs is what the stack says."""

    stack: str
    runtime: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        if not self.steps:
            return f"stack {self.stack} on {self.runtime}: up to date"
        width = max(len(str(step)) for step in self.steps)
        width = min(width, 60)
        lines = [f"plan for stack {self.stack} on {self.runtime}:"]
        for number, step in enumerate(self.steps, 1):
            lines.append(f"  {number}. {step!s:<{width}}  because {step.cause}")
        return "\n".join(lines)

    def as_data(self) -> dict[str, Any]:
        """The plan for ``--json``."""
        steps = [step.as_data() for step in self.steps]
        return {"stack": self.stack, "runtime": self.runtime, "steps": steps}
