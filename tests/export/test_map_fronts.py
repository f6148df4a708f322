"""A user's function, applied to each item of a batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.fronts import MapFront

STRING: tuple[str, tuple[int, ...]] = ("string", ())


def made(tf: Any, front: MapFront, specs: dict[str, Any], **given: Any) -> dict[str, Any]:
    """What a model gets, the same eagerly and in a graph."""
    fitted = front.fit(tf, specs)
    tensors = {alias: tf.constant(given[alias], one.dtype) for alias, one in fitted.inputs.items()}
    eager = {name: one.numpy() for name, one in fitted.make(tensors).items()}
    graph = tf.function(fitted.make).get_concrete_function(fitted.inputs)
    for name, one in graph(**tensors).items():
        np.testing.assert_array_equal(one.numpy(), eager[name])
        assert one.dtype == specs[name].dtype
    assert fitted.fills == tuple(eager)
    return eager


def numbers(tf: Any) -> Callable[..., Any]:
    """A function whose items come out in different shapes: "1,2" to [1.0, 2.0]."""

    def numbers_of(text: Any) -> Any:
        return tf.strings.to_number(tf.strings.split(text, ","))

    return numbers_of


def test_several_inputs_and_outputs_of_different_dtypes(tf: Any) -> None:
    def crop(image_bytes: Any, box: Any) -> Any:
        image = tf.io.decode_raw(image_bytes, tf.uint8)[box[0] : box[0] + 2]
        image.set_shape([2])
        return {"pixels": tf.cast(image, tf.float32), "first": box[0], "text": image_bytes}

    specs = {
        "first": tf.TensorSpec([None], tf.int32),
        "pixels": tf.TensorSpec([None, 2], tf.float32),
        "text": tf.TensorSpec([None], tf.string),
    }
    # Not in the order of the parameters: they go by their names.
    front = MapFront(crop, {"box": ("int32", (1,)), "image_bytes": STRING})
    found = made(tf, front, specs, box=[[1], [0]], image_bytes=[b"abc", b"de"])
    assert found["pixels"].tolist() == [[98.0, 99.0], [100.0, 101.0]]
    assert found["first"].tolist() == [1, 0]
    assert found["text"].tolist() == [b"abc", b"de"]


def test_a_tuple_is_in_the_order_of_the_models_inputs(tf: Any) -> None:
    specs = {"b": tf.TensorSpec([None], tf.int64), "a": tf.TensorSpec([None], tf.float32)}

    def both(one: Any, two: Any) -> Any:
        return tf.cast(one, tf.int64), two * 2

    # These aren't its parameters' names: they go by position.
    front = MapFront(both, {"x": ("float32", ()), "y": ("float32", ())})
    found = made(tf, front, specs, x=[1.0, 2.0], y=[3.0, 4.0])
    assert (found["b"].tolist(), found["a"].tolist()) == ([1, 2], [6.0, 8.0])


def test_a_function_says_itself_what_it_takes(tf: Any) -> None:
    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32), tf.TensorSpec([], name="gain")])
    def scaled(pair: Any, factor: Any) -> Any:
        return pair * factor

    found = made(
        tf, MapFront(scaled), {"x": tf.TensorSpec([None, 2])}, pair=[[1, 2], [3, 4]], gain=[1, 10]
    )
    assert found["x"].tolist() == [[1.0, 2.0], [30.0, 40.0]]


def test_loops_and_ifs_of_python_work(tf: Any) -> None:
    def halved(x: Any) -> Any:
        while x > 1.0:
            x = x / 2.0
        return x

    front = MapFront(halved, {"x": ("float32", ())})
    assert made(tf, front, {"x": tf.TensorSpec([None])}, x=[8.0, 3.0])["x"].tolist() == [1.0, 0.75]


def test_an_empty_batch(tf: Any) -> None:
    front = MapFront(lambda x: x * 2, {"x": ("float32", (3,))})
    assert made(tf, front, {"x": tf.TensorSpec([None, 3])}, x=np.zeros((0, 3)))["x"].shape == (0, 3)


def test_items_that_could_come_out_in_different_shapes(tf: Any) -> None:
    front = MapFront(numbers(tf), {"text": STRING})
    with pytest.raises(TfdeployError, match=r"'x' could come out.*\(None,\)") as caught:
        front.fit(tf, {"x": tf.TensorSpec([None, None])})
    assert caught.value.code == "TFD119"
    assert "set_shape" in caught.value.hint and "outputs" in caught.value.hint
    assert caught.value.where == "numbers_of"


def test_a_size_left_open_on_purpose(tf: Any) -> None:
    front = MapFront(numbers(tf), {"text": STRING}, {"x": ("float32", (None,))})
    specs = {"x": tf.TensorSpec([None, None])}
    assert made(tf, front, specs, text=["1,2", "3,4"])["x"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert made(tf, front, specs, text=["1,2,3"])["x"].shape == (1, 3)
    assert made(tf, front, specs, text=[])["x"].shape == (0, 0)
    fitted = front.fit(tf, specs)
    words = "numbers_of gave x in different shapes for different items"
    for make in (fitted.make, tf.function(fitted.make)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            make({"text": tf.constant(["1,2", "3"])})


def test_a_shape_that_the_model_fixes_is_checked_for_each_item(tf: Any) -> None:
    front = MapFront(numbers(tf), {"text": STRING})
    specs = {"x": tf.TensorSpec([None, 2])}
    assert made(tf, front, specs, text=["1,2", "3,4"])["x"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    fitted = front.fit(tf, specs)
    words = r"numbers_of gave x in another shape than \[2\], which the model takes"
    for make in (fitted.make, tf.function(fitted.make)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            make({"text": tf.constant(["1,2", "3"])})


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (lambda tf: lambda x: x, {"inputs": None}, "isn't said what the function takes"),
        (lambda tf: lambda x: x, {"inputs": {"x": ("float23", ())}}, "no dtype 'float23'"),
        (lambda tf: lambda x: tf.cast(x, tf.int32), {}, r"int32 \(2,\) an item.*takes float32"),
        (
            lambda tf: lambda x: x[:1],
            {},
            r"float32 \(1,\) an item, and the model takes float32 \(2,\)",
        ),
        (lambda tf: lambda x: {"y": x}, {}, "gives 'y', which the model doesn't take"),
        (lambda tf: lambda x: {}, {}, "gives nothing"),
        (lambda tf: lambda x: (x, x), {}, "outputs are 2, and the model's inputs 1"),
        (lambda tf: lambda x: {"x": None}, {}, "no tensor"),
        (lambda tf: lambda x: tf.RaggedTensor.from_row_lengths(x, [2]), {}, "ragged"),
        (lambda tf: lambda a, b: a, {}, "takes a, b, and its inputs are x"),
        (lambda tf: lambda: 1.0, {}, "takes nothing, and its inputs are x"),
        (lambda tf: lambda x: x, {"outputs": {"y": STRING}}, "names 'y'"),
        (lambda tf: lambda x: x, {"outputs": {"x": STRING}}, "gets from `outputs` string"),
        (lambda tf: lambda x: x, {"outputs": {"x": ("float32", (3,))}}, "gets from `outputs`"),
        (lambda tf: "math:pi", {}, "no function"),
    ],
)
def test_functions_that_dont_suit(
    tf: Any, function: Callable[[Any], Any], options: dict[str, Any], words: str
) -> None:
    front = MapFront(function(tf), **{"inputs": {"x": ("float32", (2,))}, **options})
    with pytest.raises(TfdeployError, match=words) as caught:
        front.fit(tf, {"x": tf.TensorSpec([None, 2])})
    assert caught.value.code == "TFD116"
    assert caught.value.hint


def test_a_function_of_a_module_with_a_table_and_a_variable_is_served(
    publish: Callable[..., Any],
    tf: Any,
    tmp_path: Path,
    answer: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "my_preprocessing.py").write_text(
        "import tensorflow as tf\n"
        "names = tf.lookup.KeyValueTensorInitializer(['a', 'b'], [1.0, 2.0])\n"
        "TABLE = tf.lookup.StaticHashTable(names, -1.0)\n"
        "GAIN = tf.Variable(10.0)\n"
        "def item(word_bytes, pair):\n"
        "    return {'x': tf.stack([TABLE.lookup(word_bytes) * GAIN, pair[0] + pair[1]])}\n"
    )
    monkeypatch.chdir(tmp_path)

    class Model(tf.Module):  # type: ignore[misc, name-defined]
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 2], tf.float32, name="x"),
                tf.TensorSpec([None], tf.float32, name="bias"),
            ]
        )
        def serve(self, x: Any, bias: Any) -> Any:
            return {"y": x + bias[:, tf.newaxis]}

    module = Model()
    tf.saved_model.save(module, str(tmp_path / "source"), signatures=module.serve)
    inputs = {"word_bytes": STRING, "pair": ("float32", (2,))}
    front = MapFront("my_preprocessing:item", inputs)
    exported = publish(tmp_path / "source", tmp_path, image=front, verify=False)
    signature = exported.saved_model.signatures["serving_default"]
    assert sorted(map(str, signature.inputs.values())) == [
        "bias: float32[?]",
        "pair: float32[?, 2]",
        "word_bytes: string[?]",
    ]
    given = {"word_bytes": [b"b", b"c"], "pair": [[1, 2], [3, 4]], "bias": [0.5, 0.0]}
    assert answer(exported.path, **given)["y"].tolist() == [[20.5, 3.5], [-10.0, 7.0]]

    def pair_of(text: Any) -> Any:
        return {"x": numbers(tf)(text)}

    front = MapFront(pair_of, {"text": STRING})
    exported = publish(tmp_path / "source", tmp_path, name="n", image=front, verify=False)
    assert answer(exported.path, text=["1,2"], bias=[1.0])["y"].tolist() == [[2.0, 3.0]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="gave x in another shape"):
        answer(exported.path, text=["1,2", "3"], bias=[1.0, 1.0])
