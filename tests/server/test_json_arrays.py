"""Numbers read straight from a body are what the reader that looks at each value finds."""

import gc
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.profile import bounded
from tfdeploy.server.json_arrays import read_numeric_body, read_numeric_inputs
from tfdeploy.server.json_predict import is_row_format, read_body, read_inputs
from tfdeploy.server.signature import Port, Signature
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor
from tfdeploy.wire import DataType

pytestmark = pytest.mark.timeout(60)

FLOAT, DOUBLE, INT32, INT64, UINT8, UINT32, UINT64, BOOL, STRING = (
    int(DataType[f"DT_{name}"])
    for name in ["FLOAT", "DOUBLE", "INT32", "INT64", "UINT8", "UINT32", "UINT64", "BOOL", "STRING"]
)
Found = tuple[dict[str, Tensor], bool]


def signature(*dtypes: int) -> Signature:
    ports = {name: Port(f"{name}:0", dtype) for name, dtype in zip("xyz", dtypes, strict=False)}
    return Signature("serving_default", "", ports, {})


def slowly(raw: bytes, asked: Signature) -> Found | None:
    try:
        body = read_body(raw)
        return read_inputs(body, asked), is_row_format(body.document)
    except ServingError:
        return None


def quickly(raw: bytes, asked: Signature) -> Found | None:
    body = read_numeric_body(raw)
    if body is None:
        return None
    inputs = read_numeric_inputs(body, asked.inputs)
    return None if inputs is None else (inputs, body.is_row_format)


def same(one: Tensor, other: Tensor) -> bool:
    """To the bit: -0 is not 0."""
    pair = one.array, other.array
    kinds = [(array.dtype, array.shape, array.tobytes()) for array in pair]
    return one.dtype == other.dtype and kinds[0] == kinds[1]


def check(raw: bytes, asked: Signature) -> bool:
    """Whether the fast way took it; then the slow way must have found the same."""
    quick = quickly(raw, asked)
    if quick is None:
        return False
    slow = slowly(raw, asked)
    assert slow is not None, f"only the fast way takes {raw!r}"
    assert quick[1] is slow[1], raw
    assert list(quick[0]) == list(slow[0]), raw
    for alias, tensor in quick[0].items():
        assert same(tensor, slow[0][alias]), raw
    return True


_NUMBERS = st.one_of(
    st.integers(-3, 300),
    st.integers(-(2**64), 2**65),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]),
)
_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [True, None, "ab", "[", "],[", "", {}, {"a": 1, "b": 2}, {"b64": "AA"}, []]
)
_DTYPES = st.sampled_from([FLOAT, DOUBLE, INT32, INT64, UINT8, UINT32, UINT64, BOOL, STRING])


@st.composite
def lists(draw: st.DrawFn) -> Any:
    """A list that is regular up to what is spoilt in it."""
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    numbers = draw(st.sampled_from([st.integers(0, 9), st.floats(-9, 9), _NUMBERS]))

    def build(level: int) -> Any:
        if level == len(shape):
            return draw(numbers)
        return [build(level + 1) for _ in range(shape[level])]

    value = build(0)
    if draw(st.booleans()):
        spoil(draw, value)
    return value


def spoil(draw: st.DrawFn, value: list[Any]) -> None:
    inner = value
    while isinstance(inner[0], list) and draw(st.booleans()):
        inner = inner[draw(st.integers(0, len(inner) - 1))]
    what = draw(st.integers(0, 3))
    if what == 0:
        inner.append(draw(_ODD))
    elif what == 1:
        inner[-1] = draw(_ODD | _NUMBERS)
    elif what == 2:
        inner.append(inner[0])
    else:
        inner[0] = [inner[0]]


