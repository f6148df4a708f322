"""The JSON of requests, by hypothesis: values, tensors, depth, memory."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.cost import calls_made, peak_bytes
from tests.fuzz.json_target import (
    SIGNATURES,
    check_request,
    check_value,
    outcome,
    same,
    signature,
    slow,
)
from tests.fuzz.profile import bounded
from tfdeploy.server.json_predict import read_body, read_inputs
from tfdeploy.server.json_reader import parse_json
from tfdeploy.server.json_text import echo, render_pretty
from tfdeploy.server.status import ServingError
from tfdeploy.wire import DataType

pytestmark = pytest.mark.timeout(120)

_TOKENS = (
    *("{", "}", "[", "]", ",", ":", " ", "\n", '"', "\\", "\0", "true", "false", "null"),
    *(
        "0",
        "-0",
        "1",
        "-1.5",
        "1e3",
        "1e400",
        "NaN",
        "-Inf",
        "Infinity",
        "nan",
        "18446744073709551616",
    ),
    *('"a"', '"b64"', '"YQ=="', '"x"', '"\\ud83d\\ude00"', '"\\ud800"', '"é"', '"a":', "\ufeff"),
    *('"instances"', '"inputs"', '"instances":[', '"inputs":', '"signature_name":', '{"b64":"YQ"}'),
)
TOKEN_SOUP = st.lists(st.sampled_from(_TOKENS), max_size=24).map(lambda w: "".join(w).encode())
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.integers(-3, 300)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from([{"b64": "YQ=="}, {"b64": "?"}, {"x": 1}, {"b64": 1}])
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=12)
ROWS = st.dictionaries(st.sampled_from(["x", "a", "b", "b64", "?"]), VALUES, max_size=3)


@st.composite
def rectangles(draw: st.DrawFn) -> Any:
    """Lists of one shape and one kind, which the fast way takes, with one value out of place."""
    kind = draw(
        st.sampled_from([st.integers(-(2**64), 2**64), st.floats(), st.text(max_size=3)])
        | st.sampled_from([st.booleans(), st.integers(-(2**31), 2**32), st.integers(0, 2**64 - 1)])
    )
    shape = draw(st.lists(st.integers(1, 3), max_size=3))
    value: Any = kind
    for size in shape:
        value = st.lists(value, min_size=size, max_size=size)
    made = draw(value)
    if draw(st.booleans()) and isinstance(made, list):
        made[draw(st.integers(0, len(made) - 1))] = draw(SCALARS | VALUES)
    return made


BODIES = st.one_of(
    st.fixed_dictionaries({"instances": st.lists(VALUES | ROWS, max_size=4)}),
    st.fixed_dictionaries({"instances": rectangles()}),
    st.fixed_dictionaries({"inputs": VALUES | ROWS | rectangles()}),
    st.fixed_dictionaries({"inputs": st.fixed_dictionaries({"a": rectangles(), "b": VALUES})}),
    st.fixed_dictionaries({"examples": st.lists(ROWS, max_size=3), "context": ROWS}),
    st.dictionaries(st.sampled_from(["instances", "inputs", "signature_name", "examples"]), VALUES),
)


@bounded(300)
@given(st.binary(max_size=48) | TOKEN_SOUP)
def test_bytes_give_a_value_or_a_refusal(data: bytes) -> None:
    check_value(data)


@bounded(100)
@given(VALUES | BODIES, st.booleans(), st.sampled_from([None, 1]))
def test_json_by_the_book_is_read_as_the_standard_library_does(
    value: Any, escape: bool, indent: int | None
) -> None:
    check_value(json.dumps(value, ensure_ascii=escape, indent=indent).encode())


@bounded(200)
@given(BODIES, st.sampled_from(SIGNATURES))
def test_both_ways_to_tensors_agree(body: Any, wanted: Any) -> None:
    check_request(json.dumps(body).encode(), wanted)


@bounded(80)
@given(VALUES | BODIES)
def test_an_echo_is_the_start_of_the_whole_text(value: Any) -> None:
    assert echo(value) == render_pretty(value)[:256]


def test_duplicate_keys_keep_the_first_at_any_place() -> None:
    check_value(b'{"a":{"b":1,"c":[{"d":1,"d":2}],"b":3},"a":4,"e:":"::"}')


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b"[{},", b'{"a":1,"b":[', b"[[],[", b'["'])
def test_deep_nesting_costs_what_its_length_does(unit: bytes) -> None:
    def cost(levels: int) -> int:
        return calls_made(lambda: outcome(lambda: parse_json(unit * levels)))

    assert isinstance(outcome(lambda: parse_json(unit * 20_000)), ServingError)
    assert cost(2_000) < 2.5 * cost(1_000)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"1" + b"]" * levels


def test_a_deep_value_is_read() -> None:
    assert same(parse_json(nested(100_000)), parse_json(b" " + nested(100_000) + b"!"))


@pytest.mark.parametrize("key", [b"instances", b"inputs", b"examples", b"stray"])
@pytest.mark.parametrize("front", [b"", b"[1],"])
def test_a_deep_value_is_refused_without_a_crash(key: bytes, front: bytes) -> None:
    body = b'{"' + key + b'":[' + front + nested(30_000) + b"]}"
    check_request(body, signature(x=DataType.DT_FLOAT))


def body_of(kind: str, size: int) -> bytes:
    if kind == "rows":
        return json.dumps({"instances": [[0.5] * 4] * (size // 20)}).encode()
    if kind == "wrong at the end":
        return json.dumps({"instances": [*([[0.5] * 4] * (size // 20)), None]}).encode()
    if kind == "empty lists":
        return json.dumps({"instances": [[]] * (size // 4)}).encode()
    if kind == "wrong key":
        return json.dumps({"?": [1] * (size // 3)}).encode()
    return json.dumps({"instances": [{"x": [1, 2]}] * (size // 15)}).encode()


@pytest.mark.parametrize("dtype", [DataType.DT_FLOAT, DataType.DT_INT8, DataType.DT_STRING])
@pytest.mark.parametrize(
    "kind", ["rows", "wrong at the end", "empty lists", "wrong key", "objects"]
)
def test_memory_grows_with_the_body(kind: str, dtype: int) -> None:
    body = body_of(kind, 200_000)
    wanted = signature(x=dtype)
    assert peak_bytes(lambda: outcome(lambda: read_inputs(read_body(body), wanted))) < (
        60 * len(body) + 2**20
    )


@pytest.mark.parametrize("form", ['{"instances":[%s]}', '{"inputs":[%s]}', '{"inputs":{"x":[%s]}}'])
def test_a_long_string_among_numbers_does_not_multiply(form: str) -> None:
    body = (form % ('"' + "a" * 50_000 + '"' + ',""' * 2_000)).encode()
    wanted = signature(x=DataType.DT_FLOAT)
    assert peak_bytes(lambda: outcome(lambda: read_inputs(read_body(body), wanted))) < (
        60 * len(body) + 2**20
    )


def test_integers_become_floats_by_way_of_doubles() -> None:
    body = read_body(b'{"instances":[%d]}' % (2**54 + 2**30 + 1))
    wanted = signature(x=DataType.DT_FLOAT)
    fast, walked = (read_inputs(way, wanted)["x"].array for way in (body, slow(body)))
    assert np.array_equal(fast, walked)
