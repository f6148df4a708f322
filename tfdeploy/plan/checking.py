"""What a version is asked before requests move to it, and when. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from tfdeploy.plan.observed import ObservedService
from tfdeploy.plan.steps import CheckAnswers, WantedModels
from tfdeploy.plan.transition import answering_labels, model_configs
from tfdeploy.stack.checks import CheckRequest

RequestsOf = Callable[[str, str, int], tuple[CheckRequest, ...]]
"""(service, model, version) → what that version is asked."""


def no_requests(service: str, model: str, version: int) -> tuple[CheckRequest, ...]:
    """Nothing to ask, whatever the version."""
    del service, model, version
    return ()


@dataclass(frozen=True)
class Checks:
    """What versions are asked before requests move to them.

    Args:
        requests_of: finds the requests; called only for versions that are about to be asked.
        skipped: why nothing is asked, for the plan to say; empty where it is.
    """

    requests_of: RequestsOf = no_requests
    skipped: str = ""


@dataclass
class _Move:
    """Requests that are about to move to a version: from where, and why."""

    before: int | None = None
    causes: list[str] = field(default_factory=list)


def checks_before(
    before: str, wanted: str, versions: WantedModels, service: ObservedService, checks: Checks
) -> list[CheckAnswers]:
    """The checks that belong before the config ``wanted``, one for each version moved to.

    A label that points elsewhere than it answers now moves its requests. Without labels, pinned
    versions that go leave theirs to the highest one that comes. A model that is new to the
    service has no requests yet.

    Args:
        before: the models.config in force.
        wanted: the models.config that is wanted.
        versions: the versions that ``wanted`` stands for, by model.
        service: what serves now.
        checks: what there is to ask.
    """
    old, new = model_configs(before), model_configs(wanted)
    steps = []
    for name in new.keys() & old.keys():
        available = service.available(name)
        moves = _labels_that_move(old[name], new[name], available)
        if not new[name].version_labels:
            moves = _pinned_that_goes(old[name], versions.get(name, ()), available)
        steps += [
            _step(service.name, name, number, moves[number], checks) for number in sorted(moves)
        ]
    return sorted(steps, key=lambda step: step.model)


def _step(service: str, model: str, version: int, move: _Move, checks: Checks) -> CheckAnswers:
    cause = ", ".join(move.causes)
    if checks.skipped:
        return CheckAnswers(
            checks.skipped, service, model, version, move.before, skipped=checks.skipped
        )
    requests = checks.requests_of(service, model, version)
    return CheckAnswers(cause, service, model, version, move.before, requests)


def _labels_that_move(old: Any, new: Any, available: Collection[int]) -> dict[int, _Move]:
    answering = answering_labels(old, available)
    moves: dict[int, _Move] = {}
    for label, number in sorted(new.version_labels.items()):
        now = answering.get(label)
        if now == number:
            continue
        move = moves.setdefault(number, _Move())
        move.before = now if now is not None else move.before
        move.causes.append(
            f"label {label} is new on it"
            if now is None
            else f"label {label} moves to it from {now}"
        )
    return moves


def _pinned_that_goes(
    old: Any, wanted: Collection[int], available: Collection[int]
) -> dict[int, _Move]:
    """The highest version that comes in place of pinned ones.

    Under ``latest`` and ``all`` the server takes what lies on disk by itself: no plan holds it.
    """
    pinned = set(old.model_version_policy.specific.versions)
    gone, come = pinned & set(available) - set(wanted), set(wanted) - set(available)
    if not gone or not come or max(come) != max(wanted):
        return {}
    return {max(come): _Move(max(gone), [f"it serves in place of {max(gone)}"])}
