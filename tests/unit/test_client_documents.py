"""Requests built from JSON: whole bodies, rows, objects of aliases, single values."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given as property_of
from hypothesis import strategies as st

from tfdeploy.client.request import Given, build_request
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import Signature, TensorInfo

Shape = tuple[int | None, ...] | None


def signature(name: str = "serving_default", **inputs: tuple[str, Shape]) -> Signature:
    tensors = {alias: TensorInfo(alias, f"{alias}:0", *kind) for alias, kind in inputs.items()}
    result = {"y": TensorInfo("y", "y:0", "float32", (None,))}
    return Signature(name, tensors, result, "tensorflow/serving/predict")


VECTOR = signature(x=("float32", (None, 2)))
TEXT = signature(x=("string", (None,)))
SCALAR = signature(x=("float32", ()))
PAIR = signature(a=("float32", (None, 2)), b=("int32", (None,)))
OTHER = signature(name="other", x=("float32", (None, 2)))
# Keras calls a lone input so.
INPUTS = signature(inputs=("float32", (None, 2)))
BOTH = signature(inputs=("float32", (None, 2)), mask=("bool", (None, 2)))


def body(document: object, *signatures: Signature, name: str | None = None) -> object:
    given = Given(file="-", stdin_text=json.dumps(document), signature_name=name)
    return build_request({one.name: one for one in signatures}, given).body


def refused(
    document: object, *signatures: Signature, name: str | None = None, code: str = "TFD503"
) -> str:
    with pytest.raises(TfdeployError) as caught:
        body(document, *signatures, name=name)
    assert caught.value.code == code
    return f"{caught.value.message} @ {caught.value.where} # {caught.value.hint}"


@pytest.mark.parametrize(
    ("one", "document"),
    [
        (VECTOR, {"instances": [[1, 2], [3, 4]]}),
        (VECTOR, {"instances": [{"x": [1, 2]}]}),
        (VECTOR, {"inputs": [[1, 2]]}),
        (VECTOR, {"inputs": {"x": [[1, 2]]}}),
        (TEXT, {"instances": ["a", {"b64": "YQ=="}]}),
        (TEXT, {"instances": [{"b64": "YQ=="}, "a"]}),
        (TEXT, {"instances": [{"x": {"b64": "YQ=="}}]}),
        (SCALAR, {"inputs": 3.5}),
        (SCALAR, {"instances": [3.5, 4.5]}),
        (signature(x=("string", ())), {"inputs": {"b64": "YQ=="}}),
        (PAIR, {"instances": [{"a": [1, 2], "b": 3}, {"b": 4, "a": [5, 6]}]}),
        (PAIR, {"inputs": {"a": [[1, 2]], "b": [3, 4]}}),
        (BOTH, {"inputs": {"inputs": [[1, 2]], "mask": [[True, False]]}}),
    ],
)
def test_a_whole_body_is_sent_as_it_is(one: Signature, document: object) -> None:
    assert body(document, one) == document


@pytest.mark.parametrize(
    ("one", "document", "wanted"),
    [
        (VECTOR, [[1, 2], [3, 4]], {"instances": [[1, 2], [3, 4]]}),
        (VECTOR, [{"x": [1, 2]}], {"instances": [{"x": [1, 2]}]}),
        (TEXT, ["a"], {"instances": ["a"]}),
        (signature(x=("float32", (2,))), [1, 2], {"inputs": [1, 2]}),
        (PAIR, [{"a": [1, 2], "b": 3}], {"instances": [{"a": [1, 2], "b": 3}]}),
    ],
)
def test_a_list_is_rows(one: Signature, document: object, wanted: object) -> None:
    assert body(document, one) == wanted


@pytest.mark.parametrize(
    ("one", "document", "wanted"),
    [
        (VECTOR, {"x": [1, 2]}, {"instances": [{"x": [1, 2]}]}),
        (VECTOR, {"x": [[1, 2]]}, {"inputs": {"x": [[1, 2]]}}),
        (PAIR, {"a": [1, 2], "b": 3}, {"instances": [{"a": [1, 2], "b": 3}]}),
        (PAIR, {"a": [[1, 2]], "b": [3]}, {"inputs": {"a": [[1, 2]], "b": [3]}}),
        (SCALAR, {"x": 1.5}, {"inputs": {"x": 1.5}}),
        (INPUTS, {"inputs": [[1, 2]]}, {"inputs": [[1, 2]]}),
        (
            BOTH,
            {"inputs": [1, 2], "mask": [True, False]},
            {"instances": [{"inputs": [1, 2], "mask": [True, False]}]},
        ),
        (signature(x=("float32", None)), {"x": [1]}, {"inputs": {"x": [1]}}),
    ],
)
def test_an_object_is_one_row_or_columns(one: Signature, document: object, wanted: object) -> None:
    assert body(document, one) == wanted


@pytest.mark.parametrize(
    ("one", "document", "wanted"),
    [
        (SCALAR, 3, {"inputs": 3}),
        (signature(x=("float32", (None,))), 3, {"instances": [3]}),
        (TEXT, "a", {"instances": ["a"]}),
        (TEXT, {"b64": "YQ=="}, {"instances": [{"b64": "YQ=="}]}),
    ],
)
def test_a_single_value_is_a_row_or_a_scalar(
    one: Signature, document: object, wanted: object
) -> None:
    assert body(document, one) == wanted


@pytest.mark.parametrize(
    ("one", "document", "said"),
    [
        (VECTOR, {"instances": [[1, 2], ["a", 4]]}, '"a" isn\'t a number. @ instances[1][0]'),
        (VECTOR, {"instances": [{"x": ["a", 4]}]}, "@ instances[0].x[0]"),
        (PAIR, [{"a": [1, 2], "b": 1.5}], "'b' takes int32: 1.5 isn't written as a whole number"),
        (PAIR, {"a": [1, 2], "b": 2**31}, "is out of range (-2147483648 to 2147483647)"),
        (VECTOR, [[1, 2, 3]], "instances[0] has 3 values, not 2"),
        (VECTOR, [1, 2], "instances[0] is a single value at level 2"),
        (VECTOR, {"inputs": [1, 2]}, "inputs[0] is a single value"),
        (signature(x=("float32", (None, None))), [[1], [1, 2]], "instances[1] has 2 values, not 1"),
        (signature(x=("float32", (3, 2))), {"instances": [[1, 2]]}, "has 1 values, not 3"),
        (VECTOR, {"instances": []}, "at least one row"),
        (VECTOR, [], "at least one row"),
        (VECTOR, {"instances": 3}, "at least one row"),
        (VECTOR, {"instances": [[1, 2]], "inputs": [[1, 2]]}, "not both"),
        (VECTOR, {"instances": [[1, 2]], "signature": "x"}, "no key 'signature'"),
        (VECTOR, {"instances": [[1, 2], {"x": [1, 2]}]}, "@ instances[1]"),
        (VECTOR, {"instances": [{"x": [1, 2]}, [1, 2]]}, "all objects of inputs, or all plain"),
        (PAIR, [[1, 2]], "several inputs, so values need names: a, b."),
        (PAIR, {"inputs": [1]}, "several inputs"),
        (PAIR, 3, "several inputs"),
        (PAIR, {"a": [[1, 2]], "b": 3}, "The value of 'b' is one row, that of 'a' isn't."),
        (PAIR, {"a": [1, 2]}, "The request leaves out b: int32[?]."),
        (PAIR, [{"a": [1, 2]}], "@ instances[0]"),
        (PAIR, {"inputs": {"a": [[1, 2]], "b": [3], "c": 1}}, "'c' isn't an input."),
        (VECTOR, {}, "leaves out x"),
        (VECTOR, [None], "null isn't a number"),
        (SCALAR, [3], "inputs is a list"),
    ],
)
def test_what_does_not_fit_is_named(one: Signature, document: object, said: str) -> None:
    assert said in refused(document, one)


def test_a_mistyped_alias_gets_a_suggestion() -> None:
    one = signature(image_bytes=("string", (None,)))
    message = refused([{"image_byte": "a"}], one)
    assert "'image_byte' isn't an input. Did you mean 'image_bytes'?" in message
    assert "image_bytes: string[?]" in message


def test_a_bodys_own_signature_is_used() -> None:
    document = {"signature_name": "other", "instances": [[1, 2]]}
    assert body(document, TEXT, OTHER) == document
    assert body(document, TEXT, OTHER, name="other") == document


def test_the_default_signature_needs_no_name() -> None:
    document = {"signature_name": "serving_default", "instances": ["a"]}
    assert body(document, TEXT, OTHER) == {"instances": ["a"]}


@pytest.mark.parametrize("own", ["other", 3])
def test_a_bodys_signature_must_not_contradict(own: object) -> None:
    document = {"signature_name": own, "instances": ["a"]}
    assert "signature_name is" in refused(document, TEXT, OTHER, name="serving_default")


def test_a_bodys_unknown_signature_lists_the_real_ones() -> None:
    document = {"signature_name": "othr", "instances": ["a"]}
    assert "Did you mean 'other'?" in refused(document, TEXT, OTHER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "standard input is empty"),
        ("{'a': 1}", "line 1 column 2"),
        ("[1,\n2,]", "line 2"),
        ("[" * 100_000, "can't be read"),
        ("1" * 5000, "can't be read"),
    ],
)
def test_text_that_is_no_json(text: str, said: str) -> None:
    with pytest.raises(TfdeployError) as caught:
        build_request({"serving_default": VECTOR}, Given(file="-", stdin_text=text))
    assert caught.value.code == "TFD505"
    assert said in f"{caught.value.message} @ {caught.value.where}"


def test_a_json_file_may_have_a_bom_and_nan(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(b"\xef\xbb\xbf[[NaN, -Infinity]]\n")
    request = build_request({"serving_default": VECTOR}, Given(file=str(path)))
    assert request.json() == '{"instances": [[NaN, -Infinity]]}'


@pytest.mark.parametrize("data", [b"\xff\xfe", b"{", None])
def test_a_file_that_is_no_json(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "rows.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(TfdeployError) as caught:
        build_request({"serving_default": VECTOR}, Given(file=str(path)))
    assert caught.value.code == "TFD505"
    assert "rows.json" in caught.value.where


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["x", "a", "b", "b64", "inputs", "instances", "signature_name", "z"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@property_of(ANYTHING, st.sampled_from([VECTOR, TEXT, SCALAR, PAIR, INPUTS, BOTH]))
def test_any_json_gives_a_body_or_a_readable_error(document: object, one: Signature) -> None:
    found = outcome(document, one)
    if isinstance(found, TfdeployError):
        assert found.code in ("TFD503", "TFD505")
        assert found.where
        assert found.hint
    else:
        assert ("instances" in found) != ("inputs" in found)


def outcome(document: object, one: Signature) -> TfdeployError | Mapping[str, object]:
    given = Given(file="-", stdin_text=json.dumps(document))
    try:
        return build_request({one.name: one}, given).body
    except TfdeployError as error:
        return error


NUMBERS = st.floats(width=32) | st.integers(-(2**31), 2**31 - 1)


@property_of(st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=1))
def test_all_rows_that_fit_are_taken(rows: list[list[float]]) -> None:
    given = Given(file="-", stdin_text=json.dumps(rows))
    request = build_request({"serving_default": VECTOR}, given)
    assert request.json() == json.dumps({"instances": rows})
