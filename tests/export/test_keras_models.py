"""Keras models: the names that clients see, the batch, and what the server would answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.keras_models import from_keras
from tfdeploy.exporting.writing import write
from tfdeploy.savedmodel import read_saved_model


def saved(tf: Any, model: Any, folder: Path) -> Any:
    write(tf, from_keras(tf, model, "here"), folder)
    return read_saved_model(folder).signatures["serving_default"]


def test_a_proven_export_answers_as_the_model_does(
    publish: Callable[..., Any],
    digits: Any,
    digits_file: Path,
    tmp_path: Path,
    answer: Callable[..., Any],
) -> None:
    said: list[str] = []
    exported = publish(digits_file, tmp_path, report=said.append)
    assert exported.path == tmp_path / "m" / "1"
    assert exported.version == 1
    assert any("serving_default answers 1 row and 3 rows as the source does" in one for one in said)
    (signature,) = exported.saved_model.signatures.values()
    assert signature.name == "serving_default"
    assert [str(one) for one in signature.inputs.values()] == ["pixels: float32[?, 8, 8, 1]"]
    assert [str(one) for one in signature.outputs.values()] == ["scores: float32[?, 10]"]
    pixels = np.random.default_rng(1).random((5, 8, 8, 1), dtype=np.float32)
    expected = digits(pixels, training=False).numpy()
    np.testing.assert_allclose(answer(exported.path, pixels=pixels)["scores"], expected, rtol=1e-5)


def test_dicts_keep_their_keys(
    tf: Any, keras: Any, tmp_path: Path, answer: Callable[..., Any]
) -> None:
    inputs = {"left": keras.Input((2,), name="a"), "right": keras.Input((2,), name="b")}
    total = keras.layers.Add()([inputs["left"], inputs["right"]])
    difference = keras.layers.Subtract()([inputs["left"], inputs["right"]])
    model = keras.Model(inputs, {"total": total, "difference": difference})
    signature = saved(tf, model, tmp_path / "1")
    assert set(signature.inputs) == {"left", "right"}
    assert set(signature.outputs) == {"total", "difference"}
    found = answer(tmp_path / "1", left=[[3.0, 4.0]], right=[[1.0, 1.0]])
    assert found["difference"].tolist() == [[2.0, 3.0]]


def test_several_outputs_are_called_as_their_layers(tf: Any, keras: Any, tmp_path: Path) -> None:
    first, second = keras.Input((4,), name="first"), keras.Input((4,), name="second words")
    both = keras.layers.Concatenate()([first, second])
    outputs = [keras.layers.Dense(1, name="age")(both), keras.layers.Dense(2, name="mood")(both)]
    signature = saved(tf, keras.Model([first, second], outputs), tmp_path / "1")
    assert set(signature.inputs) == {"first", "second_words"}
    assert set(signature.outputs) == {"age", "mood"}
    assert signature.batchable


def test_sequential_and_subclassed_models(tf: Any, keras: Any, tmp_path: Path) -> None:
    layers = [keras.layers.Input((4,), name="x"), keras.layers.Dense(2, name="y")]
    signature = saved(tf, keras.Sequential(layers), tmp_path / "1")
    assert (set(signature.inputs), set(signature.outputs)) == ({"x"}, {"y"})

    class Own(keras.Model):  # type: ignore[misc, name-defined]
        def call(self, inputs: Any) -> Any:
            return inputs * 2.0

    with pytest.raises(TfdeployError) as caught:
        from_keras(tf, Own(), "here")
    assert caught.value.code == "TFD102"
    model = Own()
    model(np.zeros((7, 3), np.float32))
    signature = saved(tf, model, tmp_path / "2")
    assert signature.inputs["inputs"].shape == (None, 3)
    assert set(signature.outputs) == {"output_0"}


def test_lookup_tables_come_along(
    tf: Any, keras: Any, tmp_path: Path, answer: Callable[..., Any]
) -> None:
    text = keras.Input((), dtype="string", name="text")
    words = keras.layers.TextVectorization(vocabulary=["red", "blue"], output_sequence_length=3)
    saved(tf, keras.Model(text, words(text)), tmp_path / "1")
    (found,) = answer(tmp_path / "1", text=[b"blue red what"]).values()
    assert found.tolist() == [[3, 2, 1]]


def test_a_fixed_batch_stays_fixed(tf: Any, keras: Any, tmp_path: Path) -> None:
    steps = keras.Input(batch_shape=(2, 4, 3), name="steps")
    model = keras.Model(steps, keras.layers.LSTM(2, stateful=True)(steps))
    signature = saved(tf, model, tmp_path / "1")
    assert signature.why_not_batchable == "input 'steps' has a first dimension of 2"


def test_a_broken_keras_file(publish: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "broken.keras").write_bytes(b"PK not a zip")
    with pytest.raises(TfdeployError) as caught:
        publish(tmp_path / "broken.keras", tmp_path / "models", verify=False)
    assert caught.value.code == "TFD103"
    assert "module:function" in caught.value.hint
    assert not (tmp_path / "models" / "m").exists()
