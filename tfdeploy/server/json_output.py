"""Tensors to the JSON of a `:predict` reply.

Source: tensorflow_serving/util/json_tensor.cc (MakeRowFormatJsonFromTensors,
MakeColumnarFormatJsonFromTensors, IsNamedTensorBytes). Large numeric outputs are written by
orjson, which prints the shortest digits instead of the original's `%.6g` or `%.9g`; both read
back the same.
"""

import binascii
import math
import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import orjson

from tfdeploy.server.json_text import render_double, render_float, render_pretty, render_string
from tfdeploy.server.status import invalid
from tfdeploy.server.tensor import Array, Tensor, dtype_name
from tfdeploy.wire import DataType

_FLOAT: Final = int(DataType.DT_FLOAT)
_DOUBLE: Final = int(DataType.DT_DOUBLE)
_STRING: Final = int(DataType.DT_STRING)
_WRITABLE: Final = frozenset(
    map(
        int,
        (
            *(DataType.DT_FLOAT, DataType.DT_DOUBLE, DataType.DT_BOOL, DataType.DT_STRING),
            *(DataType.DT_INT8, DataType.DT_INT16, DataType.DT_INT32, DataType.DT_INT64),
            *(DataType.DT_UINT8, DataType.DT_UINT32, DataType.DT_UINT64),
        ),
    )
)
_BOOL: Final = int(DataType.DT_BOOL)
_LARGE: Final = 10
_SIX_DIGITS: Final = len("1.23456")
# Lists of numbers of six digits at most, not below 0.0001 and without an exponent.
_FEW_DIGITS: Final = re.compile(
    rb"[\[\],]*(?:-?(?!0\.0000)(?=[0-9.]{1,7}[\],])[0-9]+\.[0-9]+[\[\],]+)+"
)
_LEAST_PLAIN: Final = 1e-4


def _render_scalars(alias: str, tensor: Tensor) -> list[str]:
    """Each element as JSON, in row-major order."""
    dtype, flat = tensor.dtype, tensor.array.reshape(-1).tolist()
    if dtype == _STRING:
        return _render_strings(alias, flat)
    if dtype == _FLOAT:
        return _render_floats(tensor.array, flat)
    if dtype == _DOUBLE:
        return [render_double(number) for number in flat]
    if dtype == _BOOL:
        return ["true" if value else "false" for value in flat]
    return [str(number) for number in flat]


def _render_floats(array: Array, flat: list[float]) -> list[str]:
    """As `render_float` each; where few digits do, orjson's shortest ones are the same text."""
    if not np.isfinite(array).all():
        return [render_float(number) for number in flat]
    text = orjson.dumps(np.ascontiguousarray(array).reshape(-1), option=orjson.OPT_SERIALIZE_NUMPY)
    return (
        [
            short
            if len(short) <= _SIX_DIGITS and "e" not in short and abs(number) >= _LEAST_PLAIN
            else render_float(number)
            for short, number in zip(text[1:-1].decode().split(","), flat, strict=True)
        ]
        if flat
        else []
    )


def _render_strings(alias: str, values: list[bytes]) -> list[str]:
    if alias.endswith("_bytes"):
        inner = "\n            "
        return [
            f'{{{inner}"b64": "{binascii.b2a_base64(value, newline=False).decode()}"\n        }}'
            for value in values
        ]
    return [render_string(value.decode("utf-8", "surrogateescape")) for value in values]


def _nest(items: list[str], shape: tuple[int, ...]) -> list[str]:
    """Elements to the texts along dimension 0, lists on one line."""
    for size in reversed(shape[1:]):
        groups = len(items) // size if size else math.prod(shape[:-1])
        items = [
            "[" + ", ".join(items[start * size : (start + 1) * size]) + "]"
            for start in range(groups)
        ]
    return items


def _check_writable(tensor: Tensor) -> None:
    if tensor.dtype not in _WRITABLE:
        invalid(f"Failed to write JSON value for tensor type: {dtype_name(tensor.dtype)}")


def _fast_list(tensor: Tensor) -> bytes | None:
    """The whole tensor by orjson, where that is possible and worth its other way with digits."""
    array = tensor.array
    if array.size < _LARGE or not array.ndim or array.dtype.kind not in "iubf":
        return None
    text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    # A number that isn't finite becomes null; nothing else has such a letter, but false.
    return None if array.dtype.kind == "f" and b"n" in text else text


