"""After a start: whether a service that asked for a GPU got one."""

from __future__ import annotations

from collections.abc import Callable

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.inventory import Inventory
from tfdeploy.render import RenderedService
from tfdeploy.runtimes import Runtime
from tfdeploy.runtimes.nvml import take_inventory
from tfdeploy.serverlog import Cause, read_gpu_log

LOG_LINES = 5000


def check_gpu(
    service: RenderedService,
    runtime: Runtime,
    note: Callable[[str], None],
    devices: Callable[[], Inventory] = take_inventory,
    *,
    beside: bool = False,
) -> None:
    """Nothing where the server has a GPU, or asked for none; a note where it can't be told.

    The log counts first: TensorFlow names the device that it made for its first session. NVML's
    list of processes is asked where the log says nothing.

    Raises:
        TfdeployError: TFD316 when the server runs on the CPU, and wasn't allowed to.
    """
    if service.gpu_required is None:
        return
    lines = runtime.logs(service.name, tail=LOG_LINES, follow=False, beside=beside)
    found = read_gpu_log(lines, runtime.name)
    if found.device:
        return
    pid = runtime.look(service.name, beside=beside).pid
    uses = None if found.cause else _uses_gpu(pid, devices)
    if uses:
        return
    if uses is None and not found.cause and not found.speaks:
        note(str(_unknown(service.name)))
        return
    error = _on_the_cpu(service, found.cause, runtime.name)
    if service.gpu_required:
        raise error
    note(str(error))


def _uses_gpu(pid: int | None, devices: Callable[[], Inventory]) -> bool | None:
    """Whether NVML lists one of the server's processes; None where it can't be asked."""
    pids = processes.family(pid) if pid else set()
    try:
        found = devices()
    except TfdeployError:
        return None
    listed = {one.pid for device in found.devices for one in device.processes}
    # An empty list is no answer: from inside a container NVML shows nobody's processes.
    return bool(listed & pids) if pids and listed else None


def _on_the_cpu(service: RenderedService, cause: Cause, runtime: str) -> TfdeployError:
    why = cause.explain(cause.why) or "its log names no GPU."
    look = "`tfdeploy gpu list` shows the driver; the server's TensorFlow must know CUDA."
    if runtime == "docker":
        look = (
            "`tfdeploy gpu list` shows the driver and what Docker reaches; the image must be a "
            "-gpu one."
        )
    return TfdeployError(
        "TFD316",
        f"Service '{service.name}' asked for a GPU and runs on the CPU: {why}",
        where=f"the log of service '{service.name}'",
        hint=f"{cause.hint or look} Where the CPU will do: `gpu: {{required: false}}`.",
    )


def _unknown(name: str) -> TfdeployError:
    return TfdeployError(
        "TFD317",
        f"Whether service '{name}' got its GPU can't be told: its log has no such lines, and "
        "NVML isn't there.",
        where=f"the log of service '{name}'",
        hint="leave TF_CPP_MIN_LOG_LEVEL at 0.",
    )
