"""What apply tells while it works; how it is shown is the caller's affair."""

from __future__ import annotations

from typing import Protocol

from tfdeploy.plan import Step


class Reporter(Protocol):
    """Progress of a plan."""

    def begin(self, step: Step) -> None:
        """A step starts."""

    def models(self, service: str, states: dict[str, str]) -> None:
        """The states of what is waited for: ``"digits 3"`` → ``"LOADING"``; on change only."""

    def end(self, step: Step, seconds: float) -> None:
        """A step is done."""

    def note(self, message: str) -> None:
        """Something that stops nothing, and that one should know."""

    def failed(self, message: str) -> None:
        """A step failed, and what it changed is taken back."""
