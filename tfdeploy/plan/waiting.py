"""What `wait` waits for, what of it is missing, and whether it can still come. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfdeploy.plan.health import Health
from tfdeploy.plan.observed import ObservedService, ObservedStack
from tfdeploy.stack import Stack, Wanted
from tfdeploy.stack.schema import Latest, Specific


@dataclass(frozen=True)
class Target:
    """A version that shall serve; with a label, that the label shall answer with."""

    model: str
    version: int
    label: str | None = None

    def __str__(self) -> str:
        return f"{self.model}{'@' + self.label if self.label else ''}={self.version}"


def parse_target(text: str) -> Target:
    """``MODEL=4`` or ``MODEL@stable=4``.

    Raises:
        ValueError: it is neither.
    """
    what, equals, number = text.rpartition("=")
    model, at, label = what.partition("@")
    if not equals or not model or not number.isdecimal() or (at and not label):
        raise ValueError(f"'{text}' isn't of the form MODEL=4 or MODEL@stable=4")
    return Target(model, int(number), label or None)


def missing_targets(
    targets: Sequence[Target], stack: Stack, observed: ObservedStack
) -> Iterator[str]:
    """What isn't there yet, in a few words each; every service that has the model must have it."""
    for target in targets:
        names = _services(target, stack)
        if not names:
            yield f"{target.model} isn't in the stack"
        for name in names:
            now = observed.service(name)
            if target.version not in now.available(target.model):
                yield f"{target.model} {target.version} is {_state(target, now)} on {name}"
            elif target.label:
                found = now.labels.get(target.model, {}).get(target.label)
                if found != target.version:
                    answers = "doesn't answer" if found is None else f"answers with {found}"
                    yield f"label {target.label} of {target.model} {answers} on {name}"


def why_targets_are_hopeless(
    targets: Sequence[Target],
    stack: Stack,
    wanted: Wanted,
    observed: ObservedStack,
) -> str | None:
    """The first reason for which a target can't come, unless somebody changes the stack.

    A version that is still to be published may come where the policy would take it.

    Args:
        targets: those that aren't there yet.
        stack: what the stack file says.
        wanted: the versions that it stands for.
        observed: what is there.
    """
    for target in targets:
        names = _services(target, stack)
        if not names:
            return f"the stack has no model '{target.model}'"
        for name in names:
            why = _of_service(observed.service(name))
            why = why or _of_version(target, observed.service(name))
            why = why or _of_policy(target, stack, name, wanted)
            if why:
                return why
    return None


def why_health_is_hopeless(health: Health, observed: ObservedStack) -> str | None:
    """The first reason for which a stack doesn't become as wanted by waiting."""
    if not observed.services:
        return "the stack isn't up"
    for service in observed.services.values():
        if why := _of_service(service):
            return why
    for row in health.versions:
        if row.wanted and row.failed:
            return f"{row.model} {row.version} failed to load: {row.error.splitlines()[0]}"
    return health.stuck[0] if health.stuck else None


def _services(target: Target, stack: Stack) -> list[str]:
    return [name for name, one in stack.services.items() if target.model in one.models]


def _state(target: Target, now: ObservedService) -> str:
    for one in now.versions.get(target.model, ()):
        if one.number == target.version:
            return one.state
    if now.versions:
        return "NOT LOADED"
    return "LOADING" if now.state in ("running", "starting") else now.state.upper()


def _of_service(now: ObservedService) -> str | None:
    if now.state == "absent":
        return f"service '{now.name}' isn't up"
    return f"service '{now.name}' ended: {now.detail}" if now.state == "exited" else None


def _of_version(target: Target, now: ObservedService) -> str | None:
    for one in now.versions.get(target.model, ()):
        if one.number == target.version and one.state == "END" and one.error:
            reason = one.error.splitlines()[0]
            return f"{target.model} {target.version} failed to load: {reason}"
    return None


def _of_policy(
    target: Target,
    stack: Stack,
    service: str,
    wanted: Wanted,
) -> str | None:
    served = stack.services[service].models[target.model]
    if target.label is not None:
        points_at = served.labels.get(target.label)
        if points_at is None:
            return f"the stack file gives {target.model} no label '{target.label}'"
        if points_at != target.version:
            return f"the stack file points label '{target.label}' at version {points_at}"
    if isinstance(served.versions, Specific) and target.version not in served.versions.specific:
        numbers = ", ".join(map(str, sorted(set(served.versions.specific))))
        return f"the stack file wants version {numbers} of {target.model}, not {target.version}"
    newest = wanted.get(service, {}).get(target.model, ())
    full = isinstance(served.versions, Latest) and len(newest) == served.versions.latest
    if full and target.version < min(newest):
        return f"newer versions of {target.model} are on disk, and the newest are served"
    return None
