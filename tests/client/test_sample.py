"""Ready requests as text: bodies, quoting, and rows that are made up."""

from __future__ import annotations

import base64
import json
import shlex
import struct
import zlib
from typing import Any

import pytest

from tfdeploy import wire
from tfdeploy.client.sample import FORMS, made_up_rows, render_sample
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import Signature, TensorInfo
from tfdeploy.savedmodel.made_up import png

Shape = tuple[int | None, ...] | None
BATCH: Shape = (None,)
PREDICT = "tensorflow/serving/predict"


def signature(
    name: str = "serving_default",
    outputs: tuple[str, Shape] = ("float32", BATCH),
    method: str = PREDICT,
    **inputs: tuple[str, Shape],
) -> Signature:
    tensors = {alias: TensorInfo(alias, f"{alias}:0", *kind) for alias, kind in inputs.items()}
    return Signature(name, tensors, {"y": TensorInfo("y", "y:0", *outputs)}, method)


def sample(form: str, one: Signature, rows: list[dict[str, Any]], **place: Any) -> str:
    return render_sample(form, **{"model": "m", "signature": one, "rows": rows, **place})


def refused(form: str, one: Signature, rows: list[dict[str, Any]]) -> TfdeployError:
    with pytest.raises(TfdeployError) as caught:
        sample(form, one, rows)
    return caught.value


def constants(program: str) -> dict[str, Any]:
    """What a program says before it asks anybody."""
    names: dict[str, Any] = {}
    exec(program.partition("\nrequest = ")[0], names)
    return names


TABLE = signature(key=("int64", BATCH), x=("float32", (None, 3)))
ROWS: list[dict[str, Any]] = [{"key": 1, "x": [1, 2, 3]}, {"key": 2, "x": [0.5, 0, 0]}]
SCALAR = signature(outputs=("float32", ()), x=("float32", ()))
CLASSIFY = signature(method="tensorflow/serving/classify", inputs=("string", BATCH))
REGRESS = signature(method="tensorflow/serving/regress", inputs=("string", BATCH))


def test_a_row_body_and_a_column_body_hold_the_same_values() -> None:
    assert json.loads(sample("row", TABLE, ROWS)) == {"instances": ROWS}
    assert json.loads(sample("column", TABLE, ROWS)) == {
        "inputs": {"key": [1, 2], "x": [[1, 2, 3], [0.5, 0, 0]]}
    }


def test_a_signature_is_named_unless_it_is_the_default() -> None:
    other = signature("other", x=("string", BATCH))
    for form in ("row", "column"):
        assert json.loads(sample(form, other, [{"x": "a"}]))["signature_name"] == "other"
    assert "signature_name = 'other'" in sample("grpc", other, [{"x": "a"}])


def test_whole_tensors_have_a_column_form_alone() -> None:
    assert json.loads(sample("column", SCALAR, [{"x": 2}])) == {"inputs": {"x": 2}}
    error = refused("row", SCALAR, [{"x": 2}])
    assert error.code == "TFD503"
    assert "input 'x' is a scalar" in error.message
    assert "column" in str(error.hint)
    assert "not 2" in refused("column", SCALAR, [{"x": 2}, {"x": 3}]).message


def test_a_fixed_first_dimension_is_no_row() -> None:
    fixed = signature(x=("float32", (2,)))
    assert "a first dimension of 2" in refused("row", fixed, [{"x": [1, 2]}]).message
    assert constants(sample("python", fixed, [{"x": [1, 2]}]))["BODY"] == {"inputs": {"x": [1, 2]}}


@pytest.mark.parametrize("form", FORMS)
def test_rows_must_fit(form: str) -> None:
    for rows in ([], [{"key": 1}], [{"key": "1", "x": [1, 2, 3]}], [{"key": 1, "x": [1, 2]}]):
        assert refused(form, TABLE, rows).code == "TFD503"


def test_an_unknown_form_is_refused() -> None:
    error = refused("perl", TABLE, ROWS)
    assert error.code == "TFD216"
    assert "row, column, curl, python or grpc" in str(error.hint)


def test_curl_is_quoted_for_a_shell() -> None:
    texts = signature(x=("string", BATCH))
    row = {"x": "it's $HOME `id` \\ \n é"}
    words = shlex.split(sample("curl", texts, [row], model="a b/c", address="::1", rest_port=9))
    assert words[0] == "curl"
    assert "http://[::1]:9/v1/models/a%20b%2Fc:predict" in words
    assert json.loads(words[-1]) == {"instances": [row]}


def test_a_long_body_is_no_argument_of_curl() -> None:
    texts = signature(x=("string", BATCH))
    command, body, end = sample("curl", texts, [{"x": "END " * 50_000}]).splitlines()
    assert command.endswith("--data @- <<'END'")
    assert json.loads(body) == {"instances": [{"x": "END " * 50_000}]}
    assert end == "END"


@pytest.mark.parametrize("text", ["\"\"\" ''' $x ${y} \\n {z}", "\U0001f600 é", "\x00"])
def test_programs_keep_every_text(text: str) -> None:
    texts = signature(x=("string", BATCH))
    found = constants(sample("python", texts, [{"x": text}], address="box"))
    assert found["BODY"] == {"instances": [{"x": text}]}
    assert found["URL"] == "http://box:8501/v1/models/m:predict"
    found = constants(sample("grpc", texts, [{"x": text}], address="box"))
    assert found["INPUTS"]["x"][0].tolist() == [text.encode()]
    assert found["ADDRESS"] == "box:8500"


def test_a_name_cannot_break_out_of_a_program() -> None:
    name = '\'"""\nraise SystemExit\n'
    for form in ("python", "grpc"):
        program = sample(form, signature("s'\n", x=("float32", BATCH)), [{"x": 1}], model=name)
        compile(program, form, "exec")
        assert "\nraise SystemExit" not in program


