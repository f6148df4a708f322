"""One look at a stack: what is wanted, what serves, and what the servers counted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tfdeploy.cli.prepare import examine
from tfdeploy.client.metrics import METRICS_PATH, Requests, get_requests
from tfdeploy.client.rest import Unreachable
from tfdeploy.errors import TfdeployError
from tfdeploy.plan import Health, ObservedService, ObservedStack, compare_health
from tfdeploy.plan.health import ALIVE
from tfdeploy.render.flags import MONITORING_CONFIG
from tfdeploy.runtimes import Choice
from tfdeploy.stack import StackFile, Wanted, resolve_wanted
from tfdeploy.stack.schema import Specific


@dataclass(frozen=True)
class Usage:
    """What one running service uses and has done.

    Attributes:
        memory_bytes: None where the runtime can't tell.
        requests: model → what its server counted; None where it has no metrics page.
        why_no_requests: the reason for that.
        window_seconds: the time that ``requests`` are of; None for all since the server's start.
    """

    memory_bytes: int | None
    requests: Mapping[str, Requests] | None
    why_no_requests: str = ""
    window_seconds: float | None = None

    def since(self, earlier: Usage | None, seconds: float) -> Usage:
        """What was counted since an earlier look at the same server."""
        if earlier is None or self.requests is None or earlier.requests is None:
            return self
        before = earlier.requests
        window = {model: one.since(before.get(model)) for model, one in self.requests.items()}
        return replace(self, requests=window, window_seconds=seconds)


@dataclass(frozen=True)
class Look:
    """A stack at one moment; ``at`` and each service's ``started_at`` are seconds since 1970.

    ``gpu_shares`` says in words what each service that has one may take of its GPU, and takes.
    """

    file: StackFile
    runtime: str
    observed: ObservedStack
    health: Health
    usage: Mapping[str, Usage]
    at: float
    gpu_shares: Mapping[str, str] = field(default_factory=dict)

    def since(self, earlier: Look | None) -> Look:
        """The same, with what was counted since an earlier look."""
        if earlier is None:
            return self
        seconds = self.at - earlier.at
        return replace(
            self,
            usage={
                name: one.since(earlier.usage.get(name), seconds)
                if self._same_server(name, earlier)
                else one
                for name, one in self.usage.items()
            },
        )

    def _same_server(self, name: str, earlier: Look) -> bool:
        now, before = self.observed.service(name), earlier.observed.service(name)
        return now.started_at == before.started_at


def take_look(file: StackFile, choice: Choice) -> Look:
    """Observe a stack, compare it, and ask its servers what they counted.

    Raises:
        TfdeployError: TFD401 when the engine doesn't answer.
    """
    observed = choice.runtime.observe()
    health = look_at_health(file, choice, observed)
    usage = {
        name: _usage(choice, one, observed.files)
        for name, one in observed.services.items()
        if one.state in ALIVE
    }
    shares = _gpu_shares(file, observed)
    return Look(file, choice.runtime.name, observed, health, usage, time.time(), shares)


def _gpu_shares(file: StackFile, observed: ObservedStack) -> dict[str, str]:
    """Service → its GPU share and use, in words; the imports only where there is one."""
    if not any(service.gpu for service in file.stack.services.values()):
        return {}
    from tfdeploy.runtimes.gpus import share_lines

    return share_lines(file, observed)


def look_at_health(file: StackFile, choice: Choice, observed: ObservedStack) -> Health:
    """What was observed against what the stack file says, and against what `up` would do."""
    found = examine(file, choice, observed=observed)
    prepared = found.prepared
    return compare_health(
        file.stack,
        wanted_even_if_gone(file),
        observed,
        prepared.plan if prepared else None,
        prepared.rendered if prepared else None,
        found.problems,
    )


def wanted_even_if_gone(file: StackFile) -> Wanted:
    """As for a plan, but a version that is named and gone from disk is still wanted."""
    wanted = {name: dict(models) for name, models in resolve_wanted(file).items()}
    for name, service in file.stack.services.items():
        for model, served in service.models.items():
            if isinstance(served.versions, Specific):
                wanted[name][model] = tuple(sorted(set(served.versions.specific)))
    return wanted


def _usage(choice: Choice, service: ObservedService, files: Mapping[str, str]) -> Usage:
    try:
        memory = choice.runtime.memory_bytes(service.name)
    except TfdeployError:
        # It may have ended since.
        memory = None
    if not service.rest_url:
        return Usage(memory, None, "its REST port isn't published")
    path = _metrics_path(files.get(f"{service.name}/{MONITORING_CONFIG}", ""))
    if path is None:
        return Usage(memory, None, f"its {MONITORING_CONFIG} doesn't enable metrics")
    try:
        requests = get_requests(service.rest_url, path)
    except (Unreachable, TfdeployError) as error:
        reason = error.reason if isinstance(error, Unreachable) else error.message
        return Usage(memory, None, f"the server doesn't tell: {reason}")
    return Usage(memory, requests, "" if requests is not None else "it has no metrics page")


def _metrics_path(monitoring_config: str) -> str | None:
    """The path of the metrics page; None where a monitoring config doesn't enable it."""
    from google.protobuf import text_format

    from tfdeploy import wire

    try:
        config = wire.parse_text(wire.MonitoringConfig, monitoring_config).prometheus_config
    except text_format.ParseError:
        return None
    return (config.path or METRICS_PATH) if config.enable else None
