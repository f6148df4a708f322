"""Whether a whole array fits a tensor of a signature, without looking at every value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfdeploy.client.misfit import misfit
from tfdeploy.client.values import FLOATS, INTEGERS
from tfdeploy.savedmodel import TensorInfo

if TYPE_CHECKING:
    import numpy as np


def check_type(array: np.ndarray[Any, Any], info: TensorInfo) -> None:
    """Integers may go to floats; nothing else changes its kind on the way.

    Raises:
        TfdeployError: TFD503 with both types.
    """
    kinds = "fiu" if info.dtype in FLOATS else "iu" if info.dtype in INTEGERS else "b"
    if array.dtype.kind in kinds and array.dtype.itemsize <= 8:
        return
    raise misfit(
        f"Input '{info.alias}' takes {info.dtype}: the array is of type {array.dtype}.",
        where=str(info),
        hint="convert it with array.astype(...) before numpy.save.",
    )


def surely_fits(array: np.ndarray[Any, Any], info: TensorInfo) -> bool:
    """Surely fits in shape and range; False means that the values must be looked at."""
    if info.shape is not None:
        if len(info.shape) != array.ndim:
            return False
        if any(
            want not in (None, size) for want, size in zip(info.shape, array.shape, strict=True)
        ):
            return False
    if info.dtype in INTEGERS:
        low, high = INTEGERS[info.dtype]
        return array.size == 0 or bool(low <= array.min() and array.max() <= high)
    narrow = info.dtype == "bool" or array.dtype.kind in "iu" or array.dtype.itemsize <= 4
    return narrow or (info.dtype == "float64" and array.dtype.itemsize == 8)
