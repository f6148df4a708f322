"""Whether a change fits into the memory of the GPUs: old and new are there at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.proof import size
from tfdeploy.gpu.shares import Placed, change_too_large
from tfdeploy.plan.beside import StartBeside
from tfdeploy.plan.observed import ObservedService, ObservedStack
from tfdeploy.plan.steps import Reload, Step
from tfdeploy.savedmodel import list_versions, weights_bytes
from tfdeploy.stack import StackFile, Wanted

Crowded = Mapping[str, TfdeployError]
"""Service → TFD310: old and new versions are more than its share."""


def crowded_services(file: StackFile, wanted: Wanted, observed: ObservedStack) -> Crowded:
    """The services that must load more beside what they serve than their share holds.

    Only what is sure counts: weights on disk, and activations that were stated or measured.
    """
    found = {}
    for placed in file.gpus.placed if file.gpus else ():
        name = placed.wish.service
        now = observed.service(name)
        if name in file.stack.services and _loads_something(wanted, now):
            peak = _peak_bytes(file, placed, wanted, now)
            if peak > placed.share_bytes:
                where = file.where("services", name, "gpu")
                found[name] = change_too_large(name, peak, placed.share_bytes, where)
    return found


def check_change(file: StackFile, steps: Iterable[Step], crowded: Crowded) -> list[TfdeployError]:
    """TFD310 for a reload, TFD443 for a second server, that the GPUs have no room for."""
    errors = []
    reloaded = set()
    for step in steps:
        if isinstance(step, Reload) and step.service not in reloaded:
            reloaded.add(step.service)
            errors += [crowded[step.service]] if step.service in crowded else []
        if isinstance(step, StartBeside):
            errors += _no_room_beside(file, step.service)
    return errors


def _no_room_beside(file: StackFile, name: str) -> Iterator[TfdeployError]:
    placed = file.gpus.of(name) if file.gpus else None
    if file.gpus is None or placed is None or file.gpus.fits_beside(name):
        return
    yield TfdeployError(
        "TFD443",
        f"A new server of '{name}' beside the old one needs {size(placed.whole_bytes)} of GPU "
        f"{placed.unit.id}, and {size(max(0, file.gpus.free_bytes(placed.unit)))} are free.",
        where=file.where("services", name, "gpu"),
        hint="`strategy: recreate` in the service's block stops the old one first; nobody answers "
        "meanwhile. Or lower the shares.",
    )


def _peak_bytes(file: StackFile, placed: Placed, wanted: Wanted, now: ObservedService) -> int:
    need, name = placed.wish.need, placed.wish.service
    sure = need.activation_bytes if need and need.activations_are != "assumed" else 0
    return sure + sum(
        _weights(file, name, model, {*wanted[name][model], *now.available(model)})
        for model in file.stack.services[name].models
    )


def _loads_something(wanted: Wanted, now: ObservedService) -> bool:
    """Whether a running server lacks a version; one that starts has nothing old in memory."""
    if now.state in ("absent", "exited"):
        return False
    return any(set(numbers) - now.available(model) for model, numbers in wanted[now.name].items())


def _weights(file: StackFile, service: str, model: str, numbers: set[int]) -> int:
    on_disk = list_versions(file.base_path(service, model))
    return sum(weights_bytes(one.path) for one in on_disk if one.number in numbers)
