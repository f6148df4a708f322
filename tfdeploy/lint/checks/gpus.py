"""Findings in what a server takes of the GPUs.

Facts: TensorFlow's core/common_runtime/gpu/gpu_device.cc (memory limit), Docker's
docs/compose/gpu-support.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tfdeploy.lint.checks.flags import is_gpu_fraction
from tfdeploy.lint.finding import Check, Hit
from tfdeploy.lint.server import Server

FRACTION = "per_process_gpu_memory_fraction"
GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"


def fraction_of(server: Server) -> float | None:
    """The share of a device's memory that the server may take; None where none is given."""
    text = server.value(FRACTION)
    number = text is not None and re.fullmatch(r"\d*\.?\d+|\d+\.", text)
    return float(text) if text is not None and number else None


def _grows(server: Server) -> bool:
    session = server.configs.get("tensorflow_session_config_file")
    options = session.tree.messages("gpu_options") if session and session.tree else ()
    growth = server.environment.get(GROWTH)
    in_file = any(one.text("allow_growth") in ("true", "True", "1") for one in options)
    return in_file or (growth is not None and growth.text == "true")


def _meant(server: Server) -> bool:
    """Whether a limit is written in a way of which another finding tells."""
    flags = [one.name for one in (*server.flags, *server.before_image)]
    variables = [name.lower() for name in server.environment]
    written = [*flags, *variables, *map(str, server.raw)]
    return any(one == FRACTION or is_gpu_fraction(one) for one in written)


def _whole_device(server: Server) -> Iterator[Hit]:
    gpus = server.gpus
    unread = server.flag("tensorflow_session_config_file") and not server.configs.get(
        "tensorflow_session_config_file"
    )
    flag = server.flag(FRACTION)
    zero = flag is not None and fraction_of(server) == 0
    hidden = _meant(server) and not zero
    if gpus and not fraction_of(server) and not hidden and not _grows(server) and not unread:
        message = f"'{server.name}' has a GPU and no limit to the memory that it takes."
        yield Hit(gpus.place, message, f"add --{FRACTION}=0.4, or {GROWTH}=true.")


def _out_of_range(server: Server) -> Iterator[Hit]:
    fraction, flag = fraction_of(server), server.flag(FRACTION)
    if flag and fraction is not None and fraction > 1:
        message = f"A fraction lies above 0 and at most at 1, and {fraction:g} doesn't."
        fix = f"write --{FRACTION}={fraction / 100:g}." if fraction <= 100 else "give 0.4, say."
        yield Hit(flag.place, message, fix)


def _incomplete(server: Server) -> Iterator[Hit]:
    gpus, image = server.gpus, server.image
    if gpus and not gpus.capable:
        message = "The device reservation names no capabilities."
        yield Hit(gpus.place, message, "add capabilities: [gpu].", "Compose refuses the file.")
    if image is None or not server.official or "$" in image.text or not server.tag:
        return
    for_gpu = "gpu" in server.tag
    if gpus and not for_gpu:
        message = f"The image {image.text} has no GPU support."
        cause = "the server runs on the CPU, and the GPU idles."
        yield Hit(image.place, message, f"take {image.text}-gpu.", cause)
    flag = server.flag(FRACTION)
    if not gpus and (for_gpu or flag) and server.form in ("compose", "docker run"):
        message = f"'{server.name}' is set up for a GPU and is given none."
        cause = "the server falls back to the CPU without an error."
        how = (
            "--gpus device=0"
            if server.form == "docker run"
            else "deploy: resources: "
            + ('reservations: devices: [{driver: nvidia, device_ids: ["0"], capabilities: [gpu]}]')
        )
        yield Hit((flag or image).place, message, f"add {how}.", cause)


def _every_device(server: Server) -> Iterator[Hit]:
    gpus = server.gpus
    limited = "CUDA_VISIBLE_DEVICES" in server.environment or (
        "NVIDIA_VISIBLE_DEVICES" in server.environment
        and server.environment["NVIDIA_VISIBLE_DEVICES"].text not in ("all", "")
    )
    if gpus and gpus.devices is None and gpus.count is None and not limited:
        message = f"'{server.name}' gets every GPU of the machine."
        how = "--gpus device=0" if server.form == "docker run" else 'device_ids: ["0"]'
        yield Hit(gpus.place, message, f"name the device: {how}.")


def _growth_value(server: Server) -> Iterator[Hit]:
    word = server.environment.get(GROWTH)
    if word and word.text not in ("true", "false") and "$" not in word.text:
        message = f"{GROWTH} takes true or false, not '{word.text}'."
        yield Hit(word.place, message, f"write {GROWTH}=true, in lower case.")


GPU_CHECKS: tuple[Check[Server], ...] = (
    Check(
        "TFD290",
        "warning",
        "the first model takes all memory of the GPU that is free, and nothing else fits on it.",
        _whole_device,
    ),
    Check(
        "TFD302",
        "error",
        "above 1 the memory is unified memory of host and device, or the load fails.",
        _out_of_range,
    ),
    Check("TFD291", "error", "there is no GPU for the server.", _incomplete),
    Check(
        "TFD291",
        "warning",
        "it takes memory on each of them and computes on one.",
        _every_device,
    ),
    Check("TFD292", "error", "TensorFlow logs one line and ignores it.", _growth_value),
)
