"""What is refused before anybody can call it, and what is let through."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting import Recipe
from tfdeploy.exporting.findings import Answer, Task, first_sentence
from tfdeploy.exporting.made_up import picture, requests_for
from tfdeploy.exporting.reference import questions_for
from tfdeploy.exporting.servables import Function, Servable
from tfdeploy.exporting.verify import verify
from tfdeploy.exporting.writing import write
from tfdeploy.savedmodel import Signature, TensorInfo, read_saved_model


def save(tf: Any, function: Any, folder: Path) -> Path:
    """A SavedModel of one function, without any of our own care."""
    module = tf.Module()
    module.function = function
    tf.saved_model.save(module, str(folder), signatures=function.get_concrete_function())
    return folder


def verdicts(tf: Any, folder: Path) -> list[tuple[str, str]]:
    proof = verify(tf, folder)
    assert not proof.load_error
    return [(one.verdict, one.message) for one in proof.answers]


def asked(
    tf: Any, functions: Mapping[str, Function], folder: Path, **samples: list[object]
) -> dict[str, Answer]:
    """What the proof says of an export of these functions, by signature."""
    servable = Servable(functions, None)
    write(tf, servable, folder)
    model = read_saved_model(folder)
    questions = questions_for(servable, Recipe("here", samples=samples), model)
    proof = verify(tf, folder, lambda: Task(questions))
    assert not proof.load_error
    return {one.signature: one for one in proof.answers}


def test_a_keras_model_saved_with_tensorflows_own_save_is_refused(
    publish: Callable[..., Any], tf: Any, digits: Any, tmp_path: Path
) -> None:
    tf.saved_model.save(digits, str(tmp_path / "trap"))
    with pytest.raises(TfdeployError) as caught:
        publish(tmp_path / "trap", tmp_path / "models")
    error = caught.value
    assert error.code == "TFD104"
    assert "'serving_default' fails: Could not find variable" in error.message
    assert "Traceback" not in error.message and "\n" not in error.message
    assert ".keras file" in error.hint
    assert not (tmp_path / "models" / "m").exists()


def test_a_tf_example_is_learnt_from_what_the_model_says_of_others(tf: Any, tmp_path: Path) -> None:
    features = {
        "age": tf.io.FixedLenFeature([], tf.float32),
        "pixels": tf.io.FixedLenFeature([2, 3], tf.int64),
        "the name": tf.io.FixedLenFeature([2], tf.string),
    }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def parse(examples: Any) -> Any:
        found = tf.io.parse_example(examples, features)
        return {"age": found["age"], "pixels": found["pixels"], "name": found["the name"]}

    proof = verify(tf, save(tf, parse, tmp_path / "1"))
    (answer,) = proof.answers
    assert (answer.verdict, answer.message) == ("serves", "1 row and 3 rows")
    assert answer.outputs is not None
    assert answer.outputs["pixels"].shape == (3, 2, 3)
    assert len(set(answer.outputs["age"])) > 1


def test_values_that_dont_suit_the_model_refuse_nothing(tf: Any, tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="numbers")])
    def parse(numbers: Any) -> Any:
        return {"number": tf.strings.to_number(numbers)}

    ((verdict, message),) = verdicts(tf, save(tf, parse, tmp_path / "1"))
    assert verdict == "unproven"
    assert message.startswith("made-up values don't suit it (StringToNumberOp could not")


def test_the_users_rows_are_asked_and_compared(tf: Any, tmp_path: Path) -> None:
    spec = tf.TensorSpec([None], tf.string, name="number")

    def call(tensors: Any) -> Any:
        numbers = tf.strings.to_number(tensors["number"])
        return {"root": tf.sqrt(numbers), "text": tensors["number"]}

    function = Function({"number": spec}, call, call)
    rows: list[object] = ["4", {"number": "9"}, "16", "25"]
    functions = {"serving_default": function}
    answer = asked(tf, functions, tmp_path / "1", serving_default=rows)["serving_default"]
    told = "1 row and 4 rows as the source does (within 0.0001)"
    assert (answer.verdict, answer.message) == ("serves", told)
    with pytest.raises(TfdeployError) as caught:
        asked(tf, functions, tmp_path / "2", serving_default=["four"])
    assert caught.value.code == "TFD104"
    assert "The source refuses the sample of 'serving_default'" in caught.value.message
    assert "four" in caught.value.message
    with pytest.raises(TfdeployError) as caught:
        asked(tf, functions, tmp_path / "3", default=["4"])
    assert caught.value.code == "TFD503"


def test_whole_numbers_and_texts_are_compared_exactly(tf: Any, tmp_path: Path) -> None:
    spec = tf.TensorSpec([None], tf.int32, name="n")
    function = Function({"n": spec}, lambda t: {"m": t["n"] + 1}, lambda t: {"m": t["n"] + 1})
    off = Function({"n": spec}, lambda t: {"m": t["n"] + 1}, lambda t: {"m": t["n"] * 2})
    found = asked(tf, {"serving_default": function, "off": off}, tmp_path / "1")
    assert found["serving_default"].message == "1 row and 3 rows as the source does (exactly)"
    assert found["off"].verdict == "differs"
    assert found["off"].message.startswith("m is ")


def test_half_precision_inside_may_differ_more(tf: Any, tmp_path: Path) -> None:
    spec = tf.TensorSpec([None], tf.float32, name="x")

    def rounded(tensors: Any) -> Any:
        return {"y": tf.cast(tf.cast(tensors["x"], tf.bfloat16) * 1.01, tf.float32)}

    function = Function({"x": spec}, rounded, lambda tensors: {"y": tensors["x"] * 1.01})
    found = asked(tf, {"serving_default": function}, tmp_path / "1")["serving_default"]
    assert found.message == "1 row and 3 rows as the source does (within 0.01)"
    assert found.tolerance == 0.01


def test_a_source_that_takes_no_batch_says_so(tf: Any, tmp_path: Path) -> None:
    spec = tf.TensorSpec([None, 2], tf.float32, name="x")

    def single(tensors: Any) -> Any:
        tf.debugging.assert_equal(tf.shape(tensors["x"])[0], 1, message="one at a time")
        return {"y": tensors["x"]}

    def mean(tensors: Any) -> Any:
        return {"mean": tf.reduce_mean(tensors["x"])}

    functions = {
        "serving_default": Function({"x": spec}, single, single),
        "mean": Function({"x": spec}, mean, mean),
        # What a batch of the source can, one of the export has to.
        "cut": Function({"x": spec}, single, lambda t: {"y": t["x"]}),
    }
    found = asked(tf, functions, tmp_path / "1")
    alike = "as the source does (within 0.0001)"
    one = f"1 row {alike}, but must not be batched: 3 rows fail (one at a time)"
    assert found["serving_default"].message == one
    scalar = f"requests {alike}, but can't be batched: output 'mean'"
    assert found["mean"].message.startswith(scalar)
    assert found["cut"].verdict == "differs"
    assert found["cut"].message.startswith("3 rows fail, and not in the source")


def test_a_file_name_that_was_made_up_refuses_nothing(tf: Any, tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="path")])
    def read(path: Any) -> Any:
        return {"contents": tf.io.read_file(path)}

    ((verdict, _),) = verdicts(tf, save(tf, read, tmp_path / "1"))
    assert verdict == "unproven"


def test_an_assertion_on_values_refuses_nothing_and_good_values_are_found(
    tf: Any, tmp_path: Path
) -> None:
    shape = tf.TensorSpec([None, None, 3], tf.float32, name="points")

    @tf.function(input_signature=[shape])
    def call(points: Any) -> Any:
        tf.debugging.assert_greater(tf.shape(points)[1], 100)
        return {"mean": tf.reduce_mean(points, axis=1)}

    assert verdicts(tf, save(tf, call, tmp_path / "1")) == [("serves", "1 row and 3 rows")]


def test_a_model_that_takes_one_row_only_says_so(tf: Any, tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def fails(x: Any) -> Any:
        return {"y": tf.ensure_shape(tf.reshape(x, [-1, 2])[: tf.shape(x)[0]], [1, 2])[:0] + x}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def sums(x: Any) -> Any:
        return {"y": tf.boolean_mask(x, tf.range(tf.shape(x)[0]) < 1)}

    ((_, message),) = verdicts(tf, save(tf, sums, tmp_path / "1"))
    assert "must not be batched: 3 rows come back as 1" in message
    ((verdict, message),) = verdicts(tf, save(tf, fails, tmp_path / "2"))
    assert verdict != "fails"


def test_ops_that_only_the_server_has_refuse_nothing(tf: Any, tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def call(x: Any) -> Any:
        return {"y": tf.math.softplus(x)}

    file = save(tf, call, tmp_path / "1") / "saved_model.pb"
    file.write_bytes(file.read_bytes().replace(b"Softplus", b"TFText>X"))
    proof = verify(tf, tmp_path / "1")
    assert [one.verdict for one in proof.answers] == ["unproven"]
    assert not proof.load_error and not proof.defects


def test_a_tf1_model_that_is_pinned_to_a_gpu_is_a_defect_and_no_failure(
    tf: Any, tmp_path: Path
) -> None:
    v1 = tf.compat.v1
    anywhere = v1.ConfigProto(allow_soft_placement=True)
    with tf.Graph().as_default(), v1.Session(config=anywhere) as session:
        x = v1.placeholder(tf.float32, [None])
        factor = v1.get_variable("factor", initializer=2.0)
        for folder, device in (("cpu", None), ("gpu", "/device:GPU:0")):
            with tf.device(device):
                y = x * factor
            if device is None:
                session.run(v1.global_variables_initializer())
            builder = v1.saved_model.Builder(str(tmp_path / folder))
            info = v1.saved_model.build_tensor_info
            call = v1.saved_model.build_signature_def({"x": info(x)}, {"y": info(y)}, "any")
            builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": call})
            builder.save()
    assert verdicts(tf, tmp_path / "cpu") == [("serves", "1 row and 3 rows")]
    proof = verify(tf, tmp_path / "gpu")
    assert [one.verdict for one in proof.answers] == ["unproven"]
    assert [one.kind for one in proof.defects] == ["gpu-placement"]
    assert "Cannot assign a device" in proof.defects[0].message


def test_damaged_variables_are_refused(
    publish: Callable[..., Any], tf: Any, digits_folder: Path, tmp_path: Path
) -> None:
    exported = publish(digits_folder, tmp_path, verify=False)
    data = next((exported.path / "variables").glob("*.data-*"))
    data.chmod(0o644)
    data.write_bytes(data.read_bytes()[:100])
    assert verify(tf, exported.path).load_error == "Read less bytes than requested"


def test_the_picture_is_one(tf: Any) -> None:
    assert tf.io.decode_image(picture(0, 4, 5)).shape == (4, 5, 3)
    assert struct.unpack(">II", picture(0, 4, 5)[16:24]) == (5, 4)


def test_made_up_values_fit_every_dtype() -> None:
    dtypes = ["float32", "float16", "bfloat16", "int64", "uint8", "bool", "complex64", "string"]
    for dtype in dtypes:
        tensor = TensorInfo("x_bytes", "x:0", dtype, (None, 2))
        for values in requests_for(Signature("f", {"x_bytes": tensor}, {}, ""), rows=3):
            assert values["x_bytes"].shape == (3, 2)
            assert dtype == "string" or values["x_bytes"].dtype.name == dtype
    unknown = TensorInfo("x", "x:0", "int32", None)
    varied, zeros = requests_for(Signature("f", {"x": unknown}, {}, ""), rows=3)
    assert varied["x"].shape == (3,) and set(varied["x"]) <= {0, 1}
    np.testing.assert_array_equal(zeros["x"], [0, 0, 0])


def test_nothing_is_made_up_for_a_dtype_without_numbers(tf: Any) -> None:
    tensor = TensorInfo("x", "x:0", "qint8", (None,))
    assert list(requests_for(Signature("f", {"x": tensor}, {}, ""), rows=3)) == []


def test_made_up_rows_differ_and_are_the_same_ones_tomorrow() -> None:
    inputs = {
        "x": TensorInfo("x", "x:0", "float32", (None, 4)),
        "picture_bytes": TensorInfo("picture_bytes", "p:0", "string", (None,)),
    }
    one = next(requests_for(Signature("f", inputs, {}, ""), rows=3))
    other = next(requests_for(Signature("f", inputs, {}, ""), rows=3))
    for alias in inputs:
        assert one[alias].tolist() == other[alias].tolist()
        assert len({str(row) for row in one[alias]}) == 3


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("Graph execution error:\n\nCould not find x. In TF1, it can.\n", "Could not find x"),
        (
            "2 root error(s) found.\n  (0) FAILED_PRECONDITION: No table a.b.\n\t [[{{n}}]]",
            "No table a.b",
        ),
        ("Shapes differ: [1] vs. [2]\n\t [[{{node a}}]]", "Shapes differ: [1] vs. [2]"),
        ("Bad value [[{{node a}}]]", "Bad value"),
        ("", "no message"),
    ],
)
def test_first_sentences(message: str, sentence: str) -> None:
    assert first_sentence(message) == sentence


def test_a_shape_beside_a_picture_is_the_pictures() -> None:
    inputs = {
        "image_bytes": TensorInfo("image_bytes", "b:0", "string", (None,)),
        "image_shape": TensorInfo("image_shape", "s:0", "int32", (None, 3)),
    }
    encoded, raw, *_ = requests_for(Signature("f", inputs, {}, ""), rows=2)
    assert encoded["image_bytes"][0].startswith(b"\x89PNG")
    assert raw["image_shape"].tolist() == [[16, 16, 3]] * 2
    assert len(raw["image_bytes"][0]) == 16 * 16 * 3
