"""Progress of a plan: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tfdeploy.cli import output

if TYPE_CHECKING:
    from tfdeploy.apply import Reporter
    from tfdeploy.journal import Writer
    from tfdeploy.plan import Step


GIVEN: ContextVar[Callable[[bool], Reporter] | None] = ContextVar("reporter", default=None)
"""What a program that runs commands of its own accord wants to be told by; see `make_reporter`."""


def make_reporter(as_json: bool) -> Reporter:
    """Live on a terminal; lines to stderr with --json, so that stdout holds the document."""
    given = GIVEN.get()
    if given is not None:
        return given(as_json)
    if not as_json and sys.stdout.isatty():
        return LiveReporter()
    return PlainReporter(as_json)


class PlainReporter:
    """One line for each thing that happens."""

    def __init__(self, as_json: bool) -> None:
        self._say = output.note if as_json else output.progress
        self._states: dict[str, dict[str, str]] = {}

    def begin(self, step: Step) -> None:
        """Name the step."""
        self._say(f"{step} ...")

    def models(self, service: str, states: dict[str, str]) -> None:
        """Each model version whose state changed."""
        before = self._states.get(service, {})
        for what, state in states.items():
            if before.get(what) != state:
                self._say(f"  {service}: {what} {state}")
        self._states[service] = states

    def end(self, step: Step, seconds: float) -> None:
        """How long it took."""
        self._say(f"{step}: done in {output.seconds(seconds)}")

    def note(self, message: str) -> None:
        """A line of its own."""
        self._say(f"note: {message}")

    def failed(self, message: str) -> None:
        """What is being taken back."""
        self._say(f"failed, going back to what ran before: {message}")


class LiveReporter:
    """A line that moves while a step is at work, and a line that stays when it is done."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False)
        self._status: Any = None
        self._step = ""

    def begin(self, step: Step) -> None:
        """Start the spinner."""
        self._stop()
        self._step = str(step)
        self._status = self._console.status(self._step)
        self._status.start()

    def models(self, service: str, states: dict[str, str]) -> None:
        """The states beside the spinner."""
        if self._status is not None:
            shown = ", ".join(f"{what} {state}" for what, state in states.items())
            self._status.update(f"{service}: {shown}")

    def end(self, step: Step, seconds: float) -> None:
        """Leave a line that says what was done."""
        self._stop()
        self._console.print(f"[green]✓[/green] {step}  [dim]{output.seconds(seconds)}[/dim]")

    def note(self, message: str) -> None:
        """A line of its own, above the spinner."""
        from rich.markup import escape

        self._console.print(f"[yellow]note:[/yellow] {escape(message)}")

    def failed(self, message: str) -> None:
        """Leave a line that says what failed."""
        self._stop()
        from rich.markup import escape

        self._console.print(f"[red]✗[/red] {escape(self._step)}: going back to what ran before")

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


class WrittenReporter:
    """A reporter that also writes down how far the plan has come."""

    def __init__(self, inner: Reporter, writer: Writer) -> None:
        self._inner = inner
        self._writer = writer
        self._number = 0
        self._took: tuple[float, ...] = ()

    @property
    def took(self) -> tuple[float, ...]:
        """Seconds of the steps that ended."""
        return self._took

    def begin(self, step: Step) -> None:
        """The step is written down before it is begun."""
        self._number += 1
        self._writer.update(step=self._number, took=self._took)
        self._inner.begin(step)

    def models(self, service: str, states: dict[str, str]) -> None:
        """Nothing to write down."""
        self._inner.models(service, states)

    def end(self, step: Step, seconds: float) -> None:
        """Written down with the next step, or with the end."""
        self._took = (*self._took, round(seconds, 3))
        self._inner.end(step, seconds)

    def note(self, message: str) -> None:
        """Nothing to write down."""
        self._inner.note(message)

    def failed(self, message: str) -> None:
        """What was done is being taken back."""
        self._writer.update(taking_back=True)
        self._inner.failed(message)