def test_numbers_that_json_cannot_write_stay() -> None:
    one = signature(x=("float32", (None, 3)))
    row = {"x": [float("inf"), float("-inf"), 1.5]}
    assert constants(sample("python", one, [row]))["BODY"] == {"instances": [row]}
    array, data_type = constants(sample("grpc", one, [row]))["INPUTS"]["x"]
    assert array.tolist() == [row["x"]]
    assert data_type == wire.DataType.DT_FLOAT


@pytest.mark.parametrize(
    "dtype",
    [
        "float16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
    ],
)
def test_grpc_sends_every_type_as_itself(dtype: str) -> None:
    one = signature(x=(dtype, (None, 2, None)), outputs=(dtype, BATCH))
    found = constants(sample("grpc", one, made_up_rows(one, 3)))
    array, data_type = found["INPUTS"]["x"]
    proto = found["to_proto"](array, data_type)
    assert array.dtype == dtype
    assert [dim.size for dim in proto.tensor_shape.dim] == [3, 2, 1]
    assert found["to_array"](proto, *found["OUTPUTS"]["y"]).tolist() == array.tolist()


def test_grpc_refuses_types_that_numpy_lacks() -> None:
    for one in (
        signature(x=("bfloat16", BATCH)),
        signature(x=("float32", BATCH), outputs=("bfloat16", BATCH)),
    ):
        error = refused("grpc", one, [{"x": 1}])
        assert "bfloat16" in error.message
        assert error.code == "TFD503"


def test_bytes_may_lack_their_padding() -> None:
    one = signature(x=("string", (None, 1)))
    found = constants(sample("grpc", one, [{"x": [{"b64": "A Q"}]}, {"x": ["a"]}]))
    assert found["INPUTS"]["x"][0].tolist() == [[b"\x01"], [b"a"]]


def test_examples_are_features() -> None:
    rows = [{"age": 3, "weight": [80.0], "old": True, "name": "a", "raw": [{"b64": "AQ"}]}]
    assert json.loads(sample("row", CLASSIFY, rows)) == {"examples": rows}
    assert ":classify " in sample("curl", CLASSIFY, rows)
    assert constants(sample("python", REGRESS, rows))["URL"].endswith(":regress")
    program = sample("grpc", REGRESS, rows)
    assert "wire.REGRESS" in program
    assert constants(program)["EXAMPLES"] == [
        {
            "age": ("int64_list", [3]),
            "weight": ("float_list", [80.0]),
            "old": ("int64_list", [True]),
            "name": ("bytes_list", [b"a"]),
            "raw": ("bytes_list", [b"\x01"]),
        }
    ]


def test_a_serialized_example_is_read() -> None:
    example = wire.Example()
    example.features.feature["n"].int64_list.value.extend([1, 2])
    example.features.feature["t"].bytes_list.value.append(b"\xff")
    example.features.feature["empty"].SetInParent()
    data = base64.b64encode(example.SerializeToString()).decode()
    assert json.loads(sample("row", CLASSIFY, [{"inputs": {"b64": data}}])) == {
        "examples": [{"empty": [], "n": [1, 2], "t": [{"b64": "/w=="}]}]
    }


@pytest.mark.parametrize(
    "row",
    [
        {"x": [1, 2.5]},
        {"x": None},
        {"x": [[1]]},
        {"x": {"b64": "?"}},
        {"inputs": {"b64": "?"}},
        {"inputs": {"b64": "/////w=="}},
    ],
)
def test_examples_that_no_server_takes_are_refused(row: dict[str, Any]) -> None:
    for form in ("row", "grpc"):
        error = refused(form, CLASSIFY, [row])
        assert error.code == "TFD503"
        assert "examples[0]" in str(error.where)


def test_examples_have_no_column_form() -> None:
    assert "row form" in str(refused("column", CLASSIFY, [{}]).hint)


def test_made_up_rows_have_types_and_shapes() -> None:
    one = signature(
        f=("float32", (None, 2, None)),
        i=("uint8", BATCH),
        b=("bool", (None, 1)),
        t=("string", None),
        image_bytes=("string", BATCH),
    )
    picture = {"b64": base64.b64encode(png()).decode()}
    row = {"f": [[0.5], [0.5]], "i": 0, "b": [True], "t": "text", "image_bytes": picture}
    assert made_up_rows(one, 2) == [row, row]
    for form in FORMS:
        assert sample(form, one, made_up_rows(one)).endswith("\n")


def test_made_up_rows_without_a_batch_are_one_set_of_tensors() -> None:
    assert made_up_rows(SCALAR, 3) == [{"x": 0.5}]
    mixed = signature(outputs=("float32", ()), a=("int32", (None, 2)), b=("int32", (2,)))
    assert made_up_rows(mixed, 3) == [{"a": [[0, 0]] * 3, "b": [0, 0]}]
    assert json.loads(sample("column", mixed, made_up_rows(mixed)))["inputs"]["a"] == [[0, 0]]


def test_made_up_examples_have_no_features() -> None:
    assert made_up_rows(REGRESS, 2) == [{}, {}]
    assert json.loads(sample("row", REGRESS, made_up_rows(REGRESS))) == {"examples": [{}]}


def test_nothing_is_made_up_for_types_without_values() -> None:
    with pytest.raises(TfdeployError) as caught:
        made_up_rows(signature(x=("complex64", BATCH)))
    assert caught.value.code == "TFD503"


def test_the_picture_is_a_png() -> None:
    data = png(3, 5)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (5, 3)
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    assert len(zlib.decompress(data[start + 4 : start + 4 + length])) == 3 * (1 + 5 * 3)
