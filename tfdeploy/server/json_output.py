"""Tensors to the JSON of a `:predict` reply.

Source: tensorflow_serving/util/json_tensor.cc (MakeRowFormatJsonFromTensors,
MakeColumnarFormatJsonFromTensors, IsNamedTensorBytes). Large numeric outputs are written by
orjson, which prints the shortest digits instead of the original's `%.6g` or `%.9g`; both read
back the same.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

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
_LARGE: Final = 512


class _Raw(str):
    """Text that is JSON already."""

    __slots__ = ()


def _scalar(value: Any) -> str:
    if isinstance(value, _Raw):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else render_string(value)


def _render_array(array: Array) -> _Raw:
    text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    return _Raw(text.decode())


def _is_plain(array: Array) -> bool:
    return array.dtype.kind in "iub" or bool(np.isfinite(array).all())


def _base64_object(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode("ascii")}


def _map_nested(value: Any, convert: Any) -> Any:
    if isinstance(value, list):
        return [_map_nested(item, convert) for item in value]
    return convert(value)


def _values(alias: str, tensor: Tensor) -> Any:
    """An output as nested lists of what `_scalar` can write."""
    array, dtype = tensor.array, tensor.dtype
    if dtype not in _WRITABLE:
        invalid(f"Failed to write JSON value for tensor type: {dtype_name(dtype)}")
    if dtype == _STRING:
        if alias.endswith("_bytes"):
            return _map_nested(array.tolist(), _base64_object)
        return _map_nested(array.tolist(), lambda text: text.decode("utf-8", "surrogateescape"))
    if array.ndim and array.size >= _LARGE and _is_plain(array):
        return _render_rows(array)
    if dtype == _FLOAT:
        return _map_nested(array.tolist(), lambda number: _Raw(render_float(number)))
    if dtype == _DOUBLE:
        return _map_nested(array.tolist(), lambda number: _Raw(render_double(number)))
    return array.tolist()


def _render_rows(array: Array) -> list[_Raw]:
    if array.ndim > 1:
        return [_render_array(row) for row in array]
    return [_Raw(number) for number in _render_array(array)[1:-1].split(",")]


def render_rows(outputs: Mapping[str, Tensor]) -> bytes:
    """The reply to a row-format request.

    Raises:
        ServingError: INVALID_ARGUMENT, the outputs can't be cut into rows.
    """
    if not outputs:
        invalid("Cannot convert empty tensor map to JSON")
    count = _row_count(outputs)
    columns = {alias: _values(alias, tensor) for alias, tensor in outputs.items()}
    if len(columns) == 1:
        rows = [render_pretty(value, 2, _scalar) for value in next(iter(columns.values()))]
        text = "[" + ", ".join(rows)
    else:
        objects = (
            render_pretty({alias: column[row] for alias, column in columns.items()}, 2, _scalar)
            for row in range(count)
        )
        text = "[\n        " + ",\n        ".join(objects)
    return _encode('{\n    "predictions": ' + text + "\n    ]\n}")


def _row_count(outputs: Mapping[str, Tensor]) -> int:
    count = -1
    for alias, tensor in outputs.items():
        if tensor.array.ndim == 0:
            invalid(f"Tensor name: {alias} has no shape information ")
        rows = tensor.array.shape[0]
        if count not in (-1, rows):
            invalid(f"Tensor name: {alias} has inconsistent batch size: {rows} expecting: {count}")
        count = rows
    return count


def render_columns(outputs: Mapping[str, Tensor]) -> bytes:
    """The reply to a column-format request.

    Raises:
        ServingError: INVALID_ARGUMENT, a dtype has no JSON form.
    """
    if not outputs:
        invalid("Cannot convert empty tensor map to JSON")
    columns = {alias: _values(alias, tensor) for alias, tensor in outputs.items()}
    value = next(iter(columns.values())) if len(columns) == 1 else columns
    return _encode('{\n    "outputs": ' + _render_tall(value, 1) + "\n}")


def _render_tall(value: Any, level: int) -> str:
    """Every element on a line of its own."""
    if isinstance(value, dict) and value:
        members = [f"{render_string(k)}: {_render_tall(v, level + 1)}" for k, v in value.items()]
        return _lines("{", members, "}", level)
    if isinstance(value, list) and value:
        return _lines("[", [_render_tall(item, level + 1) for item in value], "]", level)
    return render_pretty(value, level, _scalar)


def _lines(opening: str, items: list[str], closing: str, level: int) -> str:
    inner = "\n" + "    " * (level + 1)
    return opening + inner + f",{inner}".join(items) + "\n" + "    " * level + closing


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def render_error(message: str) -> bytes:
    """The body of every error reply under /v1/."""
    return _encode(render_pretty({"error": message}))
