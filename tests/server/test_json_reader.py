"""JSON is read as RapidJSON reads it, with its error texts and offsets."""

import json
import math
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeploy.server.json_reader import _Reader, parse_json
from tfdeploy.server.status import ServingError

pytestmark = pytest.mark.timeout(60)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('abc\n"\\é', max_size=3), inner),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_reads_what_json_writes(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@settings(max_examples=200, deadline=None)
@given(VALUES, st.booleans())
def test_own_reader_agrees_with_orjson(value: Any, escape: bool) -> None:
    text = json.dumps(value, ensure_ascii=escape).encode()
    assert parse_json(b" " + text + b" trailing") == value


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_give_a_value_or_a_serving_error(body: bytes) -> None:
    try:
        parse_json(body)
    except ServingError as error:
        assert error.message.startswith("JSON Parse error: ")


NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)


@settings(max_examples=300, deadline=None)
@given(st.lists(NUMBERS.filter(str.isascii)), st.sampled_from(["", " ", "\n\t"]))
def test_a_run_of_numbers_reads_as_each_alone(texts: list[str], space: str) -> None:
    body = f"[{''.join(f'{space}{text}{space},' for text in texts)}NaN]"
    *values, last = parse_json(body.encode())
    alone = [parse_json(f"[NaN, {text}]".encode())[1] for text in texts]
    assert list(map(repr, values)) == list(map(repr, alone))
    assert math.isnan(last)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The document is empty"),
        (b"   ", "The document is empty. at offset: 3"),
        (b'{"a": [1.0', "Missing a comma or ']' after an array element. at offset: 10"),
        (b"{'a': 1}", "Missing a name for object member. at offset: 1"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": 1 "b"}', "Missing a comma or '}' after an object member. at offset: 8"),
        (b"[tru]", "Invalid value. at offset: 4"),
        (b"[nan]", "Invalid value. at offset: 2"),
        (b"[NULL]", "Invalid value. at offset: 2"),
        (b"[Nan]", "Invalid value. at offset: 3"),
        (b"[-Inx]", "Invalid value. at offset: 4"),
        (b"[Infinite]", "Invalid value. at offset: 8"),
        (b"[Infinityx]", "Missing a comma or ']' after an array element. at offset: 9"),
        (b" ]", "The document is empty. at offset: 1"),
        (b"}", "The document is empty. at offset: 0"),
        (b",", "The document is empty. at offset: 0"),
        (b"[1,]", "Invalid value. at offset: 3"),
        (b"[.5]", "Invalid value. at offset: 1"),
        (b"[-]", "Invalid value. at offset: 2"),
        (b"[1.]", "Miss fraction part in number. at offset: 3"),
        (b"[1e]", "Miss exponent in number. at offset: 3"),
        (b"[1e400]", "Number too big to be stored in double. at offset: 1"),
        (b'["\\x"]', "Invalid escape character in string. at offset: 2"),
        (b'["\\u12"]', "Incorrect hex digit after \\u escape in string. at offset: 2"),
        (b'["\\ud800"]', "The surrogate pair in string is invalid. at offset: 2"),
        (b'["abc', "Missing a closing quotation mark in string. at offset: 5"),
    ],
)
def test_error_texts(body: bytes, message: str) -> None:
    with pytest.raises(ServingError) as caught:
        parse_json(body)
    assert caught.value.message == f"JSON Parse error: {message}"


def test_special_numbers() -> None:
    numbers = parse_json(b"[NaN, Inf, -Inf, Infinity, -Infinity]")
    assert math.isnan(numbers[0])
    assert numbers[1:] == [math.inf, -math.inf, math.inf, -math.inf]


@pytest.mark.parametrize("body", [b'{"a":1,"a":2}', b'{"b":[{"a":1,"a":2}],"a":1}'])
def test_first_of_repeated_keys_wins(body: bytes) -> None:
    document = parse_json(body)
    assert document["a"] == 1
    assert document.get("b", [{"a": 1}])[0]["a"] == 1


@pytest.mark.parametrize("body", [b"\xef\xbb\xbf[1]", b"[1]garbage", b"[1]\x00", b"[1] [2]"])
def test_bom_and_trailing_text_are_ignored(body: bytes) -> None:
    assert parse_json(body) == [1]


def test_integers_and_floats_stay_apart() -> None:
    assert [type(number) for number in parse_json(b"[1, 1.0, 1e2, -0, 18446744073709551616]x")] == [
        int, float, float, int, float,
    ]  # fmt: skip


def test_invalid_utf8_survives() -> None:
    assert parse_json(b'["\xff"]')[0].encode("utf-8", "surrogateescape") == b"\xff"


def test_nesting_has_no_limit() -> None:
    document = parse_json(b"[" * 20000 + b"]" * 20000)
    depth = 0
    while document:
        document, depth = document[0], depth + 1
    assert depth == 19999


def test_which_of_repeated_keys_counts() -> None:
    body = b'{"a": [{"x": 1, "x": 2}], "a": 3}'
    assert parse_json(body) == {"a": [{"x": 1}]}
    assert parse_json(body, last_inside=True) == {"a": [{"x": 2}]}


WORDS = [
    "[",
    "[[[",
    "]",
    "]]",
    "{",
    "}",
    '"a":',
    '"]"',
    "1,",
    "1.5, -2,",
    "3",
    ",",
    "nan",
    " ",
    "x",
]


def outcome(body: bytes, worth_a_look: int) -> Any:
    try:
        # As text, because nan is no nan.
        return repr(_Reader(body, False, worth_a_look).read())
    except ServingError as error:
        return str(error)


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30).map("".join))
def test_what_must_fail_fails_where_it_would(text: str) -> None:
    body = b"[" + text.encode()
    assert outcome(body, 1) == outcome(body, 10**9)


@pytest.mark.parametrize(
    "body", [b'{"instances": ' + b"[" * 500_000, b'{"instances": [' + b"1.5," * 250_000 + b"}"]
)
def test_what_must_fail_takes_little_memory(body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ServingError, match="JSON Parse error"):
            parse_json(body)
        assert tracemalloc.get_traced_memory()[1] < 20 * len(body)
    finally:
        tracemalloc.stop()
