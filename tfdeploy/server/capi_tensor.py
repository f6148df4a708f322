"""numpy arrays to TF_Tensor and back."""

import ctypes
from ctypes import c_int64
from typing import Any, Final

import numpy as np

from tfdeploy.server.capi_library import Deallocator, load_library
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.tensor import Tensor, dtype_name, storage_of
from tfdeploy.wire import Code, DataType

_STRING: Final = int(DataType.DT_STRING)
_TSTRING_SIZE: Final = 24  # sizeof(TF_TString), tensorflow/core/platform/ctstring_internal.h

# Memory of string tensors, which TensorFlow may hold longer than the run it was made for.
_string_memory: dict[int, Any] = {}


def _free_strings(data: int, size: int, _argument: object) -> None:
    deallocate = load_library().TF_StringDealloc
    for address in range(data, data + size, _TSTRING_SIZE):
        deallocate(address)
    _string_memory.pop(data, None)


_free_strings_callback: Final = Deallocator(_free_strings)


def _dims(array: "np.ndarray[Any, Any]") -> tuple[Any, int]:
    rank = array.ndim
    return (c_int64 * rank)(*array.shape), rank


def _new_string_tensor(tensor: Tensor) -> int:
    library = load_library()
    dims, rank = _dims(tensor.array)
    size = tensor.array.size * _TSTRING_SIZE
    memory = ctypes.create_string_buffer(max(size, 1))
    start = ctypes.addressof(memory)
    _string_memory[start] = memory
    for position, value in enumerate(tensor.array.ravel().tolist()):
        address = start + position * _TSTRING_SIZE
        library.TF_StringInit(address)
        library.TF_StringCopy(address, value, len(value))
    return int(library.TF_NewTensor(_STRING, dims, rank, start, size, _free_strings_callback, None))


def new_tensor(tensor: Tensor) -> int:
    """A TF_Tensor with a copy of the values; the caller deletes it."""
    if tensor.dtype == _STRING:
        return _new_string_tensor(tensor)
    library = load_library()
    array = np.ascontiguousarray(tensor.array)
    dims, rank = _dims(tensor.array)
    handle = library.TF_AllocateTensor(tensor.dtype, dims, rank, array.nbytes)
    if not handle:
        raise ServingError(Code.RESOURCE_EXHAUSTED, f"OOM when allocating {array.nbytes} bytes")
    if array.nbytes:
        ctypes.memmove(library.TF_TensorData(handle), array.ctypes.data, array.nbytes)
    return int(handle)


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
    shape = tuple(library.TF_Dim(handle, axis) for axis in range(library.TF_NumDims(handle)))
    if dtype == _STRING:
        return _read_strings(handle, shape)
    storage = storage_of(dtype)
    if storage is None:
        invalid(f"A tensor of type {dtype_name(dtype)} can't leave the server.")
    array = np.empty(shape, storage)
    if array.nbytes:
        ctypes.memmove(array.ctypes.data, library.TF_TensorData(handle), array.nbytes)
    return Tensor(dtype, array)
