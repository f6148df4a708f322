"""Bodies of predict requests become tensors, or the real server's error texts."""

import asyncio
import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeploy.server.json_arrays import read_numeric_body
from tfdeploy.server.json_input import decode_base64
from tfdeploy.server.json_output import render_columns, render_rows
from tfdeploy.server.json_predict import Body, read_body, read_inputs
from tfdeploy.server.json_predict import is_row_format as is_row_format_of
from tfdeploy.server.predict_body import parse_slowly, read_quickly, read_slowly
from tfdeploy.server.signature import Port, Signature
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor
from tfdeploy.wire import DataType

pytestmark = pytest.mark.timeout(60)


def signature(**inputs: DataType) -> Signature:
    ports = {alias: Port(f"{alias}:0", dtype) for alias, dtype in sorted(inputs.items())}
    return Signature("serving_default", "", ports, {})


FLOAT = signature(x=DataType.DT_FLOAT)
PAIR = signature(a=DataType.DT_FLOAT, b=DataType.DT_FLOAT)


async def read_as_the_server(raw: bytes, wanted: Signature) -> Any:
    body = read_numeric_body(raw) or await parse_slowly(raw)
    parsed = body if isinstance(body, Body) else None
    return read_quickly(body, wanted) or await read_slowly(raw, parsed, wanted)


def read(body: Any, wanted: Signature) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    inputs = read_inputs(read_body(raw), wanted)
    quick, is_row_format = asyncio.run(read_as_the_server(raw, wanted))
    assert is_row_format == is_row_format_of(read_body(raw).document)
    for alias, tensor in inputs.items():
        assert quick[alias].dtype == tensor.dtype
        assert quick[alias].array.dtype == tensor.array.dtype
        assert quick[alias].array.tolist() == tensor.array.tolist()
    return {alias: tensor.array.tolist() for alias, tensor in inputs.items()}


def refusal(body: Any, wanted: Signature) -> str:
    with pytest.raises(ServingError) as caught:
        read(body, wanted)
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ({"instances": [1, 2.5]}, [1.0, 2.5]),
        ({"instances": [{"x": 1}, {"x": 2}]}, [1.0, 2.0]),
        ({"instances": [[1], [2]]}, [[1.0], [2.0]]),
        ({"inputs": [1, 2]}, [1.0, 2.0]),
        ({"inputs": {"x": 3}}, 3.0),
        ({"inputs": {"x": [1], "stray": "?"}}, [1.0]),
        ({"inputs": []}, []),
    ],
)
def test_forms_of_one_input(body: Any, values: Any) -> None:
    assert read(body, FLOAT) == {"x": values}


def test_rows_of_several_inputs() -> None:
    assert read({"instances": [{"a": 1, "b": [2]}, {"b": [3], "a": 4}]}, PAIR) == {
        "a": [1.0, 4.0],
        "b": [[2.0], [3.0]],
    }


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"instances": [True]}, "JSON Value: true Type: True is not of expected type: float"),
        ({"instances": [1, True]}, "Failed to process element: 1 of 'instances' list."),
        ({"instances": ["1"]}, 'JSON Value: "1" Type: String is not of expected type: float'),
        ({"instances": [None]}, "JSON Value: null Type: Null"),
        ({"instances": [[1], [1, 2]]}, "Expecting tensor size: 1 but got: 2"),
        ({"instances": [1, [1]]}, "Expecting shape [] but got: [1]"),
        ({"instances": [{"x": 1}, 2]}, "Expecting object but got list at item 1 of input list"),
        ({"instances": [1, {"x": 2}]}, "Expecting value/list but got object at item 1"),
        ({"instances": [{"x": 1, "y": 2}]}, "JSON object: does not have named input: y"),
        ({"inputs": {}}, "Missing named input: x in 'inputs' object."),
        ({"inputs": [[1], 2]}, "JSON Value: 2 found at incorrect level: 2 in the JSON DOM."),
        ({}, "Missing 'inputs' or 'instances' key"),
        ([1], "JSON Value: [1] Is not object"),
    ],
)
def test_refusals(body: Any, error: str) -> None:
    assert error in refusal(body, FLOAT)


