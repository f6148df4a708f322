"""Whether JSON values fit a dtype and a shape."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdeploy.client.values import FLOATS, INTEGERS, TensorCheck, place_text, problem, rank_of
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import TensorInfo

INTEGER_NAMES = st.sampled_from(sorted(INTEGERS))
FLOAT_NAMES = st.sampled_from(sorted(FLOATS))
ANY_NAME = st.sampled_from([*INTEGERS, *FLOATS, "bool", "string"])


def check(value: object, dtype: str, shape: tuple[int | None, ...] | None) -> None:
    TensorCheck(TensorInfo("x", "x:0", dtype, shape)).walk(value, ("inputs", "x"))


def place_of_error(value: object, dtype: str, shape: tuple[int | None, ...] | None) -> str:
    with pytest.raises(TfdeployError) as caught:
        check(value, dtype, shape)
    assert caught.value.code == "TFD503"
    assert "'x'" in caught.value.message
    return f"{caught.value.message} @ {caught.value.where}"


@given(INTEGER_NAMES, st.integers())
def test_integers_fit_exactly_in_their_range(dtype: str, value: int) -> None:
    low, high = INTEGERS[dtype]
    assert (problem(value, dtype) is None) == (low <= value <= high)


@given(INTEGER_NAMES)
def test_ranges_end_where_numpys_do(dtype: str) -> None:
    numpy = pytest.importorskip("numpy")
    assert INTEGERS[dtype] == (numpy.iinfo(dtype).min, numpy.iinfo(dtype).max)


@given(INTEGER_NAMES, st.floats() | st.booleans() | st.text() | st.none())
def test_only_whole_numbers_fit_integers(dtype: str, value: object) -> None:
    assert problem(value, dtype)


@given(FLOAT_NAMES, st.floats(width=32) | st.integers(-(2**60), 2**60))
def test_every_number_fits_a_float(dtype: str, value: float) -> None:
    assert problem(value, dtype) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinity_are_floats(value: float) -> None:
    assert problem(value, "float32") is None


@pytest.mark.parametrize(("value", "dtype"), [(1e39, "float32"), (10**400, "float64")])
def test_a_float_too_big_would_become_infinity(value: float, dtype: str) -> None:
    assert problem(value, dtype) == "is out of range"


@given(st.none() | st.integers() | st.floats() | st.text())
def test_only_true_and_false_fit_bool(value: object) -> None:
    assert problem(value, "bool")
    assert problem(True, "bool") is None


@given(ANY_NAME)
def test_null_fits_nothing(dtype: str) -> None:
    assert problem(None, dtype)


@given(st.binary())
def test_bytes_fit_strings_as_base64(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert problem({"b64": text}, "string") is None
    assert problem({"b64": text.rstrip("=")}, "string") is None


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_all_text_fits_strings(text: str) -> None:
    assert problem(text, "string") is None


@pytest.mark.parametrize(
    "value",
    ["\ud800", 3, {"b64": "a"}, {"b64": "_-8="}, {"b64": 3}, {"b64": "", "x": 1}, {}, {"x": "y"}],
)
def test_what_no_string_is(value: object) -> None:
    assert problem(value, "string")


def test_web_safe_base64_is_named() -> None:
    assert "- and _" in str(problem({"b64": "_-8="}, "string"))


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (1.0, ()),
        ([1, 2], (None,)),
        ([1, 2], (2,)),
        ([[1, 2], [3, 4]], (None, 2)),
        ([[1, 2], [3, 4]], (None, None)),
        ([], (None, 2)),
        ([[], []], (None, None)),
        (1.0, None),
        ([[1.0], [2.0]], None),
    ],
)
def test_shapes_that_fit(value: object, shape: tuple[int | None, ...] | None) -> None:
    check(value, "float32", shape)


@pytest.mark.parametrize(
    ("value", "shape", "said"),
    [
        ([1], (), "inputs.x is a list at level 1"),
        (1, (None,), "inputs.x is a single value"),
        ([1, 2, 3], (2,), "inputs.x has 3 values, not 2"),
        ([[1, 2], [3]], (None, 2), "inputs.x[1] has 1 values, not 2"),
        ([[1, 2], [3]], (None, None), "inputs.x[1] has 1 values, not 2"),
        ([[1, 2], 3], (None, 2), "inputs.x[1] is a single value"),
        ([[[1]]], (None, 1), "inputs.x[0][0] is a list at level 3"),
        ([[1], 2], None, "inputs.x[1] is a single value"),
        ([1, [2]], None, "inputs.x[1] is a list"),
    ],
)
def test_shapes_that_do_not_fit(
    value: object, shape: tuple[int | None, ...] | None, said: str
) -> None:
    assert said in place_of_error(value, "float32", shape)


@pytest.mark.parametrize(
    ("value", "dtype", "said"),
    [
        ([[1.0, "a"]], "float32", "'x' takes float32: \"a\" isn't a number. @ inputs.x[0][1]"),
        ([[1, 2], [3, 1.5]], "int32", "1.5 isn't written as a whole number. @ inputs.x[1][1]"),
        ([[1, 2.0]], "int64", "2.0 isn't written as a whole number. @ inputs.x[0][1]"),
        ([[300, 1]], "int8", "300 is out of range (-128 to 127). @ inputs.x[0][0]"),
        ([[-1, 1]], "uint8", "-1 is out of range (0 to 255). @ inputs.x[0][0]"),
        ([[True, 1]], "bool", "1 isn't true or false. @ inputs.x[0][1]"),
        ([["a", None]], "string", "null isn't a string. @ inputs.x[0][1]"),
        ([[{"b64": "YQ=="}, "b"], ["c", {"b64": "!"}]], "string", "isn't base64. @ inputs.x[1][1]"),
    ],
)
def test_the_wrong_value_is_named_with_its_place(value: object, dtype: str, said: str) -> None:
    assert said in place_of_error(value, dtype, (None, 2))


@given(st.integers(0, 3), st.integers(0, 3), ANY_NAME)
def test_one_wrong_value_anywhere_is_found(row: int, column: int, dtype: str) -> None:
    good = {"bool": True, "string": "a"}.get(dtype, 1)
    value: list[list[object]] = [[good] * 4 for _ in range(4)]
    check(value, dtype, (None, 4))
    value[row][column] = None
    assert f"inputs.x[{row}][{column}]" in place_of_error(value, dtype, (None, 4))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "complex64", "uint16", "resource"])
def test_types_that_rest_cannot_carry(dtype: str) -> None:
    assert "can't be sent over REST" in place_of_error([1], dtype, (None,))


def test_places_read_like_an_expression() -> None:
    assert place_text(("instances", 2, "x", 0)) == "instances[2].x[0]"


@pytest.mark.parametrize(("value", "rank"), [(1, 0), ([], 1), ([[1], 2], 2), ({"b64": ""}, 0)])
def test_rank_is_told_from_the_first_elements(value: object, rank: int) -> None:
    assert rank_of(value) == rank


def test_a_long_value_is_cut() -> None:
    assert "..." in place_of_error(["a" * 500], "int32", (None,))
