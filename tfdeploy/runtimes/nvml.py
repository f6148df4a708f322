"""The devices of this machine, read through NVML. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.inventory import Device, GpuProcess, Inventory, MigInstance

T = TypeVar("T")


class Nvml(Protocol):
    """What is used of NVML, under the names of nvidia-ml-py's module ``pynvml``."""

    NVMLError: type[Exception]
    nvmlMemory_v2: int  # noqa: N815

    def nvmlInit(self) -> None: ...  # noqa: D102, N802
    def nvmlShutdown(self) -> None: ...  # noqa: D102, N802
    def nvmlSystemGetDriverVersion(self) -> str: ...  # noqa: D102, N802
    def nvmlSystemGetCudaDriverVersion_v2(self) -> int: ...  # noqa: D102, N802
    def nvmlSystemGetProcessName(self, pid: int) -> str: ...  # noqa: D102, N802
    def nvmlDeviceGetCount(self) -> int: ...  # noqa: D102, N802
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...  # noqa: D102, N802
    def nvmlDeviceGetUUID(self, handle: Any) -> str: ...  # noqa: D102, N802
    def nvmlDeviceGetName(self, handle: Any) -> str: ...  # noqa: D102, N802
    def nvmlDeviceGetMemoryInfo(self, handle: Any, version: int | None = None) -> Any: ...  # noqa: D102, N802
    def nvmlDeviceGetCudaComputeCapability(self, handle: Any) -> tuple[int, int]: ...  # noqa: D102, N802
    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> list[Any]: ...  # noqa: D102, N802
    def nvmlDeviceGetMigMode(self, handle: Any) -> tuple[int, int]: ...  # noqa: D102, N802
    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int: ...  # noqa: D102, N802
    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> Any: ...  # noqa: D102, N802


def take_inventory(nvml: Nvml | None = None) -> Inventory:
    """Every device of this machine with its processes and MIG instances.

    Raises:
        TfdeployError: TFD304 where there is no driver, no device, or no nvidia-ml-py.
    """
    library = nvml if nvml is not None else _pynvml()
    try:
        library.nvmlInit()
    except library.NVMLError as error:
        raise no_gpu(f"NVML: {error}") from error
    try:
        count = library.nvmlDeviceGetCount()
        if not count:
            raise no_gpu("NVML: the driver finds no device")
        cuda = library.nvmlSystemGetCudaDriverVersion_v2()
        return Inventory(
            driver=library.nvmlSystemGetDriverVersion(),
            # 12040 is 12.4 (nvml.h, NVML_CUDA_DRIVER_VERSION_MAJOR and _MINOR).
            cuda=f"{cuda // 1000}.{cuda % 1000 // 10}",
            devices=[_device(library, index) for index in range(count)],
        )
    except library.NVMLError as error:
        raise no_gpu(f"NVML: {error}") from error
    finally:
        library.nvmlShutdown()


def no_gpu(why: str) -> TfdeployError:
    """TFD304, with the library's own words."""
    return TfdeployError(
        "TFD304",
        "There is no NVIDIA GPU on this machine that can be read.",
        where=why,
        hint="on the GPU box `tfdeploy gpu list --write gpus.json` writes an inventory; give it "
        "here with --inventory.",
    )


def _pynvml() -> Nvml:
    try:
        import pynvml
    except ImportError as error:
        raise no_gpu(f"import pynvml: {error}; pip install nvidia-ml-py") from error
    library: Nvml = pynvml
    return library


def _device(nvml: Nvml, index: int) -> Device:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    total, free, reserved = _memory(nvml, handle)
    capability = _or_none(nvml, lambda: nvml.nvmlDeviceGetCudaComputeCapability(handle))
    mode = _or_none(nvml, lambda: nvml.nvmlDeviceGetMigMode(handle))
    is_cut = bool(mode and mode[0])
    return Device(
        index=index,
        uuid=nvml.nvmlDeviceGetUUID(handle),
        name=nvml.nvmlDeviceGetName(handle),
        memory_total_bytes=total,
        memory_free_bytes=free,
        memory_reserved_bytes=reserved,
        compute_capability=f"{capability[0]}.{capability[1]}" if capability else None,
        mig_enabled=is_cut,
        mig=list(_instances(nvml, handle)) if is_cut else [],
        processes=list(_processes(nvml, handle)),
    )


def _memory(nvml: Nvml, handle: Any) -> tuple[int, int, int]:
    """Total, free and reserved bytes; drivers before 510 don't tell the last."""
    try:
        found = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    except nvml.NVMLError:
        found = nvml.nvmlDeviceGetMemoryInfo(handle)
        return int(found.total), int(found.free), 0
    return int(found.total), int(found.free), int(found.reserved)


def _instances(nvml: Nvml, handle: Any) -> Iterator[MigInstance]:
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):

        def instance(number: int = index) -> Any:
            return nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)

        # Numbers that no instance has are errors.
        part = _or_none(nvml, instance)
        if part is not None:
            memory = nvml.nvmlDeviceGetMemoryInfo(part)
            name = nvml.nvmlDeviceGetName(part)
            yield MigInstance(
                uuid=nvml.nvmlDeviceGetUUID(part),
                # "NVIDIA A100-SXM4-80GB MIG 1g.10gb"
                profile=name.rpartition("MIG ")[2] if "MIG " in name else "",
                memory_total_bytes=int(memory.total),
                memory_free_bytes=int(memory.free),
            )


def _processes(nvml: Nvml, handle: Any) -> Iterator[GpuProcess]:
    for one in _or_none(nvml, lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle)) or []:
        pid = int(one.pid)
        name = _or_none(nvml, lambda pid=pid: nvml.nvmlSystemGetProcessName(pid)) or ""  # type: ignore[misc]
        # In a container, and without permission, NVML doesn't tell the memory.
        yield GpuProcess(pid=pid, name=name, memory_bytes=int(one.usedGpuMemory or 0))


def _or_none(nvml: Nvml, ask: Callable[[], T]) -> T | None:
    """The answer, or None where this card, driver or process has none."""
    try:
        return ask()
    except nvml.NVMLError:
        return None
