"""TensorProto to tensors and back.

Source: tensorflow/core/framework/tensor.cc (Tensor::FromProto, FromProtoField): a list shorter
than the shape repeats its last value, an empty one is zeros, a longer one is cut. What that adds is
limited here (`limits.MOST_FILLED_BYTES`); the original fills memory.
"""

import math
from typing import Any, Final

import numpy as np

from tfdeploy.server.limits import MOST_FILLED_BYTES
from tfdeploy.server.tensor import Array, Tensor, storage_of
from tfdeploy.wire import DataType

_MOST_DIMS: Final = 64  # numpy's limit; TensorFlow's is 254
_MOST_BYTES: Final = 2**63

_FIELDS: Final = {
    int(DataType[f"DT_{name}"]): field
    for field, names in {
        "float_val": "FLOAT",
        "double_val": "DOUBLE",
        "int_val": "INT32 UINT8 INT16 INT8 UINT16 QINT8 QUINT8 QINT32 QINT16 QUINT16",
        "string_val": "STRING",
        "scomplex_val": "COMPLEX64",
        "int64_val": "INT64",
        "bool_val": "BOOL",
        "dcomplex_val": "COMPLEX128",
        "half_val": "HALF BFLOAT16",
        "uint32_val": "UINT32",
        "uint64_val": "UINT64",
    }.items()
    for name in names.split()
}
_COMPLEX: Final = {int(DataType.DT_COMPLEX64): np.float32, int(DataType.DT_COMPLEX128): np.float64}
# Field number and wire type of float_val, double_val and bool_val; each takes its bytes unchanged.
_PACKED_TAGS: Final = {
    int(DataType.DT_FLOAT): b"\x2a",
    int(DataType.DT_DOUBLE): b"\x32",
    int(DataType.DT_BOOL): b"\x5a",
}
_STRING: Final = int(DataType.DT_STRING)
_HALF: Final = int(DataType.DT_HALF)
_STRING_BYTES: Final = 24  # sizeof(TF_TString), which each one becomes on the way to the session


class UnreadableTensor(ValueError):
    """A TensorProto that holds no valid tensor."""


class TooLargeTensor(UnreadableTensor):
    """A TensorProto whose shape asks for far more values than it holds."""


def _shape(proto: Any, itemsize: int) -> tuple[int, ...]:
    shape = tuple([dim.size for dim in proto.tensor_shape.dim])
    total = math.prod(shape)
    if total > 0 and min(shape, default=1) > 0 and len(shape) <= _MOST_DIMS:
        if total * itemsize >= _MOST_BYTES:
            raise UnreadableTensor("bad shape")
        return shape
    # Empty dimensions don't excuse the others: neither numpy nor TensorFlow could stride them.
    total = math.prod([max(size, 1) for size in shape])
    if len(shape) > _MOST_DIMS or min(shape, default=0) < 0 or total * itemsize >= _MOST_BYTES:
        raise UnreadableTensor("bad shape")
    return shape


def _from_content(content: bytes, storage: "np.dtype[Any]", shape: tuple[int, ...]) -> Array:
    try:
        return np.frombuffer(content, storage).reshape(shape)
    except ValueError:
        raise UnreadableTensor("tensor_content does not fit the shape") from None


def _from_values(dtype: int, values: Any, storage: "np.dtype[Any]") -> Array:
    if dtype in _COMPLEX:
        parts = np.array(values, _COMPLEX[dtype])
        return parts[: len(parts) // 2 * 2].view(storage)
    if dtype == _STRING:
        strings = np.empty(len(values), np.object_)
        strings[:] = list(values)
        return strings
    # numpy reads a repeated field through the buffer protocol; astype wraps as C++ casts do.
    raw = np.array(values)
    if raw.dtype == storage:
        return raw
    return raw.astype(np.uint16).view(storage) if dtype == _HALF else raw.astype(storage)


def _stretch(values: Array, dtype: int, shape: tuple[int, ...]) -> Array:
    total = math.prod(shape)
    if len(values) == total:
        return values.reshape(shape)
    if len(values) > total:
        return values[:total].reshape(shape)
    size = _STRING_BYTES if dtype == _STRING else values.dtype.itemsize
    if (total - len(values)) * size > MOST_FILLED_BYTES:
        raise TooLargeTensor(f"over {MOST_FILLED_BYTES} bytes would have to be filled in")
    empty = b"" if dtype == _STRING else 0
    fill = values[-1] if len(values) else empty
    full = np.full(total, fill, values.dtype)
    full[: len(values)] = values
    return full.reshape(shape)


def parse_tensor_proto(proto: Any) -> Tensor:
    """Read a TensorProto.

    Raises:
        UnreadableTensor: as the original refuses it.
        TooLargeTensor: the values that its shape wants and it lacks are over MOST_FILLED_BYTES.
    """
    dtype = proto.dtype
    storage = storage_of(dtype)
    field = _FIELDS.get(dtype)
    if storage is None or field is None:
        raise UnreadableTensor("bad dtype")
    shape = _shape(proto, storage.itemsize)
    if proto.tensor_content and dtype != _STRING:
        return Tensor(dtype, _from_content(proto.tensor_content, storage, shape))
    values = _from_values(dtype, getattr(proto, field), storage)
    return Tensor(dtype, _stretch(values, dtype, shape))


def _merge_packed(tensor: Tensor, proto: Any) -> None:
    """Fill a packed field as it goes over the wire: its values lie in memory as they are sent."""
    array = np.ascontiguousarray(tensor.array)
    if array.dtype == np.bool_:
        array = array.view(np.uint8) != 0  # a client's bytes may say "true" in other ways than 1
    data = array.tobytes()
    if data:
        proto.MergeFromString(_PACKED_TAGS[tensor.dtype] + _varint(len(data)) + data)


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _values_to_write(tensor: Tensor) -> Any:
    flat = np.ascontiguousarray(tensor.array).reshape(-1)
    if tensor.dtype in _COMPLEX:
        return flat.view(_COMPLEX[tensor.dtype]).tolist()
    if tensor.dtype == _HALF:
        return flat.view(np.uint16).tolist()
    return flat.tolist()


def write_tensor_proto(tensor: Tensor, proto: Any, as_content: bool = False) -> None:
    """Fill an empty TensorProto, with typed fields as the original does unless told otherwise.

    Args:
        tensor: The values.
        proto: A fresh TensorProto.
        as_content: Use `tensor_content` where the dtype allows.
    """
    proto.dtype = tensor.dtype
    proto.tensor_shape.SetInParent()
    for size in tensor.array.shape:
        proto.tensor_shape.dim.add(size=size)
    if as_content and tensor.dtype != _STRING:
        proto.tensor_content = np.ascontiguousarray(tensor.array).tobytes()
    elif tensor.dtype in _PACKED_TAGS:
        _merge_packed(tensor, proto)
    elif tensor.dtype in _FIELDS:
        getattr(proto, _FIELDS[tensor.dtype]).extend(_values_to_write(tensor))
