"""Tensors as the server passes them around: a TensorFlow dtype and a numpy array."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tfdeploy.wire import DataType

Array = npt.NDArray[Any]


class Tensor(NamedTuple):
    """One value. Strings are object arrays of bytes; types that numpy lacks are raw bits."""

    dtype: int
    array: Array


class _Kind(NamedTuple):
    name: str
    storage: Any


_KINDS: Final = {
    DataType.DT_FLOAT: _Kind("float", np.float32),
    DataType.DT_DOUBLE: _Kind("double", np.float64),
    DataType.DT_INT32: _Kind("int32", np.int32),
    DataType.DT_UINT8: _Kind("uint8", np.uint8),
    DataType.DT_INT16: _Kind("int16", np.int16),
    DataType.DT_INT8: _Kind("int8", np.int8),
    DataType.DT_STRING: _Kind("string", np.object_),
    DataType.DT_COMPLEX64: _Kind("complex64", np.complex64),
    DataType.DT_INT64: _Kind("int64", np.int64),
    DataType.DT_BOOL: _Kind("bool", np.bool_),
    DataType.DT_QINT8: _Kind("qint8", np.int8),
    DataType.DT_QUINT8: _Kind("quint8", np.uint8),
    DataType.DT_QINT32: _Kind("qint32", np.int32),
    DataType.DT_BFLOAT16: _Kind("bfloat16", np.uint16),
    DataType.DT_QINT16: _Kind("qint16", np.int16),
    DataType.DT_QUINT16: _Kind("quint16", np.uint16),
    DataType.DT_UINT16: _Kind("uint16", np.uint16),
    DataType.DT_COMPLEX128: _Kind("complex128", np.complex128),
    DataType.DT_HALF: _Kind("half", np.float16),
    DataType.DT_RESOURCE: _Kind("resource", None),
    DataType.DT_VARIANT: _Kind("variant", None),
    DataType.DT_UINT32: _Kind("uint32", np.uint32),
    DataType.DT_UINT64: _Kind("uint64", np.uint64),
    DataType.DT_FLOAT8_E5M2: _Kind("float8_e5m2", np.uint8),
    DataType.DT_FLOAT8_E4M3FN: _Kind("float8_e4m3fn", np.uint8),
}
# Plain dictionaries by number: enum members as keys cost a Python-level hash on each look-up.
_NAMES: Final = {int(dtype): kind.name for dtype, kind in _KINDS.items()}
_STORAGE: Final = {
    int(dtype): np.dtype(kind.storage) for dtype, kind in _KINDS.items() if kind.storage is not None
}


# What one string takes in TensorFlow besides its text: sizeof(TF_TString).
_STRING_BYTES: Final = 24


def byte_size(tensor: Tensor) -> int:
    """The bytes that a tensor takes in TensorFlow; see Tensor::TotalBytes in its framework."""
    array = tensor.array
    if array.dtype.kind != "O":
        return array.nbytes
    return array.size * _STRING_BYTES + sum(map(len, array.flat))


def dtype_name(dtype: int) -> str:
    """TensorFlow's own word for a dtype, as error texts use it."""
    return _NAMES.get(dtype, f"unknown dtype enum ({dtype})")


def storage_of(dtype: int) -> "np.dtype[Any] | None":
    """The numpy type that holds a dtype; None where there is none (resource, variant)."""
    return _STORAGE.get(dtype)


def join_pieces(pieces: Sequence[Tensor]) -> Tensor:
    """Tensors of one dtype, one behind the other along dimension 0."""
    if len(pieces) == 1:
        return pieces[0]
    return Tensor(pieces[0].dtype, np.concatenate([piece.array for piece in pieces]))
