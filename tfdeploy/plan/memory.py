"""Whether a change fits into the memory of the GPUs: old and new are there at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.shares import change_too_large
from tfdeploy.plan.observed import ObservedService, ObservedStack
from tfdeploy.plan.steps import Reload, Step
from tfdeploy.savedmodel import list_versions, weights_bytes
from tfdeploy.stack import StackFile, Wanted
from tfdeploy.stack.gpus import is_replaced


def check_change(
    file: StackFile, steps: Iterable[Step], wanted: Wanted, observed: ObservedStack
) -> list[TfdeployError]:
    """TFD310 for each service that must load more beside what it serves than its share holds.

    Only what is sure counts: weights on disk, and activations that were stated or measured.
    """
    reloaded = {step.service for step in steps if isinstance(step, Reload)}
    return [
        error
        for name in file.stack.services
        if name in reloaded and not is_replaced(file.stack.services[name])
        for error in _too_large(file, name, wanted, observed.service(name))
    ]


def _too_large(
    file: StackFile, name: str, wanted: Wanted, now: ObservedService
) -> Iterator[TfdeployError]:
    placed = file.gpus.of(name) if file.gpus else None
    if placed is None or not _loads_something(wanted, now):
        return
    need = placed.wish.need
    sure = need.activation_bytes if need and need.activations_are != "assumed" else 0
    models = file.stack.services[name].models
    peak = sure + sum(
        _weights(file, name, model, {*wanted[name][model], *now.available(model)})
        for model in models
    )
    if peak > placed.share_bytes:
        where = file.where("services", name, "gpu")
        yield change_too_large(name, peak, placed.share_bytes, where)


def _loads_something(wanted: Wanted, now: ObservedService) -> bool:
    return any(set(numbers) - now.available(model) for model, numbers in wanted[now.name].items())


def _weights(file: StackFile, service: str, model: str, numbers: set[int]) -> int:
    on_disk = list_versions(file.base_path(service, model))
    return sum(weights_bytes(one.path) for one in on_disk if one.number in numbers)