def _short_list(tensor: Tensor) -> bytes | None:
    """As `_render_floats` and `_nest` write it, where every number has few digits."""
    array = tensor.array
    if tensor.dtype != _FLOAT or not array.ndim:
        return None
    text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    return text.replace(b",", b", ") if _FEW_DIGITS.fullmatch(text) else None


def _rows(alias: str, tensor: Tensor) -> list[str]:
    """The text of each row."""
    _check_writable(tensor)
    text = _fast_list(tensor)
    if text is None:
        return _nest(_render_scalars(alias, tensor), tensor.array.shape)
    if tensor.array.ndim == 1:
        return text[1:-1].decode().split(",")
    return [_fast_row(row) for row in tensor.array]


def _fast_row(row: Array) -> str:
    text = orjson.dumps(np.ascontiguousarray(row), option=orjson.OPT_SERIALIZE_NUMPY)
    return text.decode()


def render_rows(aliases: Sequence[str], outputs: Sequence[Tensor]) -> bytes:
    """The reply to a row-format request.

    Raises:
        ServingError: INVALID_ARGUMENT, the outputs can't be cut into rows.
    """
    count = _row_count(aliases, outputs)
    if len(outputs) == 1:
        _check_writable(outputs[0])
        fast = _fast_list(outputs[0]) or _short_list(outputs[0])
        if fast is not None:
            return b'{\n    "predictions": %b\n    ]\n}' % fast[:-1]
        text = "[" + ", ".join(_rows(aliases[0], outputs[0]))
    else:
        columns = [_rows(alias, tensor) for alias, tensor in zip(aliases, outputs, strict=True)]
        names = [render_string(alias) for alias in aliases]
        objects = (_object([column[row] for column in columns], names, 2) for row in range(count))
        text = "[\n        " + ",\n        ".join(objects)
    return _encode('{\n    "predictions": ' + text + "\n    ]\n}")


def _object(values: Sequence[str], names: Sequence[str], level: int) -> str:
    inner = "\n" + "    " * (level + 1)
    members = [f"{name}: {value}" for name, value in zip(names, values, strict=True)]
    return "{" + inner + f",{inner}".join(members) + "\n" + "    " * level + "}"


def _row_count(aliases: Sequence[str], outputs: Sequence[Tensor]) -> int:
    if not outputs:
        invalid("Cannot convert empty tensor map to JSON")
    count = -1
    for alias, tensor in zip(aliases, outputs, strict=True):
        if tensor.array.ndim == 0:
            invalid(f"Tensor name: {alias} has no shape information ")
        rows = tensor.array.shape[0]
        if count not in (-1, rows):
            invalid(f"Tensor name: {alias} has inconsistent batch size: {rows} expecting: {count}")
        count = rows
    return count


def render_columns(aliases: Sequence[str], outputs: Sequence[Tensor]) -> bytes:
    """The reply to a column-format request.

    Raises:
        ServingError: INVALID_ARGUMENT, a dtype has no JSON form.
    """
    if not outputs:
        invalid("Cannot convert empty tensor map to JSON")
    level = 1 if len(outputs) == 1 else 2
    values = [_tall(*pair, level) for pair in zip(aliases, outputs, strict=True)]
    names = [render_string(alias) for alias in aliases]
    value = values[0] if len(values) == 1 else _object(values, names, 1)
    return _encode('{\n    "outputs": ' + value + "\n}")


def _tall(alias: str, tensor: Tensor, level: int) -> str:
    """A tensor with every element on a line of its own, or on one line when it is large."""
    _check_writable(tensor)
    fast = _fast_list(tensor)
    if fast is not None:
        return fast.decode()
    items = _render_scalars(alias, tensor)
    return _tall_lists(items, tensor.array.shape, level)[0]


def _tall_lists(items: list[str], shape: tuple[int, ...], level: int) -> list[str]:
    for depth in range(len(shape) - 1, -1, -1):
        size = shape[depth]
        groups = len(items) // size if size else math.prod(shape[:depth])
        inner = "\n" + "    " * (level + depth + 1)
        end = "\n" + "    " * (level + depth) + "]"
        items = [
            "[" + inner + f",{inner}".join(items[n * size : (n + 1) * size]) + end if size else "[]"
            for n in range(groups)
        ]
    return items


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def render_error(message: str) -> bytes:
    """The body of every error reply under /v1/."""
    return _encode(render_pretty({"error": message}))
