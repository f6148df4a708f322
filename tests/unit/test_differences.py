"""Two answers of a model, compared output by output."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfdeploy.client.differences import (
    Difference,
    add_up,
    answer_arrays,
    find_differences,
    not_finite,
)
from tfdeploy.savedmodel import Signature, TensorInfo


def floats(*values: object) -> np.ndarray:
    return np.array(values, "float32")


def only(found: np.ndarray, expected: np.ndarray, **more: object) -> Difference:
    (one,) = find_differences({"y": found}, {"y": expected}, **more)  # type: ignore[arg-type]
    return one


def test_equal_answers_are_the_same_nan_and_infinity_included() -> None:
    values = floats(1.5, math.nan, math.inf, -math.inf)
    one = only(values, values.copy(), tolerance=0.0)
    assert one.same and one.acceptable
    assert (one.values, one.unequal, one.largest, one.mean) == (4, 0, 0.0, 0.0)
    assert str(one) == "'y' is the same"


def test_the_largest_and_the_mean_difference_with_the_place() -> None:
    one = only(floats([1.0, 2.0], [3.0, 4.5]), floats([1.0, 2.25], [3.0, 4.0]))
    assert (one.largest, one.mean, one.place) == (0.5, 0.1875, (1, 1))
    assert (one.values, one.unequal, one.beyond) == (4, 2, 0)
    assert str(one) == "'y' differs by up to 0.5 at [1, 1] (4 and 4.5)"


@pytest.mark.parametrize(
    ("found", "expected", "tolerance", "beyond"),
    [
        (0.25, 0.125, 0.125, 0),
        (0.25, 0.125, 0.0625, 1),
        (1000.0, 1100.0, 0.1, 0),
        (1000.0, 1112.0, 0.1, 1),
        (math.nan, 1.0, 10.0, 1),
        (1.0, math.nan, 10.0, 1),
        (math.inf, 1.0, 10.0, 1),
        (1.0, math.inf, 10.0, 1),
        (-math.inf, math.inf, 10.0, 1),
    ],
)
def test_a_tolerance_is_absolute_below_one_and_relative_above(
    found: float, expected: float, tolerance: float, beyond: int
) -> None:
    one = only(floats(found), floats(expected), tolerance=tolerance)
    assert one.beyond == beyond
    assert one.acceptable == (not beyond)


def test_whole_numbers_and_texts_have_to_be_the_same() -> None:
    big = 2**63 - 1
    numbers = only(np.array([big, 7]), np.array([big - 1, 7]), tolerance=10.0)
    assert (numbers.unequal, numbers.beyond, numbers.place) == (1, 1, (0,))
    assert str(numbers) == f"'y' differs at [0] ({big - 1} and {big})"
    texts = only(np.array([b"cat", b"dog"], object), np.array([b"cat", b"cow"], object))
    assert str(texts) == "'y' differs at [1] (cow and dog)"
    assert texts.beyond == 0


def test_other_forms_are_said_and_never_acceptable() -> None:
    three = floats(1, 2, 3)
    found = find_differences(
        {"kind": np.array([1]), "size": floats([1, 2, 3]), "more": three},
        {"kind": three, "size": three, "gone": three},
    )
    assert [str(one) for one in found] == [
        "'kind' was float32 and is int64",
        "'size' had the shape [3] and has [1, 3]",
        "'gone' is missing",
        "'more' is new",
    ]
    assert not any(one.acceptable for one in found)


def test_rows_with_another_class_are_counted() -> None:
    one = only(floats([0.1, 0.9], [0.2, 0.8]), floats([0.6, 0.4], [0.1, 0.9]))
    assert (one.rows, one.other_class) == (2, 1)
    assert only(floats(1, 2), floats(2, 1)).rows == 0
    assert only(floats(1, 2), floats(2, 1), batched=False).other_class == 1
    assert only(floats([1], [2]), floats([2], [1])).rows == 0


def test_many_pairs_add_up_and_keep_the_worst_place() -> None:
    first = find_differences({"y": floats(1.0)}, {"y": floats(1.5)}, tolerance=0.1)
    second = find_differences({"y": floats(1.0, 9.0)}, {"y": floats(1.0, 7.0)}, tolerance=0.1)
    (one,) = add_up([first, second, find_differences({"y": floats(1)}, {"y": floats(1)})])
    assert (one.values, one.unequal, one.beyond, one.largest) == (4, 2, 2, 2.0)
    assert (one.place, one.expected, one.found, one.mean) == ((1,), 7.0, 9.0, 0.625)


def test_a_difference_that_is_not_finite_is_no_number_in_json() -> None:
    one = only(floats(math.nan), floats(1.0))
    assert one.as_data()["largest"] is None
    assert one.as_data()["found"] == "nan"
    assert str(one) == "'y' differs at [0] (1 and nan)"


def test_nothing_compared_is_nothing_different() -> None:
    assert only(np.zeros((0, 3), "float32"), np.zeros((0, 3), "float32")).same


def signature(**outputs: str) -> Signature:
    infos = {a: TensorInfo(a, a, dtype, (None,)) for a, dtype in outputs.items()}
    x = TensorInfo("x", "x", "float32", (None,))
    return Signature("serving_default", {"x": x}, infos, "tensorflow/serving/predict")


def test_answers_in_rows_and_in_columns_give_the_same_arrays() -> None:
    two = signature(score="float32", name_bytes="string")
    rows = [{"score": 1, "name_bytes": {"b64": "YQ=="}}, {"score": 2, "name_bytes": "b"}]
    columns = {"score": [1, 2], "name_bytes": [{"b64": "YQ=="}, "b"]}
    for document in ({"predictions": rows}, {"outputs": columns}):
        arrays = answer_arrays(document, two)
        assert arrays["score"].tolist() == [1.0, 2.0]
        assert arrays["score"].dtype == np.float32
        assert arrays["name_bytes"].tolist() == [b"a", "b"]
    assert answer_arrays({"predictions": [3]}, signature(n="int64"))["n"].dtype == np.int64


@pytest.mark.parametrize(
    "document", [{}, {"predictions": [{"score": 1}]}, {"outputs": 3}, {"predictions": 3}]
)
def test_an_answer_of_another_form_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="answer"):
        answer_arrays(document, signature(score="float32", more="float32"))


def test_outputs_that_are_not_finite_are_named() -> None:
    outputs = {"a": floats(1), "b": floats(math.nan), "c": floats(math.inf), "d": np.array([1])}
    assert list(not_finite(outputs)) == ["b", "c"]
