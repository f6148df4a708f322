"""JSON values to tensors, one tensor at a time.

Source: tensorflow_serving/util/json_tensor.cc (GetDenseTensorShape, FillTensorProto,
AddValueToTensor, JsonDecodeBase64Object). numpy converts what is plainly right; whatever it might
see differently is walked value by value, which also makes the error text.
"""

import base64
import binascii
import itertools
import re
from array import array
from typing import Any, Final

import numpy as np

from tfdeploy.server.json_text import echo, type_name
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.tensor import Array, Tensor, dtype_name, storage_of
from tfdeploy.wire import Code, DataType

MOST_DIMS: Final = 64  # numpy's limit; TensorFlow's is 254

FLOATS: Final = frozenset((int(DataType.DT_FLOAT), int(DataType.DT_DOUBLE)))
_INT32: Final = (-(2**31), 2**31 - 1)
# The narrow types take any int32 and wrap, as a C++ cast does.
INT_RANGES: Final = {
    int(DataType.DT_INT32): _INT32,
    int(DataType.DT_INT16): _INT32,
    int(DataType.DT_INT8): _INT32,
    int(DataType.DT_UINT8): _INT32,
    int(DataType.DT_INT64): (-(2**63), 2**63 - 1),
    int(DataType.DT_UINT32): (0, 2**32 - 1),
    int(DataType.DT_UINT64): (0, 2**64 - 1),
}
_MOST_INT64: Final = 2**63 - 1
_BOOL: Final = int(DataType.DT_BOOL)
_STRING: Final = int(DataType.DT_STRING)
_BLANKS: Final = re.compile(r"[ \t\n\v\f\r]+")

Shape = tuple[int, ...]


def is_base64(value: Any) -> bool:
    """Whether a value is `{"b64": "..."}`, which counts as a scalar."""
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def decode_base64(text: str) -> bytes:
    """Standard alphabet, padding optional, blanks skipped, as absl::Base64Unescape reads it."""
    packed = _BLANKS.sub("", text).replace(".", "=")
    data = packed.rstrip("=")
    padding = len(packed) - len(data)
    right = -len(data) % 4
    if padding not in (0, right) or right == 3:
        invalid("Unable to base64 decode")
    try:
        return base64.b64decode(data + "=" * right, validate=True)
    except (binascii.Error, ValueError):
        invalid("Unable to base64 decode")


def _mismatch(value: Any, dtype: int) -> Any:
    invalid(
        f"JSON Value: {echo(value)} Type: {type_name(value)} "
        f"is not of expected type: {dtype_name(dtype)}"
    )


def _convert(value: Any, dtype: int) -> Any:
    """One scalar, checked."""
    kind = type(value)
    if kind is dict and dtype != _STRING:
        return _mismatch(value, dtype)
    if dtype in FLOATS:
        return value if kind is float or kind is int else _mismatch(value, dtype)
    if dtype in INT_RANGES:
        least, most = INT_RANGES[dtype]
        return value if kind is int and least <= value <= most else _mismatch(value, dtype)
    if dtype == _BOOL:
        return value if kind is bool else _mismatch(value, dtype)
    if dtype == _STRING:
        if kind is str:
            return value.encode("utf-8", "surrogateescape")
        return decode_base64(value["b64"]) if is_base64(value) else _mismatch(value, dtype)
    raise ServingError(
        Code.UNIMPLEMENTED,
        f"Conversion of JSON Value: {echo(value)} to type: {dtype_name(dtype)}",
    )


def shape_of(value: Any) -> Shape:
    """The shape that the first element at each level promises."""
    shape = []
    while type(value) is list:
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def collect(value: Any, dtype: int, shape: Shape, into: list[Any], level: int = 0) -> None:
    """Append all scalars of a value, which must have the shape.

    Raises:
        ServingError: the first thing that is wrong.
    """
    rank = len(shape)
    if type(value) is not list:
        if level != rank:
            invalid(
                f"JSON Value: {echo(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {rank}"
            )
        into.append(_convert(value, dtype))
        return
    if level >= rank:
        invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for item in value:
        collect(item, dtype, shape, into, level + 1)


def new_array(values: list[Any], dtype: int, shape: Shape) -> Array:
    """An array of collected scalars."""
    storage = storage_of(dtype)
    if dtype == _STRING:
        strings = np.empty(len(values), np.object_)
        strings[:] = values
        return strings.reshape(shape)
    with np.errstate(over="ignore"):
        if dtype in FLOATS:
            return np.array(values, np.float64).astype(storage).reshape(shape)
        if dtype in INT_RANGES and INT_RANGES[dtype] is _INT32:
            return np.array(values, np.int64).astype(storage).reshape(shape)
        return np.array(values, storage).reshape(shape)


def _fast_strings(values: list[Any]) -> Array | None:
    array = np.empty(len(values), np.object_)
    try:
        array[:] = [str.encode(value) for value in values]
    except (TypeError, UnicodeEncodeError):
        return None
    return array


def fast_array(values: Any, dtype: int, no_bools: bool) -> Array | None:
    """A whole list at once, or None when value by value is the safe way.

    Args:
        values: A list, nested or not.
        dtype: What the signature wants.
        no_bools: The request holds no `true` or `false`, which numpy would take for numbers.
    """
    if type(values) is not list or not values:
        return None
    if dtype == _STRING:
        return _fast_strings(values)
    if not no_bools:
        return None
    shape = shape_of(values)
    if 0 in shape or len(shape) > MOST_DIMS:
        return None
    try:
        flat = _flat(values, shape)
        if dtype in FLOATS:
            with np.errstate(over="ignore"):
                # The original reads a double first, integers too.
                return np.array(array("d", flat)).astype(storage_of(dtype)).reshape(shape)
        if dtype not in INT_RANGES:
            return None
        least, most = INT_RANGES[dtype]
        whole = np.array(array("Q" if most > _MOST_INT64 else "q", flat))
    except (TypeError, ValueError, OverflowError):
        return None
    if least <= int(whole.min()) and int(whole.max()) <= most:
        return whole.astype(storage_of(dtype)).reshape(shape)
    return None


def _flat(values: list[Any], shape: Shape) -> list[Any]:
    """All elements of lists that are nested as the shape says.

    Raises:
        ValueError: they are not.
    """
    for size in shape[1:]:
        if not all(type(item) is list and len(item) == size for item in values):
            raise ValueError("ragged")
        values = list(itertools.chain.from_iterable(values))
    return values


def read_tensor(value: Any, dtype: int, no_bools: bool) -> Tensor:
    """A whole tensor, of the shape that it has in JSON.

    Raises:
        ServingError: INVALID_ARGUMENT or UNIMPLEMENTED.
    """
    array = fast_array(value, dtype, no_bools)
    if array is None:
        shape = shape_of(value)
        if len(shape) > MOST_DIMS:
            invalid("tensor parsing error: too many dimensions")
        scalars: list[Any] = []
        collect(value, dtype, shape, scalars)
        array = new_array(scalars, dtype, shape)
    return Tensor(dtype, array)
