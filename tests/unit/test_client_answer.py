"""Predict responses as rows of cells, and as curl lines."""

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdeploy.client.answer import decoded, table
from tfdeploy.client.predict import curl_line
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import Signature, TensorInfo

Shape = tuple[int | None, ...] | None


def signature(**outputs: tuple[str, Shape]) -> Signature:
    tensors = {alias: TensorInfo(alias, f"{alias}:0", *kind) for alias, kind in outputs.items()}
    return Signature("serving_default", {}, tensors, "tensorflow/serving/predict")


SCORES = signature(scores=("float32", (None, None)))
PAIR = signature(classes=("string", (None, None)), scores=("float32", (None, None)))


def test_a_value_per_row_is_one_line_each() -> None:
    one = signature(y=("float32", (None,)))
    assert table({"predictions": [3.5, 0.333333343]}, one) == [
        ["row", "y"],
        ["0", "3.5"],
        ["1", "0.333333"],
    ]


def test_a_short_vector_is_shown_whole() -> None:
    assert table({"predictions": [[0.25, 0.75]]}, SCORES)[1:] == [["0", "[0.25, 0.75]"]]


def test_a_long_score_vector_shows_the_best() -> None:
    found = table({"predictions": [[0.0, 0.1, 0.5, 0.2, 0.05, 0.15, float("nan")]]}, SCORES)
    assert found == [
        ["row", "scores"],
        ["0", "2: 0.5"],
        ["", "3: 0.2"],
        ["", "5: 0.15"],
        ["", "1: 0.1"],
        ["", "4: 0.05"],
        ["", "... 2 more"],
    ]


def test_a_long_vector_of_integers_is_no_score() -> None:
    one = signature(ids=("int64", (None, 7)))
    assert table({"predictions": [[1, 2, 3, 4, 5, 6, 7]]}, one)[1:] == [
        ["0", "[1, 2, 3, 4, 5, 6, 7]"]
    ]


def test_classes_and_scores_stand_side_by_side() -> None:
    row = {"classes": ["cat", "dog", "ant"], "scores": [0.2, 0.7, 0.1]}
    other = {"classes": ["cat"], "scores": [1.0]}
    assert table({"predictions": [row, other]}, PAIR) == [
        ["row", "classes", "scores"],
        ["0", "dog", "0.7"],
        ["", "cat", "0.2"],
        ["", "ant", "0.1"],
        ["1", "cat", "1"],
    ]


def test_only_the_best_classes_are_shown() -> None:
    row = {"scores": list(range(8)), "classes": list("abcdefgh")}
    found = table({"predictions": [row]}, PAIR)
    assert found[0] == ["row", "scores", "classes"]
    assert found[1] == ["0", "7", "h"]
    assert found[-1] == ["", "", "... 3 more"]


@pytest.mark.parametrize("classes", [["cat"], "cat", []])
def test_classes_that_do_not_match_stand_alone(classes: object) -> None:
    row = {"classes": classes, "scores": [0.2, 0.7]}
    assert table({"predictions": [row]}, PAIR)[1][2] == "[0.2, 0.7]"


def test_columns_with_a_batch_are_rows_too() -> None:
    one = signature(a=("float32", (None,)), b=("int32", (None, 2)))
    document = {"outputs": {"a": [1.5, 2.5], "b": [[1, 2], [3, 4]]}}
    assert table(document, one) == [
        ["row", "a", "b"],
        ["0", "1.5", "[1, 2]"],
        ["1", "2.5", "[3, 4]"],
    ]


def test_columns_without_a_batch_are_one_line_each() -> None:
    one = signature(a=("float32", ()), b=("int32", (2,)))
    assert table({"outputs": {"a": 1.5, "b": [1, 2]}}, one) == [
        ["output", "value"],
        ["a", "1.5"],
        ["b", "[1, 2]"],
    ]


def test_a_single_scalar_output_comes_without_its_name() -> None:
    one = signature(loss=("float32", ()))
    assert table({"outputs": 1.5}, one)[1:] == [["loss", "1.5"]]


def test_bytes_are_shown_as_text_where_they_are_text() -> None:
    one = signature(y_bytes=("string", (None,)))
    document = {"predictions": [{"b64": "Y2F0"}, {"b64": "/wA="}]}
    assert table(document, one)[1:] == [["0", "cat"], ["1", "<2 bytes>"]]


def test_b64_becomes_bytes_at_any_depth() -> None:
    assert decoded({"a": [{"b64": "YQ=="}, 1], "b": {"b64": "!"}}) == {
        "a": [b"a", 1],
        "b": {"b64": "!"},
    }


def test_long_cells_are_cut() -> None:
    one = signature(text=("string", (None,)))
    cell = table({"predictions": ["line\n" * 100]}, one)[1][1]
    assert len(cell) == 60
    assert "\n" not in cell


def test_no_rows_leave_the_header() -> None:
    assert table({"predictions": []}, SCORES) == [["row", "scores"]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=15,
)


@given(st.sampled_from(["predictions", "outputs", "other"]), JSON, st.sampled_from([SCORES, PAIR]))
def test_every_row_is_as_long_as_the_header(key: str, value: object, one: Signature) -> None:
    header, *rows = table({key: value}, one)
    assert all(len(row) == len(header) for row in rows)


def test_a_curl_line_survives_the_shell() -> None:
    body = {"instances": ["it's $HOME; rm -rf /", '"quoted"']}
    words = shlex.split(curl_line("http://h:8501", "a b", body, version=2))
    assert words[0] == "curl"
    assert words[words.index("POST") + 1] == "http://h:8501/v1/models/a%20b/versions/2:predict"
    assert json.loads(words[words.index("--data") + 1]) == body


def test_a_long_body_is_read_from_a_file() -> None:
    body = {"instances": [0.5] * 1000}
    assert curl_line("h", "m", body, label="stable").endswith("--data @-")
    assert curl_line("h", "m", body, body_file="a b.json").endswith("--data '@a b.json'")


def test_a_curl_line_for_a_version_and_a_label_is_refused() -> None:
    with pytest.raises(TfdeployError) as caught:
        curl_line("h", "m", {}, version=1, label="stable")
    assert caught.value.code == "TFD216"
