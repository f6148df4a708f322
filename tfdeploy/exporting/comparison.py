"""Whether two answers are the same: dtype, shape, and every value within a tolerance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# How far a value may be off, relatively; one graph gives other last digits than another because
# TensorFlow fuses and reorders sums. Other dtypes have to be the same.
TOLERANCES: Mapping[str, float] = {
    "bfloat16": 1e-2,
    "float16": 1e-2,
    "float32": 1e-4,
    "float64": 1e-6,
    "complex64": 1e-4,
    "complex128": 1e-6,
}
# What a graph that computes in half precision may differ by, whatever the dtype of its outputs.
HALF_TOLERANCE = 1e-2
# Around zero nothing is relatively near: this part of the largest value counts there.
_OF_THE_LARGEST = 0.1


def tolerance_of(answer: Mapping[str, Any], asked: float | None) -> float:
    """The widest tolerance that the outputs of an answer are compared with; 0.0 means exactly.

    Args:
        answer: arrays by alias.
        asked: the user's own, in place of the dtypes'.
    """
    found = [_tolerance(array.dtype, asked) for array in answer.values()]
    return max(found, default=0.0)


def within(tolerance: float) -> str:
    """The tolerance in words."""
    return f"within {tolerance:g}" if tolerance else "exactly"


def differences(
    found: Mapping[str, Any], expected: Mapping[str, Any], asked: float | None = None
) -> list[str]:
    """Every output that isn't as expected, in words; empty where all are.

    A float may be off by ``tolerance * |expected|``, and by a tenth of the tolerance of the
    largest expected value (of 1.0 at least). NaN equals NaN, and infinities equal themselves.

    Args:
        found: arrays by alias.
        expected: arrays by alias; outputs that only ``found`` has aren't looked at.
        asked: the tolerance in place of ``TOLERANCES``.
    """
    said = []
    for alias, array in expected.items():
        if alias not in found:
            said.append(f"{alias} isn't there")
        elif what := _difference(found[alias], array, asked):
            said.append(f"{alias} {what}")
    return said


def _difference(found: Any, expected: Any, asked: float | None) -> str:
    if found.dtype != expected.dtype:
        return f"is {found.dtype}, and {expected.dtype} in the source"
    if found.shape != expected.shape:
        return f"has the shape {list(found.shape)}, and {list(expected.shape)} in the source"
    tolerance = _tolerance(expected.dtype, asked)
    if not tolerance:
        return _first_other(found, expected)
    return _largest_error(found, expected, tolerance)


def _first_other(found: Any, expected: Any) -> str:
    import numpy as np

    others = np.argwhere(found != expected)
    if not len(others):
        return ""
    place = tuple(others[0])
    return f"is {_shown(found[place])}, and {_shown(expected[place])} in the source{_at(place)}"


def _largest_error(found: Any, expected: Any, tolerance: float) -> str:
    import numpy as np

    wide = np.complex128 if found.dtype.kind == "c" else np.float64
    found, expected = found.astype(wide), expected.astype(wide)
    finite = np.abs(expected[np.isfinite(expected)])
    largest = max(1.0, float(finite.max())) if finite.size else 1.0
    allowed = tolerance * np.abs(expected) + tolerance * _OF_THE_LARGEST * largest
    with np.errstate(invalid="ignore"):
        error = np.abs(found - expected)
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        # An infinity allows nothing but itself, and a comparison with NaN is never true.
        near = np.isfinite(expected) & (error <= allowed)
        if np.all(same | near):
            return ""
        error = np.where(same | near, -1.0, np.where(np.isfinite(error), error, np.inf))
    place = tuple(np.unravel_index(int(np.argmax(error)), error.shape))
    if np.isinf(error[place]):
        return f"is {found[place]:g}, and {expected[place]:g} in the source{_at(place)}"
    return f"differs by up to {error[place]:.2g}{_at(place)}"


def _tolerance(dtype: Any, asked: float | None) -> float:
    known = TOLERANCES.get(dtype.name, 0.0)
    return asked if known and asked is not None else known


def _at(place: tuple[Any, ...]) -> str:
    return f" at [{', '.join(str(int(index)) for index in place)}]" if place else ""


def _shown(value: Any) -> str:
    text = repr(value.item() if hasattr(value, "item") else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def unlike_signature(outputs: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[str]:
    """Outputs whose dtype or shape isn't what the signature says of them, in words.

    Args:
        outputs: arrays by alias.
        declared: TensorInfos by alias.
    """
    for alias, array in outputs.items():
        info = declared[alias]
        dtype = "string" if array.dtype.kind in "OSU" else array.dtype.name
        if dtype != info.dtype:
            yield f"the signature says {info.dtype} of {alias}, and it is {dtype}"
        elif info.shape is not None and not fits(array.shape, info.shape):
            yield f"the signature says {info.dims} of {alias}, and it is {list(array.shape)}"


def fits(shape: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    """Whether a shape is one of those that a declared one stands for; None is any size."""
    return len(shape) == len(declared) and all(
        size is None or size == dim for dim, size in zip(shape, declared, strict=True)
    )
