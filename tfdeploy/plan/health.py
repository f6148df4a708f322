"""Is what runs what is wanted? Every version, label and pending change, compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.plan.observed import ObservedService, ObservedStack, ObservedVersion
from tfdeploy.plan.steps import CheckAnswers, Plan, Reload, WaitAvailable, WantedModels
from tfdeploy.render import RenderedStack
from tfdeploy.stack import Stack, Wanted

ALIVE = ("running", "starting", "unhealthy")


@dataclass(frozen=True)
class VersionHealth:
    """One version that is wanted or that the server knows of.

    Attributes:
        version: None where nothing lies on disk for a model that is wanted.
        state: the server's own word; LOADING before its ports open, NOT LOADED for a version
            that a server with open ports doesn't speak of, NOTHING ON DISK, or the service's
            state where it doesn't run.
        error: the server's own reason, or why the service ended.
    """

    service: str
    model: str
    version: int | None
    labels: tuple[str, ...]
    wanted: bool
    state: str
    error: str = ""

    @property
    def ok(self) -> bool:
        """Wanted and AVAILABLE, or neither."""
        return self.wanted == (self.state == "AVAILABLE")

    @property
    def failed(self) -> bool:
        """Its load ended with an error; the server doesn't try that number again."""
        return self.state == "END" and bool(self.error)

    def as_data(self) -> dict[str, Any]:
        """The row for ``--json``."""
        return {
            "service": self.service,
            "model": self.model,
            "version": self.version,
            "labels": list(self.labels),
            "wanted": self.wanted,
            "state": self.state,
            "error": self.error,
            "ok": self.ok,
        }


@dataclass(frozen=True)
class Health:
    """A stack, compared.

    Attributes:
        versions: of every service, highest version first.
        label_problems: labels that don't answer with the version that the stack file says.
        pending: what `up` would change, or why it would refuse, in sentences.
        stuck: those of ``pending`` that no waiting brings about.
    """

    versions: tuple[VersionHealth, ...]
    label_problems: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that differs and is no version, in sentences."""
        return self.label_problems + self.pending

    @property
    def healthy(self) -> bool:
        """What is wanted serves, and `up` would change nothing."""
        return all(one.ok for one in self.versions) and not self.problems

    @property
    def differing(self) -> Iterator[str]:
        """Every difference in a few words, versions first."""
        for one in self.versions:
            if not one.ok:
                number = "" if one.version is None else f" {one.version}"
                what = f"{one.model}{number} on {one.service} is {one.state}"
                yield f"{what}, and not wanted" if not one.wanted else what
        yield from self.problems


def compare_health(
    stack: Stack,
    wanted: Wanted,
    observed: ObservedStack,
    plan: Plan | None,
    rendered: RenderedStack | None,
    refusals: Sequence[TfdeployError] = (),
) -> Health:
    """Everything wanted against everything observed.

    Args:
        stack: what the stack file says.
        wanted: the versions that it stands for; one that is named and gone from disk is wanted.
        observed: what is there.
        plan: what `up` would do; None where it would refuse.
        rendered: what the plan was made from.
        refusals: why it would refuse.
    """
    names = {**stack.services, **observed.services}
    rows = [
        row for name in names for row in _versions(observed.service(name), wanted.get(name, {}))
    ]
    pending = [f"`up` would refuse: {error.message}  [{error.code}]" for error in refusals]
    stuck = list(pending)
    if plan is not None and rendered is not None:
        for step in plan.steps:
            if isinstance(step, WaitAvailable | CheckAnswers):
                continue
            told = f"`up` would {step}, because {step.cause}"
            pending.append(told)
            if not (isinstance(step, Reload) and _has_its_config(step.service, rendered, observed)):
                stuck.append(told)
    labels = tuple(_label_problems(stack, observed))
    return Health(tuple(rows), labels, tuple(pending), tuple(stuck))


def _has_its_config(service: str, rendered: RenderedStack, observed: ObservedStack) -> bool:
    """Whether a reload would only repeat what the server was told: it may still be loading."""
    if service not in rendered.services:
        return False
    return rendered.services[service].models_hash == observed.service(service).models_hash


def _label_problems(stack: Stack, observed: ObservedStack) -> Iterator[str]:
    for name, service in stack.services.items():
        now = observed.service(name)
        if not now.versions:
            continue
        for model, served in service.models.items():
            for label, number in served.labels.items():
                found = now.labels.get(model, {}).get(label)
                if found != number:
                    answers = "doesn't answer" if found is None else f"answers with {found}"
                    yield f"label {label} of {model} {answers}, and should with {number}"


def _versions(service: ObservedService, wanted: WantedModels) -> Iterator[VersionHealth]:
    for model in {**wanted, **service.versions}:
        known = {one.number: one for one in service.versions.get(model, ())}
        numbers = wanted.get(model, ())
        for number in sorted({*numbers, *known}, reverse=True):
            if number in numbers or _concerns(known[number]):
                yield _version(service, model, number, number in numbers, known.get(number))
        if not numbers and not known:
            error = "no version to serve"
            yield VersionHealth(service.name, model, None, (), True, "NOTHING ON DISK", error)


def _concerns(seen: ObservedVersion) -> bool:
    """A version that isn't wanted and was unloaded in peace is nobody's concern."""
    return seen.state != "END" or bool(seen.error)


def _version(
    service: ObservedService, model: str, number: int, wanted: bool, seen: ObservedVersion | None
) -> VersionHealth:
    alive = service.state in ALIVE
    labels = service.labels.get(model, {})
    return VersionHealth(
        service.name,
        model,
        number,
        tuple(label for label, points_at in labels.items() if points_at == number),
        wanted,
        seen.state if seen else _unseen(service),
        seen.error if seen else "" if alive else service.detail,
    )


def _unseen(service: ObservedService) -> str:
    """The state of a version that the server doesn't speak of."""
    if service.versions:
        return "NOT LOADED"
    # The ports open after the first load.
    return "LOADING" if service.state in ("running", "starting") else service.state.upper()
