"""What is there now: a snapshot of files, services and model versions. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tfdeploy.serverlog import Ending

State = Literal["absent", "exited", "starting", "running", "unhealthy"]


@dataclass(frozen=True)
class ObservedVersion:
    """A model version as the server reports it (START, LOADING, AVAILABLE, UNLOADING, END)."""

    number: int
    state: str
    error: str = ""

    @property
    def available(self) -> bool:
        """Whether requests to this version are answered."""
        return self.state == "AVAILABLE"


@dataclass(frozen=True)
class ObservedService:
    """One service as it is now; addresses are those that this host can reach.

    ``labels`` holds, for each model, the labels that answer and the versions they answer with.
    Behind a gateway it is the server in the ``slot`` that answers (``a`` or ``b``; empty without
    one), and ``other`` says whether another slot has a server, too: a change was cut short.
    ``ending`` is how the process of one that isn't running ended, where the runtime knows it.
    """

    name: str
    state: State
    server_hash: str = ""
    models_hash: str = ""
    rest_url: str = ""
    grpc_address: str = ""
    versions: Mapping[str, tuple[ObservedVersion, ...]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    detail: str = ""
    restarts: int = 0
    started_at: float | None = None
    slot: str = ""
    other: bool = False
    pid: int | None = None
    ending: Ending | None = None

    def available(self, model: str) -> set[int]:
        """The version numbers of a model that answer."""
        return {one.number for one in self.versions.get(model, ()) if one.available}


@dataclass(frozen=True)
class ObservedGateway:
    """The gateway as it is now; ``config_hash`` is what nginx itself says it has read."""

    state: State = "absent"
    url: str = ""
    server_hash: str = ""
    config_hash: str = ""
    detail: str = ""


@dataclass(frozen=True)
class ObservedStack:
    """The rendered files as they lie on disk, every service that was found, and the gateway."""

    files: Mapping[str, str]
    services: Mapping[str, ObservedService]
    gateway: ObservedGateway = ObservedGateway()

    def service(self, name: str) -> ObservedService:
        """The service, absent when it wasn't found."""
        return self.services.get(name) or ObservedService(name, "absent")
