"""Shares that take an inventory to tell: settled before anything is rendered.

Everything after this sees services with one device and one fraction each, as if they had been
written so: `memory:`, `auto` and `replicas: per-gpu` are known here alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.images import check_image, lacks_gpu
from tfdeploy.gpu.inventory import INVENTORY_FILE, Inventory, ModelProfile, Unit, units
from tfdeploy.gpu.need import Need, need_of
from tfdeploy.gpu.shares import Placed, SharePlan, Wish, plan_shares
from tfdeploy.savedmodel import list_versions, weights_bytes
from tfdeploy.stack.file import StackFile
from tfdeploy.stack.schema import AUTO, PER_GPU, GpuShare, HostPort, Publish, Service, Specific
from tfdeploy.stack.wanted import wanted_versions


def has_gpus(file: StackFile) -> bool:
    """Whether any service asks for a GPU."""
    return any(service.gpu for service in file.stack.services.values())


def inventory_paths(file: StackFile) -> list[Path]:
    """Where a stack's inventory may lie, the nearest first: beside it, or for all stacks."""
    return [folder / INVENTORY_FILE for folder in (file.folder, file.folder.absolute().parent)]


def settle_gpus(file: StackFile, inventory: Inventory | None) -> StackFile:
    """The stack with a device and a fraction for every share, copies per GPU written out.

    What is wrong stands in ``gpus.problems`` of the result, for `check_stack` to tell; the shares
    are as they were then. Without an inventory only shares that need none are settled.
    """
    if not has_gpus(file):
        return file
    if inventory is None:
        return replace(file, gpus=SharePlan((), (), tuple(_unsettled(file))))
    wide = _widened(file, units(inventory))
    wishes = [
        _wish(wide, name, inventory.profiles)
        for name, one in wide.stack.services.items()
        if one.gpu
    ]
    plan = plan_shares(wishes, inventory, file.stack.placement)
    problems = (*plan.problems, *_images(wide, plan, inventory.driver))
    plan = replace(plan, problems=problems)
    if plan.problems:
        return replace(file, gpus=plan)
    services = dict(wide.stack.services)
    for placed in plan.placed:
        services[placed.wish.service] = _settled(services[placed.wish.service], placed)
    return replace(wide, stack=wide.stack.model_copy(update={"services": services}), gpus=plan)


def unsettled(file: StackFile, name: str) -> TfdeployError:
    """TFD305: the share of a service can't be told without an inventory."""
    gpu = file.stack.services[name].gpu
    what = "replicas: per-gpu" if gpu and gpu.replicas else ""
    what = what or ("device: auto" if gpu and gpu.device == AUTO else "memory:")
    return TfdeployError(
        "TFD305",
        f"Service '{name}' says `{what}`, and the devices aren't known: there is no GPU here and "
        "no inventory.",
        where=file.where("services", name, "gpu"),
        hint=f"on the GPU box: `tfdeploy gpu list --write {inventory_paths(file)[0]}`; then keep "
        "that file beside the stack file.",
    )


def _unsettled(file: StackFile) -> list[TfdeployError]:
    services = file.stack.services.items()
    return [unsettled(file, name) for name, one in services if one.gpu and not one.gpu.is_settled]


def cpu_only_images(file: StackFile) -> list[TfdeployError]:
    """TFD319 for a service with a share whose image was built without GPU support."""
    return [
        TfdeployError(
            "TFD319",
            f"Service '{name}' has a GPU share, and {file.stack.image_of(name)} has no GPU "
            "support.",
            where=file.where("services", name, "image"),
            hint=f"take {file.stack.image_of(name).partition('@')[0]}-gpu.",
        )
        for name, service in file.stack.services.items()
        if service.gpu and service.gpu.required and lacks_gpu(file.stack.image_of(name))
    ]


def _widened(file: StackFile, known: list[Unit]) -> StackFile:
    """One service for each device in place of each that says `replicas: per-gpu`."""
    services: dict[str, Service] = {}
    for name, service in file.stack.services.items():
        if service.gpu is None or service.gpu.replicas != PER_GPU:
            services[name] = service
            continue
        for number, unit in enumerate(known):
            services[f"{name}-gpu{number}"] = _replica(service, name, unit, number)
    return replace(file, stack=file.stack.model_copy(update={"services": services}))


def _replica(service: Service, name: str, unit: Unit, number: int) -> Service:
    """A copy on one device; a port that is named is counted up, as every port is used once."""

    def port(asked: HostPort) -> HostPort:
        return (asked[0], asked[1] + number) if asked[1] else asked

    assert service.gpu
    publish = Publish.model_construct(
        rest=port(service.publish.rest), grpc=port(service.publish.grpc)
    )
    gpu = service.gpu.model_copy(update={"device": unit.id, "replicas": None})
    more = {"gpu": gpu, "publish": publish, "aliases": [*service.aliases, name]}
    return service.model_copy(update=more)


def _settled(service: Service, placed: Placed) -> Service:
    gpu = service.gpu
    assert gpu
    if gpu.is_settled:
        # As it was written: an index stays an index, a UUID a UUID.
        return service
    device = placed.unit.id if gpu.device == AUTO else gpu.device
    update = {"device": device, "memory_fraction": placed.fraction, "memory": None}
    return service.model_copy(update={"gpu": gpu.model_copy(update=update)})


def _wish(file: StackFile, name: str, profiles: Mapping[str, ModelProfile]) -> Wish:
    service = file.stack.services[name]
    gpu = service.gpu
    assert gpu
    return Wish(
        service=name,
        device=None if gpu.device == AUTO else str(gpu.device),
        fraction=gpu.memory_fraction,
        memory_bytes=gpu.memory if isinstance(gpu.memory, int) else None,
        need=_need(file, name, gpu, profiles),
        growth=gpu.growth,
        replaces=is_replaced(service),
        where=file.where("services", name, "gpu"),
    )


def is_replaced(service: Service) -> bool:
    """Whether old versions go before new ones come: `up` stops the server first.

    A policy that follows the disk has the server load a new version by itself, beside the old one.
    """
    pinned = all(isinstance(one.versions, Specific) for one in service.models.values())
    return service.strategy == "recreate" and pinned


def _need(
    file: StackFile, name: str, gpu: GpuShare, profiles: Mapping[str, ModelProfile]
) -> Need | None:
    """From the versions on disk; None where a model has none yet."""
    service = file.stack.services[name]
    models: dict[str, list[int]] = {}
    for model, served in service.models.items():
        on_disk = {one.number: one for one in list_versions(file.base_path(name, model))}
        numbers = wanted_versions(served.versions, on_disk)
        models[model] = [weights_bytes(on_disk[number].path) for number in numbers]
    if not models or not all(models.values()):
        return None
    rows = service.batching.max_batch_size if service.batching else None
    return need_of(models, profiles, stated=gpu.activations, rows=rows)


def _images(file: StackFile, plan: SharePlan, driver: str) -> list[TfdeployError]:
    found: list[TfdeployError] = []
    for placed in plan.placed:
        name = placed.wish.service
        where = file.where("services", name, "image")
        found += check_image(file.stack.image_of(name), placed.unit, driver, where)
    return found
