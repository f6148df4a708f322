"""After a start: whether the server that asked for a GPU got one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tfdeploy.apply.gpu import check_gpu
from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.inventory import Device, GpuProcess, Inventory
from tfdeploy.plan import ObservedService
from tfdeploy.render import RenderedService
from tfdeploy.runtimes.nvml import no_gpu
from tfdeploy.serverlog import read_gpu_log

CREATED = (
    "2024-05-14 10:00:00.1: I tensorflow/core/common_runtime/gpu/gpu_device.cc:1928] Created "
    "device /job:localhost/replica:0/task:0/device:GPU:0 with 9704 MB memory:  -> "
    "device: 0, name: NVIDIA GeForce RTX 3090, pci bus id: 0000:65:00.0, compute capability: 8.6"
)
LOADED = (
    "2024-05-14 10:00:01.2: I tensorflow_serving/core/loader_harness.cc:95] Successfully loaded "
    "servable version {name: half version: 1}"
)
NO_CUDA = (
    "2024-05-14 10:00:00.3: E external/local_xla/xla/stream_executor/cuda/cuda_driver.cc:282] "
    "failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected"
)
SKIPPED = (
    "2024-05-14 10:00:00.4: W tensorflow/core/common_runtime/gpu/gpu_device.cc:2256] Cannot dlopen "
    "some GPU libraries. Skipping registering GPU devices..."
)
NEW_STYLE = "I0000 00:00:1715680800.123 41 gpu_device.cc:2022] " + CREATED.split("] ")[1]


@dataclass
class Logged:
    """A runtime of one service that has this log and this process."""

    lines: list[str]
    pid: int | None = None
    name: str = "here"

    def logs(self, service: str, *, tail: int, follow: bool, beside: bool = False) -> Iterator[str]:
        return iter(self.lines[-tail:])

    def look(self, service: str, *, beside: bool = False) -> ObservedService:
        return ObservedService(service, "running", pid=self.pid)


def nobody_there() -> Inventory:
    raise no_gpu("NVML: NVML Shared Library Not Found")


def listing(*pids: int) -> Inventory:
    processes = [GpuProcess(pid=pid, memory_bytes=1) for pid in pids]
    card = Device(index=0, uuid="GPU-1", name="x", memory_total_bytes=8, processes=processes)
    return Inventory(devices=[card])


def checked(
    runtime: Any, devices: Any = nobody_there, *, required: bool | None = True
) -> tuple[str, list[str]]:
    """The code that was raised, and the notes."""
    notes: list[str] = []
    service = RenderedService("a", "i", (), {}, {}, "", "", gpu_required=required)
    try:
        check_gpu(service, runtime, notes.append, devices)
    except TfdeployError as error:
        return error.code, notes
    return "", notes


@pytest.mark.parametrize("line", [CREATED, NEW_STYLE])
def test_the_device_that_was_created_is_read_from_the_log(line: str) -> None:
    found = read_gpu_log([LOADED, line])
    assert (found.device, found.memory_mib) == ("NVIDIA GeForce RTX 3090", 9704)
    assert checked(Logged([line])) == ("", [])


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([NO_CUDA, LOADED], "failed call to cuInit: CUDA_ERROR_NO_DEVICE"),
        ([SKIPPED], "Cannot dlopen some GPU libraries"),
        ([SKIPPED, NO_CUDA], "failed call to cuInit"),
    ],
)
def test_a_server_that_fell_back_to_the_cpu_fails_with_its_own_words(
    lines: list[str], why: str
) -> None:
    assert read_gpu_log(lines).cause.why.startswith(why)
    assert checked(Logged(lines))[0] == "TFD316"


def test_a_restart_that_got_the_device_counts_though_an_earlier_try_failed() -> None:
    assert checked(Logged([NO_CUDA, CREATED])) == ("", [])


def test_a_log_that_speaks_and_names_no_device_means_the_cpu() -> None:
    assert checked(Logged([LOADED]))[0] == "TFD316"


def test_a_silent_log_and_no_nvml_are_a_note() -> None:
    code, (note,) = checked(Logged(["something"]))
    assert (code, "can't be told" in note) == ("", True)


def test_nvml_knows_where_the_log_is_silent() -> None:
    silent = Logged([], pid=os.getpid())
    assert checked(silent, lambda: listing(os.getpid())) == ("", [])
    assert checked(silent, lambda: listing(1))[0] == "TFD316"


def test_an_empty_list_of_processes_is_no_answer() -> None:
    code, notes = checked(Logged([], pid=os.getpid()), listing)
    assert (code, len(notes)) == ("", 1)


def test_where_the_cpu_will_do_it_is_a_note() -> None:
    code, (note,) = checked(Logged([NO_CUDA]), required=False)
    assert (code, "runs on the CPU" in note) == ("", True)


def test_a_service_that_asked_for_none_is_not_checked() -> None:
    assert checked(Logged([NO_CUDA]), required=None) == ("", [])
