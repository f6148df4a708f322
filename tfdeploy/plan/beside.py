"""A new server beside the old one, and the gateway that switches between them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from tfdeploy.plan.observed import ObservedGateway, ObservedService
from tfdeploy.plan.steps import ServiceStep, Step
from tfdeploy.render import RenderedGateway

CUT_SHORT = "an earlier change was cut short"


@dataclass(frozen=True)
class StartBeside(ServiceStep):
    """Start a new server in the slot that is free; the old one answers on."""

    kind: ClassVar[str] = "start beside"

    def __str__(self) -> str:
        return f"start the new {self.service} beside the old one"


@dataclass(frozen=True)
class SwitchService(ServiceStep):
    """Have the gateway ask the server in the other slot, from the next request on."""

    kind: ClassVar[str] = "switch"
    drain_seconds: float = 0.0

    def __str__(self) -> str:
        return f"switch {self.service} to the new one"


@dataclass(frozen=True)
class DrainOld(ServiceStep):
    """Let the server that isn't asked any more finish what it has begun."""

    kind: ClassVar[str] = "drain"
    drain_seconds: float = 0.0

    def __str__(self) -> str:
        return f"drain the old {self.service} for {self.drain_seconds:g} s"

    def as_data(self) -> dict[str, Any]:
        """The step for ``--json``."""
        return {**super().as_data(), "drain_seconds": self.drain_seconds}


@dataclass(frozen=True)
class StopOther(ServiceStep):
    """Stop the server in the slot that the gateway doesn't ask."""

    kind: ClassVar[str] = "stop other"

    def __str__(self) -> str:
        return f"stop the old {self.service}"


@dataclass(frozen=True)
class StartGateway(Step):
    """Start nginx."""

    kind: ClassVar[str] = "start gateway"


@dataclass(frozen=True)
class ReloadGateway(Step):
    """Have nginx read its config anew; connections live on."""

    kind: ClassVar[str] = "reload gateway"


@dataclass(frozen=True)
class RecreateGateway(Step):
    """Stop nginx and start it anew: its port, its image or its mounts differ."""

    kind: ClassVar[str] = "recreate gateway"


@dataclass(frozen=True)
class StopGateway(Step):
    """Stop nginx, which the stack no longer has."""

    kind: ClassVar[str] = "stop gateway"


def gateway_steps(wanted: RenderedGateway | None, now: ObservedGateway) -> Iterator[Step]:
    """What must become of nginx."""
    runs = now.state not in ("absent", "exited")
    if wanted is None:
        if now.state != "absent":
            yield StopGateway("the stack file no longer has it")
    elif not runs:
        why = "it isn't running" if now.state == "absent" else f"it ended ({now.detail})"
        yield StartGateway(why)
    elif now.server_hash != wanted.server_hash:
        yield RecreateGateway("its port, image or TLS differ; requests fail until it is back")
    elif now.state == "unhealthy":
        yield RecreateGateway("it doesn't answer")
    elif now.config_hash != wanted.config_hash:
        yield ReloadGateway("routes, keys or limits differ")


def clear_other(now: ObservedService, drain_seconds: float) -> list[Step]:
    """What a change that was cut short has left beside the server that answers."""
    if not now.other:
        return []
    return [
        DrainOld(CUT_SHORT, now.name, drain_seconds),
        StopOther(CUT_SHORT, now.name),
    ]
