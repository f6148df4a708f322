"""numpy arrays to TF_Tensor and back."""

import ctypes
import functools
import math
from ctypes import c_int64
from typing import Any, Final

import numpy as np

from tfdeploy.server.capi_library import Deallocator, load_library
from tfdeploy.server.engine import Pieces
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.tensor import Array, Tensor, dtype_name, storage_of
from tfdeploy.wire import Code, DataType

_STRING: Final = int(DataType.DT_STRING)
_TSTRING_SIZE: Final = 24  # sizeof(TF_TString), tensorflow/core/platform/ctstring_internal.h
_SMALL: Final = 2**16  # below, a copy is cheaper than asking numpy for an address

# Memory of string tensors, which TensorFlow may hold longer than the run it was made for.
_string_memory: dict[int, Any] = {}


def _free_strings(data: int, size: int, _argument: object) -> None:
    deallocate = load_library().TF_StringDealloc
    for address in range(data, data + size, _TSTRING_SIZE):
        deallocate(address)
    _string_memory.pop(data, None)


_free_strings_callback: Final = Deallocator(_free_strings)


def joined_shape(pieces: Pieces) -> tuple[int, ...]:
    """The shape of pieces that lie behind each other along dimension 0."""
    shape = pieces[0].array.shape
    if len(pieces) == 1:
        return shape
    return (sum(piece.array.shape[0] for piece in pieces), *shape[1:])


@functools.lru_cache(maxsize=1024)
def _dims(shape: tuple[int, ...]) -> Any:
    return (c_int64 * len(shape))(*shape)


def _new_string_tensor(pieces: Pieces) -> int:
    library = load_library()
    shape = joined_shape(pieces)
    size = math.prod(shape) * _TSTRING_SIZE
    memory = ctypes.create_string_buffer(max(size, 1))
    start = address = ctypes.addressof(memory)
    _string_memory[start] = memory
    for piece in pieces:
        for value in piece.array.ravel().tolist():
            library.TF_StringInit(address)
            library.TF_StringCopy(address, value, len(value))
            address += _TSTRING_SIZE
    return int(
        library.TF_NewTensor(
            _STRING, _dims(shape), len(shape), start, size, _free_strings_callback, None
        )
    )


def new_tensor(pieces: Pieces) -> int:
    """A TF_Tensor with a copy of the values; the caller deletes it.

    Args:
        pieces: What it is made of, one behind the other along dimension 0.
    """
    dtype = pieces[0].dtype
    if dtype == _STRING:
        return _new_string_tensor(pieces)
    library = load_library()
    shape = joined_shape(pieces)
    size = math.prod(shape) * pieces[0].array.itemsize
    handle = library.TF_AllocateTensor(dtype, _dims(shape), len(shape), size)
    if not handle:
        raise ServingError(Code.RESOURCE_EXHAUSTED, f"OOM when allocating {size} bytes")
    if size:
        address = library.TF_TensorData(handle)
        for piece in pieces:
            address += _copy(piece.array, address)
    return int(handle)


def _copy(array: Array, address: int) -> int:
    size = array.nbytes
    if size < _SMALL:
        ctypes.memmove(address, array.tobytes(), size)
    else:
        ctypes.memmove(address, np.ascontiguousarray(array).ctypes.data, size)
    return size


def _read_strings(handle: int | None, shape: tuple[int, ...]) -> Tensor:
    library = load_library()
    pointer, size_of = library.TF_StringGetDataPointer, library.TF_StringGetSize
    array = np.empty(shape, np.object_)
    flat = array.reshape(-1)
    start = library.TF_TensorData(handle) if flat.size else 0
    for position in range(flat.size):
        address = start + position * _TSTRING_SIZE
        flat[position] = ctypes.string_at(pointer(address), size_of(address))
    return Tensor(_STRING, array)


def read_tensor(handle: int | None) -> Tensor:
    """A copy of a TF_Tensor's values."""
    library = load_library()
    dtype = library.TF_TensorType(handle)
    shape = tuple([library.TF_Dim(handle, axis) for axis in range(library.TF_NumDims(handle))])
    if dtype == _STRING:
        return _read_strings(handle, shape)
    storage = storage_of(dtype)
    if storage is None:
        invalid(f"A tensor of type {dtype_name(dtype)} can't leave the server.")
    size = math.prod(shape) * storage.itemsize
    data = ctypes.string_at(library.TF_TensorData(handle), size) if size else b""
    return Tensor(dtype, np.frombuffer(data, storage).reshape(shape))
