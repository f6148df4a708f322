"""Which cards and drivers an image of TensorFlow Serving runs on. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.inventory import Unit

Capability = tuple[int, int]


@dataclass(frozen=True)
class GpuImage:
    """What a release's GPU image was built with; None where nobody has looked."""

    cuda: str
    least_driver: int
    floor: Capability | None = None
    ceiling: Capability | None = None


_CUDA_12 = 525
_CUDA_11 = 450

# tensorflow_serving/tools/docker/Dockerfile.gpu of each release (the CUDA base image) and its
# .bazelrc (kernels for 6.0, 7.0, 8.0, 8.9, and PTX for 9.0). The least driver of a CUDA major:
# docs.nvidia.com/deploy/cuda-compatibility, minor version compatibility. The ceiling: cards above
# 9.0 fail with CUDA_ERROR_INVALID_PTX (tensorflow/serving#4112).
GPU_IMAGES: dict[str, GpuImage] = {
    "2.14": GpuImage("11.8", _CUDA_11),
    "2.16": GpuImage("12.2", _CUDA_12, (6, 0), (9, 0)),
    "2.17": GpuImage("12.2", _CUDA_12, (6, 0), (9, 0)),
    "2.18": GpuImage("12.2", _CUDA_12, (6, 0), (9, 0)),
    "2.19": GpuImage("12.2", _CUDA_12, (6, 0), (9, 0)),
    "2.20": GpuImage("12.5", _CUDA_12, (6, 0), (9, 0)),
}

_OFFICIAL = re.compile(r"(?:docker\.io/)?tensorflow/serving:(\d+\.\d+)\.\d+(-[a-z-]+)?(?:@.*)?")


def lacks_gpu(image: str) -> bool:
    """Whether it is an official image that was built for the CPU alone."""
    match = _OFFICIAL.fullmatch(image)
    return match is not None and "gpu" not in (match[2] or "")


def gpu_image(image: str) -> GpuImage | None:
    """What is known of an image; None for those that aren't official ones."""
    match = _OFFICIAL.fullmatch(image)
    return GPU_IMAGES.get(match[1]) if match else None


def check_image(image: str, unit: Unit, driver: str, where: str) -> list[TfdeployError]:
    """TFD313 for a driver, TFD314 for a card that the image doesn't run on."""
    known = gpu_image(image)
    if known is None:
        return []
    errors = []
    major = driver.partition(".")[0]
    if major.isdecimal() and int(major) < known.least_driver:
        errors.append(
            TfdeployError(
                "TFD313",
                f"{image} has CUDA {known.cuda}, which needs driver {known.least_driver} or "
                f"newer; this box has {driver}.",
                where=where,
                hint="update the NVIDIA driver, or take an older image.",
            )
        )
    card = _capability(unit.compute_capability)
    is_low = card and known.floor and card < known.floor
    is_high = card and known.ceiling and card > known.ceiling
    if is_low or is_high:
        assert known.floor and known.ceiling
        low, high = (f"{one[0]}.{one[1]}" for one in (known.floor, known.ceiling))
        errors.append(
            TfdeployError(
                "TFD314",
                f"{image} has kernels for compute capability {low} to {high}; "
                f"{unit.name} (GPU {unit.id}) has {unit.compute_capability}.",
                where=where,
                hint="place the service on another card, or name an image built for this one.",
            )
        )
    return errors


def _capability(text: str | None) -> Capability | None:
    if text is None:
        return None
    major, minor = text.split(".")
    return int(major), int(minor)
