"""The seam: what every runtime can do. Four verbs look, the others change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tfdeploy.errors import TfdeployError
from tfdeploy.plan import ObservedService, ObservedStack
from tfdeploy.render import RenderedGateway, RenderedService, RenderedStack, Templates


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

    def look(self, service: str, *, beside: bool = False) -> ObservedService:
        """One service without its models: cheap enough to ask in a loop.

        ``beside``: the server in the slot that the gateway doesn't ask.
        """

    def names(self) -> set[str]:
        """The services that have a server, whether or not the stack file names them."""

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

    def start_beside(self, service: RenderedService) -> None:
        """Start a server in the slot that the gateway doesn't ask.

        Raises:
            TfdeployError: TFD413.
        """

    def switch(self, service: str) -> None:
        """Have the gateway ask the server in the other slot; atomic, and without a reload.

        Raises:
            TfdeployError: TFD442 when the gateway doesn't reach that server.
        """

    def stop_other(self, service: str) -> None:
        """Stop the server in the slot that the gateway doesn't ask."""

    def bring_back(self, before: ObservedService) -> None:
        """Start again what `stop_other` stopped, in its own slot; its old files are in place."""

    def start_gateway(self, gateway: RenderedGateway) -> None:
        """Start nginx; it answers with this config when the call returns.

        Raises:
            TfdeployError: TFD440, TFD441.
        """

    def reload_gateway(self, gateway: RenderedGateway) -> None:
        """Have nginx read its config anew; raises as `start_gateway`."""

    def recreate_gateway(self, gateway: RenderedGateway) -> None:
        """Stop nginx and start it as it is rendered now; raises as `start_gateway`."""

    def stop_gateway(self) -> None:
        """End nginx after what it has begun; the servers stay."""

    def revert_gateway(self, *, started_anew: bool) -> None:
        """Bring back the gateway that a failed change touched; its old config is in place again."""

    def down(self) -> list[str]:
        """Stop every service of the stack and remove its network; the names that ran."""

    def logs(self, service: str, *, tail: int, follow: bool, beside: bool = False) -> Iterator[str]:
        """The last lines of a service's log, or the gateway's, then new ones while ``follow``."""
