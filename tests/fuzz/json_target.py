"""Any bytes as a request body: a value, tensors, or a ServingError, and the same by every way."""

import json
import math
from typing import Any, Final

import numpy as np

from tfdeploy.server.json_arrays import read_numeric_body, read_numeric_inputs
from tfdeploy.server.json_examples import read_examples_body
from tfdeploy.server.json_predict import Body, is_row_format, read_body, read_inputs
from tfdeploy.server.json_reader import parse_json
from tfdeploy.server.signature import Port, Signature
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor
from tfdeploy.wire import DataType

DTYPES: Final = tuple(DataType)
_BOM: Final = b"\xef\xbb\xbf"


def signature(**dtypes: int) -> Signature:
    """A signature with these inputs."""
    ports = {alias: Port(f"{alias}:0", dtype) for alias, dtype in dtypes.items()}
    return Signature("serving_default", "", ports, {})


SIGNATURES: Final = (
    *(signature(x=dtype) for dtype in DTYPES),
    *(signature(a=dtype, b=DataType.DT_FLOAT) for dtype in DTYPES),
    signature(b64=DataType.DT_STRING),
)


def same(left: Any, right: Any) -> bool:
    """Equal as JSON values: 1 is not 1.0, NaN is NaN. Any depth will do."""
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, dict):
            if one.keys() != other.keys():
                return False
            pairs += ((one[key], other[key]) for key in one)
        elif isinstance(one, list):
            if len(one) != len(other):
                return False
            pairs += zip(one, other, strict=True)
        elif one != other and not (one != one and other != other):
            return False
    return True


class _NotStrict(ValueError):
    pass


def _refuse(word: str) -> Any:
    raise _NotStrict(word)


def _integer(text: str) -> int | float:
    value = float(text) if len(text) > 20 else int(text)
    return value if isinstance(value, int) and -(2**63) <= value < 2**64 else _real(text)


def _real(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        _refuse(text)
    return value


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def strict_json(data: bytes) -> Any:
    """What the standard library reads, where the bytes are JSON by the book.

    Raises:
        ValueError: they are not, and the original may or may not take them.
    """
    text = data.decode("utf-8")
    value = json.loads(
        text,
        object_pairs_hook=_first_wins,
        parse_constant=_refuse,
        parse_int=_integer,
        parse_float=_real,
    )
    # The standard library takes half of a surrogate pair for a character; RapidJSON does not.
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def outcome(read: Any) -> Any:
    """What a reader returns, or the error that a client would see."""
    try:
        return read()
    except ServingError as error:
        return error


def check_value(data: bytes) -> None:
    """The reader alone."""
    got = outcome(lambda: parse_json(data))
    if isinstance(got, ServingError):
        assert got.message.startswith("JSON Parse error: ")
    else:
        fronts = (b"",) if data.startswith(_BOM) else (_BOM, b" ", b"")
        for other in (front + data + b"\n!\0" for front in fronts):
            if not (isinstance(got, (int, float)) and data[-1:] not in b" \n\r\t"):
                assert same(parse_json(other), got), other
    try:
        expected = strict_json(data)
    except (ValueError, RecursionError):
        return
    assert same(got, expected), (got, expected)


def slow(body: Body) -> Body:
    """The same body, to be read value by value."""
    return body._replace(no_bools=False)


def _shown(read: Any) -> Any:
    got = outcome(read)
    if isinstance(got, ServingError):
        return got.code, got.message
    return {alias: _tensor(tensor) for alias, tensor in got.items()}


def _tensor(tensor: Tensor) -> tuple[int, Any, tuple[int, ...], Any]:
    array = np.where(np.isnan(tensor.array), 0, tensor.array) if _is_real(tensor) else tensor.array
    values = array.tolist() if array.dtype == object else np.ascontiguousarray(array).tobytes()
    return tensor.dtype, array.dtype, array.shape, values


def _is_real(tensor: Tensor) -> bool:
    return tensor.array.dtype.kind == "f"


def check_request(data: bytes, wanted: Signature) -> None:
    """A predict request for one signature, by the fast way and value by value."""
    body = outcome(lambda: read_body(data))
    if isinstance(body, ServingError):
        return
    fast = _shown(lambda: read_inputs(body, wanted))
    assert fast == _shown(lambda: read_inputs(slow(body), wanted)), wanted
    outcome(lambda: read_examples_body(body))


def check_numbers(data: bytes, wanted: Signature) -> None:
    """What simdjson takes straight into arrays is what the other ways read."""
    body = read_numeric_body(data)
    inputs = read_numeric_inputs(body, wanted.inputs) if body is not None else None
    if body is None or inputs is None:
        return
    parsed = read_body(data)
    assert (body.signature_name, body.is_row_format) == (
        parsed.signature_name,
        is_row_format(parsed.document),
    )
    quick = {alias: _tensor(tensor) for alias, tensor in inputs.items()}
    assert quick == _shown(lambda: read_inputs(slow(parsed), wanted)), wanted


def check(data: bytes) -> None:
    """Everything that reads a body; the first byte chooses the signature."""
    if not data:
        return
    check_value(data[1:])
    wanted = SIGNATURES[data[0] % len(SIGNATURES)]
    check_request(data[1:], wanted)
    check_numbers(data[1:], wanted)
