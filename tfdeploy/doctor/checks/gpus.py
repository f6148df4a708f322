"""The GPUs: the driver, the way from containers to them, and what a stack asks of them."""

from __future__ import annotations

from collections.abc import Iterator

from tfdeploy.doctor.checks.needs import needs_engine, needs_stack, on_one_machine, stack_of
from tfdeploy.doctor.facts import Facts
from tfdeploy.doctor.finding import Check, Hit
from tfdeploy.gpu.images import check_image
from tfdeploy.gpu.inventory import find_unit, units


def _driver_is_silent(facts: Facts) -> Iterator[Hit]:
    if not facts.host.nvidia_cards or facts.gpu.inventory is not None:
        return
    # What NVML says after an update of the driver, until the old kernel module has gone.
    mismatch = "mismatch" in facts.gpu.why_not.lower()
    yield Hit(
        f"There is an NVIDIA card, and its driver doesn't answer: {facts.gpu.why_not}.",
        "restart the machine: the kernel still has the driver from before an update."
        if mismatch
        else "install the NVIDIA driver; `nvidia-smi` shows whether it runs.",
    )


def _cards(facts: Facts) -> str:
    inventory = facts.gpu.inventory
    if inventory is None:
        return "no NVIDIA GPU"
    names = ", ".join(f"{one.index}: {one.name}" for one in inventory.devices)
    return f"driver {inventory.driver}; {names}"


def _mig_without_instances(facts: Facts) -> Iterator[Hit]:
    assert facts.gpu.inventory
    for device in facts.gpu.inventory.devices:
        if device.mig_enabled and not device.mig:
            yield Hit(
                f"MIG is on for GPU {device.index}, and the card isn't cut up.",
                f"`sudo nvidia-smi mig -i {device.index} -cgi PROFILE -C` makes an instance "
                "(`nvidia-smi mig -lgip` lists profiles); "
                f"`sudo nvidia-smi -i {device.index} -mig 0` turns MIG off.",
            )


def _no_gpu_here(facts: Facts) -> str:
    return "" if facts.gpu.inventory else "there is no GPU here"


def _containers_without_gpus(facts: Facts) -> Iterator[Hit]:
    docker = facts.docker
    cdi = [one for one in docker.cdi_devices if one.startswith("nvidia.com/gpu")]
    if not (cdi or docker.gpu_hook or "nvidia" in docker.runtimes):
        yield Hit(
            "Docker has neither the nvidia runtime nor CDI devices of NVIDIA's.",
            "install nvidia-container-toolkit, `sudo nvidia-ctk runtime configure "
            "--runtime=docker`, and restart Docker.",
        )


def _way_unknown(facts: Facts) -> str:
    why_not = _no_gpu_here(facts) or needs_engine(facts) or on_one_machine(facts)
    # It brings what it takes in its own virtual machine, and tells nobody.
    return why_not or ("Docker Desktop doesn't tell" if facts.docker.desktop else "")


def _asked_elsewhere(facts: Facts) -> str:
    why_not = needs_stack(facts)
    if why_not:
        return why_not
    return on_one_machine(facts) if stack_of(facts).gpus else ""


def _stack_without_gpu(facts: Facts) -> Iterator[Hit]:
    for share in stack_of(facts).gpus:
        if share.required and facts.gpu.inventory is None:
            yield Hit(
                f"Service '{share.service}' asks for a GPU, and there is none here.",
                "run it on the machine that has one; where the CPU will do, write "
                "`gpu: {required: false}`.",
                where=share.where,
            )


def _asked(facts: Facts) -> str:
    names = [share.service for share in stack_of(facts).gpus]
    return f"asked for by {', '.join(names)}" if names else "none is asked for"


def _images_unfit(facts: Facts) -> Iterator[Hit]:
    inventory = facts.gpu.inventory
    known = units(inventory) if inventory else []
    for share in stack_of(facts).gpus:
        # Which one `auto` gives is told where the shares are placed.
        anyone = known[:1] if share.device == "auto" else []
        unit = find_unit(known, share.device) or next(iter(anyone), None)
        if inventory is None or unit is None or not share.required:
            continue
        for error in check_image(share.image, unit, inventory.driver, share.where):
            yield Hit(error.message, error.hint, where=error.where, code=error.code)


def _fits_unknown(facts: Facts) -> str:
    why_not = needs_stack(facts) or on_one_machine(facts)
    return (
        why_not
        or ("" if stack_of(facts).gpus else "no service asks for one")
        or _no_gpu_here(facts)
    )


GPU_CHECKS = (
    Check(
        "driver",
        "GPU",
        ("TFD304",),
        "TensorFlow goes on with the CPU, without an error.",
        _driver_is_silent,
        tell=_cards,
    ),
    Check(
        "MIG",
        "GPU",
        ("TFD478",),
        "neither the card nor a part of it can be used.",
        _mig_without_instances,
        unless=_no_gpu_here,
    ),
    Check(
        "containers' way to the GPUs",
        "GPU",
        ("TFD464",),
        'a service with a GPU doesn\'t start: could not select device driver "nvidia".',
        _containers_without_gpus,
        unless=_way_unknown,
    ),
    Check(
        "the stack's GPUs",
        "GPU",
        ("TFD304",),
        "`tfdeploy up` fails, as the service would run on the CPU.",
        _stack_without_gpu,
        unless=_asked_elsewhere,
        tell=_asked,
    ),
    Check(
        "driver and card for the stack's images",
        "GPU",
        ("TFD313", "TFD314"),
        "the server runs on the CPU, compiles for minutes at its start, or ends with "
        "CUDA_ERROR_INVALID_PTX.",
        _images_unfit,
        unless=_fits_unknown,
    ),
)
