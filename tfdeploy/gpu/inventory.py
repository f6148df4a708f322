"""What a box has: devices, driver, what was measured on them. Read from and written to a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.files import save_text

MIB = 2**20
GIB = 2**30

DEFAULT_CONTEXT_BYTES = 512 * MIB
"""What a process takes of a device besides its share: CUDA context, cuBLAS, cuDNN.

An assumption: 234 MiB were reported for a T4 (tensorflow/serving#1668); contexts of later CUDA
releases and cards are larger. `tfdeploy gpu profile` measures it.
"""

DEFAULT_RESERVE_BYTES = 256 * MIB
"""What is left alone on each device; an assumption: rounding, a monitor, a tool that looks on."""

INVENTORY_FILE = "gpus.json"

Bytes = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GpuProcess(_Part):
    """A process that has memory of a device when the inventory is taken."""

    pid: int
    name: str = ""
    memory_bytes: Bytes = 0


class MigInstance(_Part):
    """A part of a card that is cut up by MIG: a device of its own to programs."""

    uuid: str
    profile: str = ""
    memory_total_bytes: Annotated[int, Field(gt=0)]
    memory_free_bytes: Bytes = 0


class Device(_Part):
    """One card, as NVML tells of it.

    ``memory_reserved_bytes`` is what the driver keeps: programs see the total without it
    (NVML's nvmlMemory_v2_t).
    """

    index: Annotated[int, Field(ge=0)]
    uuid: str
    name: str
    memory_total_bytes: Annotated[int, Field(gt=0)]
    memory_free_bytes: Bytes = 0
    memory_reserved_bytes: Bytes = 0
    compute_capability: Annotated[str, Field(pattern=r"^\d+\.\d+$")] | None = None
    context_bytes: Bytes | None = None
    reserve_bytes: Bytes | None = None
    mig: list[MigInstance] = []
    mig_enabled: bool = False
    processes: list[GpuProcess] = []


class DockerReach(_Part):
    """What the Docker engine can hand to containers."""

    runtimes: list[str] = []
    cdi_devices: list[str] = []


class ModelProfile(_Part):
    """What `tfdeploy gpu profile` measured: batch size → bytes beside the weights."""

    version: int | None = None
    device: str = ""
    weights_bytes: Bytes
    activation_bytes: dict[Annotated[int, Field(gt=0)], Bytes]


class Inventory(_Part):
    """A box with its cards. ``cuda`` is the highest release that the driver knows."""

    format: Literal[1] = 1
    driver: str = ""
    cuda: str = ""
    devices: list[Device] = []
    docker: DockerReach | None = None
    profiles: dict[str, ModelProfile] = {}


@dataclass(frozen=True)
class Unit:
    """A whole card or a MIG instance: what one server sees as its only device.

    ``id`` is what the stack file and the container runtime call it.
    """

    id: str
    uuid: str
    index: int
    name: str
    total_bytes: int
    context_bytes: int
    context_is_measured: bool
    reserve_bytes: int
    compute_capability: str | None
    processes: tuple[GpuProcess, ...] = ()

    @property
    def capacity_bytes(self) -> int:
        """What shares and contexts may take together."""
        return max(0, self.total_bytes - self.reserve_bytes)


def units(inventory: Inventory) -> list[Unit]:
    """Everything that a service can be placed on, in the order of the cards."""
    return [unit for device in inventory.devices for unit in _units_of(device)]


def _units_of(device: Device) -> Iterator[Unit]:
    def unit(id: str, uuid: str, name: str, total: int) -> Unit:
        measured = device.context_bytes is not None
        reserve = device.reserve_bytes
        return Unit(
            id=id,
            uuid=uuid,
            index=device.index,
            name=name,
            total_bytes=total,
            context_bytes=device.context_bytes if measured else DEFAULT_CONTEXT_BYTES,  # type: ignore[arg-type]
            context_is_measured=measured,
            reserve_bytes=DEFAULT_RESERVE_BYTES if reserve is None else reserve,
            compute_capability=device.compute_capability,
            processes=() if device.mig_enabled else tuple(device.processes),
        )

    if device.mig_enabled or device.mig:
        # The card itself can't be used while MIG is on.
        for one in device.mig:
            name = f"{device.name} MIG {one.profile}".rstrip()
            yield unit(one.uuid, one.uuid, name, one.memory_total_bytes)
    else:
        seen = device.memory_total_bytes - device.memory_reserved_bytes
        yield unit(str(device.index), device.uuid, device.name, seen)


def find_unit(known: list[Unit], device: str) -> Unit | None:
    """The unit that a stack file's ``device:`` means: an index, or a UUID or its beginning.

    The container toolkit's ``0:1`` is the second MIG instance of the first card.
    """
    index, colon, part = device.partition(":")
    if colon and index.isdecimal() and part.isdecimal():
        instances = [one for one in known if one.index == int(index) and one.id == one.uuid]
        return instances[int(part)] if int(part) < len(instances) else None
    for one in known:
        if device in (one.id, one.uuid):
            return one
    if device.isdecimal() or len(device) < len("GPU-12345678"):
        return None
    near = [one for one in known if one.uuid.startswith(device)]
    return near[0] if len(near) == 1 else None


def parse_inventory(text: str, path: Path) -> Inventory:
    """The inventory that a file holds.

    Raises:
        TfdeployError: TFD303 for each field that is wrong.
    """
    try:
        return Inventory.model_validate_json(text)
    except ValidationError as error:
        raise_all(_wrong(path, one["loc"], one["msg"]) for one in error.errors())
        raise


def _wrong(path: Path, location: tuple[int | str, ...], message: str) -> TfdeployError:
    field = ".".join(map(str, location)) or "the whole file"
    return TfdeployError(
        "TFD303",
        f"The GPU inventory is wrong: {field}: {message[:1].lower()}{message[1:]}.",
        where=f"{path}: {field}",
        hint="`tfdeploy gpu list --write FILE` on the GPU box makes one.",
    )


def load_inventory(path: Path) -> Inventory:
    """Read an inventory file.

    Raises:
        TfdeployError: TFD303.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TfdeployError(
            "TFD303",
            f"The GPU inventory can't be read: {getattr(error, 'strerror', None) or error}.",
            where=str(path),
            hint="check the path; `tfdeploy gpu list --write FILE` on the GPU box makes one.",
        ) from error
    return parse_inventory(text, path)


def save_inventory(path: Path, inventory: Inventory) -> None:
    """Write an inventory file.

    Raises:
        TfdeployError: TFD211.
    """
    save_text(path, inventory.model_dump_json(indent=2, exclude_none=True) + "\n")


def keep_measured(taken: Inventory, earlier: Inventory) -> Inventory:
    """A fresh inventory with what was measured, or written by hand, in an earlier one."""
    before = {one.uuid: one for one in earlier.devices}
    devices = []
    for device in taken.devices:
        known = before.get(device.uuid)
        kept = (
            {"context_bytes": known.context_bytes, "reserve_bytes": known.reserve_bytes}
            if (known)
            else {}
        )
        devices.append(device.model_copy(update=kept))
    profiles = {**earlier.profiles, **taken.profiles}
    return taken.model_copy(update={"devices": devices, "profiles": profiles})
