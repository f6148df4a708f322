"""Numbers from a request body straight into arrays, without a Python object for each.

simdjson reads the body and hands out flat buffers. Whatever it might see differently than the
original does (NaN, ragged lists, text behind the document, ...) is refused here with `None`, and
the way through `json_reader` decides what it is. Of repeated keys it finds the first, as RapidJSON
does.
"""

import warnings
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import simdjson

from tfdeploy.server.json_input import FLOATS, INT_RANGES
from tfdeploy.server.signature import DEFAULT_SIGNATURE, Port
from tfdeploy.server.tensor import Tensor, storage_of
from tfdeploy.wire import DataType

_MOST_DIMS: Final = 32
_LONG_LIST_BYTES: Final = 512
_MOST_FOR_THE_KEPT_PARSER: Final = 2**20
_ROWS: Final = "instances"
_COLUMNS: Final = "inputs"
_NAME: Final = "signature_name"

_parser = simdjson.Parser()
# A number that float32 can't hold becomes infinite, as in the original.
warnings.filterwarnings("ignore", "overflow encountered in cast", RuntimeWarning)


class NumericBody(NamedTuple):
    """The body of a predict request, parsed but not looked into.

    It lives in its parser's memory. Whoever holds it longer than until the next body is read costs
    that one a new parser.

    Attributes:
        signature_name: What it asks for, or the default.
        is_row_format: It has `instances`, not `inputs`.
        value: What stands there, a simdjson array or object.
        raw: The body; brackets and commas are counted in it.
    """

    signature_name: str
    is_row_format: bool
    value: Any
    raw: bytes


def read_numeric_body(raw: bytes) -> NumericBody | None:
    """Parse a body, if it is one that the fast way may handle."""
    try:
        document = _parse(raw)
        if type(document) is not simdjson.Object:
            return None
        keys = tuple(document)  # asking for a key that isn't there costs ten times as much
        is_row_format = _ROWS in keys
        if is_row_format == (_COLUMNS in keys):
            return None
        name = document[_NAME] if _NAME in keys else ""
        value = document[_ROWS if is_row_format else _COLUMNS]
    except (ValueError, RuntimeError, TypeError):
        return None
    is_list = type(value) is simdjson.Array
    if type(name) is not str or not (is_list or type(value) is simdjson.Object):
        return None
    if is_row_format and not is_list:
        return None
    return NumericBody(name or DEFAULT_SIGNATURE, is_row_format, value, raw)


def _parse(raw: bytes) -> Any:
    global _parser
    if len(raw) >= _MOST_FOR_THE_KEPT_PARSER:
        # A parser keeps several times the memory of its largest document.
        return simdjson.Parser().parse(raw)
    try:
        return _parser.parse(raw)
    except RuntimeError:
        # It won't parse while its last document is held, which may be until the collector comes.
        _parser = simdjson.Parser()
        return _parser.parse(raw)


def read_numeric_inputs(body: NumericBody, ports: Mapping[str, Port]) -> dict[str, Tensor] | None:
    """The tensors of a predict request, or None when they are not plainly right."""
    try:
        if type(body.value) is simdjson.Array:
            return _one_input(body, ports)
        return _named_inputs(body, ports)
    except (ValueError, RuntimeError, TypeError, KeyError, IndexError, OverflowError):
        return None


def _one_input(body: NumericBody, ports: Mapping[str, Port]) -> dict[str, Tensor] | None:
    if len(ports) != 1:
        return None
    ((alias, port),) = ports.items()
    shape = _shape(body.value)
    if not _is_regular(body, body.value, shape):
        return None
    array = _array(body.value, port.dtype, shape)
    return None if array is None else {alias: Tensor(port.dtype, array)}


def _named_inputs(body: NumericBody, ports: Mapping[str, Port]) -> dict[str, Tensor] | None:
    inputs, arrays = {}, 0
    for alias, port in ports.items():
        value = body.value[alias]
        if type(value) is not simdjson.Array:
            return None
        shape = _shape(value)
        if len(shape) > 2 or not _rows_are_even(value, shape):
            return None
        arrays += _count_arrays(shape)
        array = _array(value, port.dtype, shape)
        if array is None:
            return None
        inputs[alias] = Tensor(port.dtype, array)
    return inputs if _has_arrays(body.raw, arrays) else None


def _shape(value: Any) -> tuple[int, ...]:
    """The shape that the first element at each level promises."""
    shape: list[int] = []
    while type(value) is simdjson.Array:
        size = len(value)
        if not size or len(shape) == _MOST_DIMS:
            raise ValueError("empty or too deep")
        shape.append(size)
        value = value[0]
    return tuple(shape)


def _count_arrays(shape: tuple[int, ...]) -> int:
    count, lists = 0, 1
    for size in shape:
        count += lists
        lists *= size
    return count


def _has_arrays(raw: bytes, count: int) -> bool:
    """Whether a body has so many lists, anywhere. Only a search for each is faster than counting
    where they are long.
    """
    if count * _LONG_LIST_BYTES > len(raw):
        return raw.count(b"[") == count
    at = -1
    for _ in range(count):
        at = raw.find(b"[", at + 1)
        if at < 0:
            return False
    return raw.find(b"[", at + 1) < 0


def _is_regular(body: NumericBody, value: Any, shape: tuple[int, ...]) -> bool:
    if not _has_arrays(body.raw, _count_arrays(shape)):
        return False
    return _rows_are_even(value, shape) if len(shape) <= 2 else _is_deep_and_even(body.raw, shape)


def _rows_are_even(value: Any, shape: tuple[int, ...]) -> bool:
    # With as many lists in the body as the shape has, rows of one length can't hold further lists.
    if len(shape) == 1 or shape[0] == 1:
        return True
    width = shape[1]
    return all(len(row) == width for row in value)


def _is_deep_and_even(raw: bytes, shape: tuple[int, ...]) -> bool:
    """Whether the brackets nest as the shape says, and the innermost lists have one length."""
    characters = np.frombuffer(raw, np.uint8)
    opens, closes = characters == 0x5B, characters == 0x5D
    at = np.flatnonzero(opens | closes)
    pattern = b"[]"
    for size in reversed(shape[:-1]):
        pattern = b"[" + pattern * size + b"]"
    if characters[at].tobytes() != pattern:
        return False
    commas = np.cumsum(characters == 0x2C)
    inner = np.flatnonzero(opens[at[:-1]] & closes[at[1:]])
    between = commas[at[inner + 1]] - commas[at[inner]]
    return bool((between == shape[-1] - 1).all())


def _array(value: Any, dtype: int, shape: tuple[int, ...]) -> "np.ndarray[Any, Any] | None":
    if dtype in FLOATS:
        flat = np.frombuffer(value.as_buffer(of_type="d"), np.float64)
        if dtype == DataType.DT_FLOAT:
            flat = flat.astype(np.float32)
        return flat.reshape(shape)
    limits = INT_RANGES.get(dtype)
    if limits is None:
        return None
    whole = np.frombuffer(value.as_buffer(of_type="i"), np.int64)
    if whole.min() < limits[0] or whole.max() > limits[1]:
        return None
    storage = storage_of(dtype)
    assert storage is not None
    return whole.astype(storage).reshape(shape)
