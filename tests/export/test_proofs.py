"""What is refused before anybody can call it, and what is let through."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.made_up import png, requests_for
from tfdeploy.exporting.verify import first_sentence, verify
from tfdeploy.savedmodel import Signature, TensorInfo


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


def test_a_function_of_python_is_refused(tf: Any, tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def call(x: Any) -> Any:
        return {"y": tf.numpy_function(lambda a: a, [x], tf.float32)}

    proof = verify(tf, save(tf, call, tmp_path / "1"))
    assert "calls back into Python (PyFunc)" in proof.load_error


def test_values_that_dont_suit_the_model_refuse_nothing(tf: Any, tmp_path: Path) -> None:
    features = {"age": tf.io.FixedLenFeature([], tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def parse(examples: Any) -> Any:
        return {"age": tf.io.parse_example(examples, features)["age"]}

    ((verdict, message),) = verdicts(tf, save(tf, parse, tmp_path / "1"))
    assert verdict == "unproven"
    assert "Feature: age" in message or "parse example" in message


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


def test_jit_compiled_functions_are_pointed_out(tf: Any, tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")], jit_compile=True)
    def call(x: Any) -> Any:
        return {"y": x * 2.0}

    (note,) = verify(tf, save(tf, call, tmp_path / "1")).notes
    assert "xla_cpu_compilation_enabled" in note


@pytest.mark.parametrize("op", [b"TFText>X", b"Zoftplus"])
def test_ops_that_only_the_server_has_refuse_nothing(tf: Any, tmp_path: Path, op: bytes) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def call(x: Any) -> Any:
        return {"y": tf.math.softplus(x)}

    file = save(tf, call, tmp_path / "1") / "saved_model.pb"
    file.write_bytes(file.read_bytes().replace(b"Softplus", op))
    proof = verify(tf, tmp_path / "1")
    if op == b"Zoftplus":
        assert "Op type not registered 'Zoftplus'" in proof.load_error
    else:
        assert [one.verdict for one in proof.answers] == ["unproven"]


def test_a_tf1_model_that_is_pinned_to_a_gpu_may_have_one_elsewhere(
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
    ((verdict, message),) = verdicts(tf, tmp_path / "gpu")
    assert verdict == "unproven"
    assert "Cannot assign a device" in message


def test_damaged_variables_are_refused(
    publish: Callable[..., Any], tf: Any, digits_folder: Path, tmp_path: Path
) -> None:
    exported = publish(digits_folder, tmp_path, verify=False)
    data = next((exported.path / "variables").glob("*.data-*"))
    data.chmod(0o644)
    data.write_bytes(data.read_bytes()[:100])
    assert verify(tf, exported.path).load_error == "Read less bytes than requested"


def test_the_picture_is_one(tf: Any) -> None:
    assert tf.io.decode_image(png(4, 5)).shape == (4, 5, 3)
    assert struct.unpack(">II", png(4, 5)[16:24]) == (5, 4)


def test_made_up_values_fit_every_dtype() -> None:
    dtypes = ["float32", "float16", "bfloat16", "int64", "uint8", "bool", "complex64", "string"]
    for dtype in dtypes:
        tensor = TensorInfo("x_bytes", "x:0", dtype, (None, 2))
        for values in requests_for(Signature("f", {"x_bytes": tensor}, {}, ""), rows=3):
            assert values["x_bytes"].shape == (3, 2)
            assert dtype == "string" or values["x_bytes"].dtype.name == dtype
    unknown = TensorInfo("x", "x:0", "int32", None)
    (values,) = requests_for(Signature("f", {"x": unknown}, {}, ""), rows=3)
    np.testing.assert_array_equal(values["x"], [0, 0, 0])


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