_KEYS = st.sampled_from(
    ["instances", "inputs", "signature_name", "x", "y", "[", "]", "[[],", "a[1]", "", '"', "\\"]
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Mostly a request, with other keys before or behind, also the same ones again."""
    main = st.sampled_from(["instances", "inputs"])
    pairs = [(draw(main), draw(lists() | st.dictionaries(st.sampled_from("xyz"), lists())))]
    for _ in range(draw(st.integers(0, 2))):
        extra = (draw(_KEYS), draw(lists() | _ODD | _NUMBERS))
        pairs.insert(draw(st.integers(0, len(pairs))), extra)
    blank = draw(st.sampled_from(["", " ", "\n\t"]))
    text = f",{blank}".join(f"{json.dumps(key)}:{blank}{json.dumps(value)}" for key, value in pairs)
    return f"{{{blank}{text}}}".encode() + draw(st.sampled_from([b"", b"\n", b" x", b"]", b"{}"]))


@bounded(600)
@given(bodies(), st.lists(_DTYPES, min_size=1, max_size=2))
def test_what_the_fast_way_takes_the_slow_way_reads_alike(raw: bytes, dtypes: list[int]) -> None:
    check(raw, signature(*dtypes))


@bounded(100)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.booleans())
def test_regular_lists_of_any_depth_are_taken(shape: list[int], is_row_format: bool) -> None:
    value = np.arange(np.prod(shape)).reshape(shape).tolist()
    for dtype in (FLOAT, DOUBLE, INT32, INT64, UINT8, UINT32, UINT64):
        key = "instances" if is_row_format else "inputs"
        assert check(json.dumps({key: value}).encode(), signature(dtype))


def test_columns_by_name_are_taken() -> None:
    raw = b'{"inputs": {"x": [1, 2], "y": [[1.5], [2]]}, "signature_name": "serving_default"}'
    assert check(raw, signature(INT32, FLOAT))
    assert check(raw.replace(b"}, ", b', "z": 3}, '), signature(INT32, FLOAT))


@pytest.mark.parametrize(
    ("text", "dtype", "taken"),
    [
        ("[-0]", FLOAT, True),
        ("[-0.0]", DOUBLE, True),
        ("[-0]", INT32, True),
        ("[1e400]", FLOAT, False),
        ("[1e39]", FLOAT, True),
        ("[1e-400]", DOUBLE, True),
        ("[NaN]", FLOAT, False),
        ("[Infinity]", FLOAT, False),
        ("[1.0]", INT32, False),
        ("[1]", BOOL, False),
        ("[true]", FLOAT, False),
        ("[null]", FLOAT, False),
        ('["1"]', FLOAT, False),
        ("[2147483647, -2147483648]", INT32, True),
        ("[2147483648]", INT32, False),
        ("[2147483648]", UINT8, False),
        ("[300, -1]", UINT8, True),
        ("[-1]", UINT32, False),
        ("[4294967295]", UINT32, True),
        ("[4294967296]", UINT32, False),
        ("[9223372036854775807, -9223372036854775808]", INT64, True),
        ("[9223372036854775808]", INT64, False),
        ("[9223372036854775807]", UINT64, True),
        ("[18446744073709551615]", UINT64, False),
        ("[18446744073709551615]", DOUBLE, True),
        ("[18446744073709551616]", DOUBLE, False),
        ("[9007199254740993]", DOUBLE, True),
        ("[]", FLOAT, False),
        ("[[], []]", FLOAT, False),
        ("[[1, 2], [3]]", FLOAT, False),
        ("[[1, 2], 3]", FLOAT, False),
        ("[1, [2]]", FLOAT, False),
        ("[[[1], [2]], [[3]]]", FLOAT, False),
        ("[[[1, 2]], [[3]], [[4, 5]]]", FLOAT, False),
        ("[[[1], [2]], [[3], [4, 5]]]", FLOAT, False),
        ('[[1, 2], {"a": 1, "b": 2}]', FLOAT, False),
        ('[[1, 2], "ab"]', FLOAT, False),
        ("1", FLOAT, False),
    ],
)
def test_edges(text: str, dtype: int, taken: bool) -> None:
    assert check(f'{{"instances": {text}}}'.encode(), signature(dtype)) is taken


@pytest.mark.parametrize(
    "raw",
    [
        b'{"instances": [[1, 2], {"a": 1, "b": 2}], "x": []}',
        b'{"instances": [[1, 2], "ab"], "[": 1}',
        b'{"instances": [[[1], [2]], [[3], 4]], "[]": 1}',
        b'{"instances": [1], "instances": [2]}',
        b'{"instances": 1, "instances": [2]}',
        b'{"instances": [1], "inputs": [2]}',
        b'{"instances": [1], "signature_name": 3}',
        b'{"instances": [1]} trailing',
        b'{"instances": [1]',
        b"[1]",
        b"",
        b"\xff",
        b'{"instances": [1], "\xff": 1}',
        b'\xef\xbb\xbf{"instances": [1]}',
    ],
)
def test_what_only_looks_like_numbers(raw: bytes) -> None:
    check(raw, signature(FLOAT))


@pytest.mark.parametrize(
    ("rows", "taken"),
    [
        ([[0.5] * 900] * 3, True),
        ([[0.5] * 900, [0.5] * 899 + [[1]], [0.5] * 900], False),
        ([[0.5] * 900, [0.5] * 900, [0.5] * 899 + [[1]]], False),
        ([[0.5] * 898 + [[], [1, 2]], [0.5] * 900], False),
        ([[[0.5] * 900]] * 2, True),
        ([[[0.5] * 900], [[0.5] * 899 + [[1]]]], False),
    ],
)
def test_long_lists(rows: Any, taken: bool) -> None:
    assert check(json.dumps({"instances": rows}).encode(), signature(FLOAT)) is taken
    assert check(json.dumps({"inputs": {"x": rows}}).encode(), signature(FLOAT)) is (
        taken and np.ndim(rows) <= 2
    )


GOOD = b'{"instances": [1, 2]}'


@pytest.fixture
def no_collector() -> Iterator[None]:
    """As in a server under load: it comes by rarely."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "raw", [b'{"instances": [1, "a"]}', b'{"instances": [[1], [2, 3]]}', b'{"instances": ', b"3"]
)
def test_the_next_body_is_read_fast_whatever_was_in_the_last_one(raw: bytes) -> None:
    assert quickly(raw, signature(FLOAT)) is None
    assert quickly(GOOD, signature(FLOAT)) is not None


def test_a_body_that_is_still_held_leaves_the_next_one_fast_and_stays_what_it_is() -> None:
    held = read_numeric_body(b'{"instances": [7, 8]}')
    assert held is not None
    assert read_numeric_body(GOOD) is not None
    inputs = read_numeric_inputs(held, signature(FLOAT).inputs)
    assert inputs is not None
    (tensor,) = inputs.values()
    assert tensor.array.tolist() == [7, 8]
