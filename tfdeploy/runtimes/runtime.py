"""The seam: what every runtime can do. Four verbs look, the others change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tfdeploy.errors import TfdeployError
from tfdeploy.plan import ObservedService, ObservedStack
from tfdeploy.render import RenderedService, RenderedStack, Templates


class Runtime(Protocol):
    """Where the services of one stack run."""

    @property
    def name(self) -> str:
        """``docker`` or ``process``."""

    @property
    def files_dir(self) -> Path:
        """The folder that the rendered files of this runtime are written to."""

    def render(self, templates: Templates) -> RenderedStack:
        """The files as this runtime's servers need them: their paths and ports."""

    def check(self, rendered: RenderedStack, observed: ObservedStack) -> list[TfdeployError]:
        """Every reason why a change would fail: no engine, no image, a port that is taken."""

    def observe(self) -> ObservedStack:
        """Files, services and the states of their models, as they are now."""

    def look(self, service: str) -> ObservedService:
        """One service without its models: cheap enough to ask in a loop."""

    def memory_bytes(self, service: str) -> int | None:
        """The memory that a running service takes; None where it can't be told."""

    def start(self, service: RenderedService) -> None:
        """Start a service that isn't running.

        Raises:
            TfdeployError: TFD413.
        """

    def recreate(self, service: RenderedService) -> None:
        """Stop a service and start it as it is rendered now.

        Raises:
            TfdeployError: TFD413.
        """

    def stop(self, service: str) -> None:
        """Stop and remove a service."""

    def revert(self, before: ObservedService) -> None:
        """Bring back a service that a failed change touched; its old files are in place again."""

    def down(self) -> list[str]:
        """Stop every service of the stack and remove its network; the names that ran."""

    def logs(self, service: str, *, tail: int, follow: bool) -> Iterator[str]:
        """The last lines of a service's log, then new ones while ``follow``."""
