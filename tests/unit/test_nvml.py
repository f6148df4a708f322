"""Devices as NVML tells of them; a library that answers as drivers of several ages do."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.inventory import GpuProcess, Inventory
from tfdeploy.runtimes.nvml import take_inventory

MIB = 2**20


class NvmlFailed(Exception):
    """The library's own error."""


@dataclass
class Card:
    name: str
    total: int
    free: int
    reserved: int = 0
    capability: tuple[int, int] | None = (8, 0)
    processes: dict[int, int | None] = field(default_factory=dict)
    # None: a card that knows nothing of MIG.
    mig: list[Card] | None = None

    @property
    def uuid(self) -> str:
        return f"{'MIG' if 'MIG' in self.name else 'GPU'}-{abs(hash(self.name))}"


@dataclass
class Library:
    """pynvml's functions over cards; handles are the cards themselves."""

    cards: list[Card]
    has_driver: bool = True
    has_memory_v2: bool = True
    names: dict[int, str] = field(default_factory=dict)
    open: int = 0
    NVMLError: type[Exception] = NvmlFailed
    nvmlMemory_v2: int = 2

    def nvmlInit(self) -> None:
        if not self.has_driver:
            raise NvmlFailed("NVML Shared Library Not Found")
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlSystemGetDriverVersion(self) -> str:
        return "550.54.15"

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:
        return 12040

    def nvmlSystemGetProcessName(self, pid: int) -> str:
        if pid not in self.names:
            raise NvmlFailed("Not Found")
        return self.names[pid]

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        return self.cards[index]

    def nvmlDeviceGetUUID(self, handle: Card) -> str:
        return handle.uuid

    def nvmlDeviceGetName(self, handle: Card) -> str:
        return handle.name

    def nvmlDeviceGetMemoryInfo(self, handle: Card, version: int | None = None) -> Any:
        if version and not self.has_memory_v2:
            raise NvmlFailed("Function Not Found")
        told = {"total": handle.total, "free": handle.free}
        return SimpleNamespace(**told, **({"reserved": handle.reserved} if version else {}))

    def nvmlDeviceGetCudaComputeCapability(self, handle: Card) -> tuple[int, int]:
        if handle.capability is None:
            raise NvmlFailed("Not Supported")
        return handle.capability

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Card) -> list[Any]:
        pairs = handle.processes.items()
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in pairs]

    def nvmlDeviceGetMigMode(self, handle: Card) -> tuple[int, int]:
        if handle.mig is None:
            raise NvmlFailed("Not Supported")
        return (1, 1) if handle.mig else (0, 0)

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Card) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Card, index: int) -> Card:
        assert handle.mig is not None
        if index >= len(handle.mig):
            raise NvmlFailed("Not Found")
        return handle.mig[index]


def taken(library: Library) -> Inventory:
    found = take_inventory(library)
    assert library.open == 0, "NVML stays open"
    return found


def test_a_plain_card_is_told_with_its_processes() -> None:
    card = Card("RTX 3090", 24576 * MIB, 20000 * MIB, 316 * MIB, (8, 6), {41: 900 * MIB, 42: None})
    found = taken(Library([card], names={41: "/usr/bin/tensorflow_model_server"}))
    assert (found.driver, found.cuda) == ("550.54.15", "12.4")
    (device,) = found.devices
    assert (device.index, device.name, device.compute_capability) == (0, "RTX 3090", "8.6")
    assert device.memory_reserved_bytes == 316 * MIB
    assert device.processes == [
        GpuProcess(pid=41, name="/usr/bin/tensorflow_model_server", memory_bytes=900 * MIB),
        GpuProcess(pid=42, name="", memory_bytes=0),
    ]


def test_an_old_driver_tells_no_reserved_memory() -> None:
    (device,) = taken(Library([Card("T4", 100, 90)], has_memory_v2=False)).devices
    assert (device.memory_total_bytes, device.memory_reserved_bytes) == (100, 0)


def test_a_card_that_tells_no_capability_has_none() -> None:
    (device,) = taken(Library([Card("old", 100, 90, capability=None)])).devices
    assert device.compute_capability is None


def test_instances_of_a_card_that_is_cut_up_are_told() -> None:
    parts = [Card("A100 MIG 3g.40gb", 40, 39), Card("A100 MIG 1g.10gb", 10, 9)]
    cut, whole = taken(
        Library([Card("A100", 80, 80, mig=parts), Card("A100", 80, 80, mig=[])])
    ).devices
    assert [(one.profile, one.memory_total_bytes) for one in cut.mig] == [
        ("3g.40gb", 40),
        ("1g.10gb", 10),
    ]
    assert (cut.mig_enabled, whole.mig_enabled, whole.mig) == (True, False, [])


@pytest.mark.parametrize(
    ("library", "words"),
    [
        (Library([], has_driver=False), "NVML Shared Library Not Found"),
        (Library([]), "finds no device"),
    ],
)
def test_no_driver_and_no_device_are_told_plainly(library: Library, words: str) -> None:
    with pytest.raises(TfdeployError) as caught:
        take_inventory(library)
    assert (caught.value.code, words in caught.value.where) == ("TFD304", True)
    assert library.open == 0