@pytest.mark.parametrize(
    ("dtype", "value", "stored"),
    [
        (DataType.DT_INT8, 300, 44),
        (DataType.DT_UINT8, -1, 255),
        (DataType.DT_INT16, 40000, -25536),
        (DataType.DT_UINT64, 2**64 - 1, 2**64 - 1),
        (DataType.DT_INT64, -(2**63), -(2**63)),
        (DataType.DT_BOOL, True, True),
        (DataType.DT_STRING, "é", "é".encode()),
        (DataType.DT_STRING, {"b64": "/w=="}, b"\xff"),
    ],
)
def test_dtypes(dtype: DataType, value: Any, stored: Any) -> None:
    for body in ({"instances": [value]}, {"instances": [{"x": value}]}, {"inputs": [value]}):
        assert read(body, signature(x=dtype)) == {"x": [stored]}


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (DataType.DT_INT32, 1.0),
        (DataType.DT_INT32, 2**31),
        (DataType.DT_UINT32, -1),
        (DataType.DT_INT64, 2**63),
        (DataType.DT_BOOL, 1),
        (DataType.DT_STRING, 1),
        (DataType.DT_HALF, 1.0),
    ],
)
def test_values_that_do_not_fit(dtype: DataType, value: Any) -> None:
    assert "Failed to process element: 0" in refusal({"instances": [value]}, signature(x=dtype))


@pytest.mark.parametrize(("text", "data"), [("YQ", b"a"), ("Y Q = =", b"a"), ("YQ..", b"a")])
def test_base64_that_is_read(text: str, data: bytes) -> None:
    assert decode_base64(text) == data


@pytest.mark.parametrize("text", ["!!!", "__-_", "Y", "YQ===", "YQ="])
def test_base64_that_is_refused(text: str) -> None:
    with pytest.raises(ServingError, match="Unable to base64 decode"):
        decode_base64(text)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(
            st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=300,
    )
)
def test_outputs_read_back(rows: list[list[float]]) -> None:
    outputs = [Tensor(DataType.DT_FLOAT, np.array(rows, np.float32))]
    for render, key in ((render_rows, "predictions"), (render_columns, "outputs")):
        text = render(["y"], outputs)
        assert np.array_equal(np.array(json.loads(text)[key], np.float32), outputs[0].array)


def test_row_reply_layout() -> None:
    outputs = [Tensor(DataType.DT_FLOAT, np.array([2.5, 3], np.float32))]
    assert render_rows(["y"], outputs) == b'{\n    "predictions": [2.5, 3.0\n    ]\n}'


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (9e6, "9e+06"), (1234567, "1234567.0"), (1 / 3, "0.333333343"), (-0.0, "-0.0"),
     (123456, "123456.0"), (0.00012, "0.00012"), (1.5e-5, "1.5e-05"), (-1.23457, "-1.23457"),
     (float("nan"), "NaN"), (float("-inf"), "-Infinity")],
)  # fmt: skip
def test_digits_of_floats(value: float, text: str) -> None:
    output = Tensor(DataType.DT_FLOAT, np.array([value], np.float32))
    assert text in render_rows(["y"], [output]).decode().replace("\n", " ")


def test_layout_of_several_outputs_and_of_deep_ones() -> None:
    outputs = [
        Tensor(DataType.DT_INT32, np.array([[1, 2]], np.int32)),
        Tensor(DataType.DT_STRING, np.array([b"\xff"], np.object_)),
    ]
    assert render_rows(["a", "b_bytes"], outputs).decode() == (
        '{\n    "predictions": [\n        {\n            "a": [1, 2],\n            "b_bytes": '
        '{\n            "b64": "/w=="\n        }\n        }\n    ]\n}'
    )
    assert render_columns(["a"], outputs[:1]).decode() == (
        '{\n    "outputs": [\n        [\n            1,\n            2\n        ]\n    ]\n}'
    )
    empty = [Tensor(DataType.DT_FLOAT, np.zeros((0, 3), np.float32))]
    assert json.loads(render_columns(["y"], empty)) == {"outputs": []}
    hollow = [Tensor(DataType.DT_FLOAT, np.zeros((2, 0), np.float32))]
    assert json.loads(render_rows(["y"], hollow)) == {"predictions": [[], []]}


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.floats(width=32, allow_nan=False) | st.integers(-(2**31), 2**31) | st.booleans(),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=24,
    ),
    st.sampled_from([DataType.DT_FLOAT, DataType.DT_DOUBLE, DataType.DT_INT32, DataType.DT_UINT8]),
)
def test_the_quick_way_reads_what_the_slow_way_reads(value: Any, dtype: DataType) -> None:
    for body in ({"instances": value}, {"inputs": value}, {"inputs": {"x": value}}):
        try:
            slow = read_inputs(read_body(json.dumps(body).encode()), signature(x=dtype))
        except ServingError as error:
            with pytest.raises(ServingError, match=re.escape(error.message)):
                asyncio.run(read_as_the_server(json.dumps(body).encode(), signature(x=dtype)))
        else:
            quick, _ = asyncio.run(
                read_as_the_server(json.dumps(body).encode(), signature(x=dtype))
            )
            assert quick["x"].array.shape == slow["x"].array.shape
            assert quick["x"].array.tolist() == slow["x"].array.tolist()
