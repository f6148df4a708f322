"""Keras 2: files that Keras 3 reads, files that only tf_keras reads, and models of tf_keras."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.keras2_models import from_keras2, is_keras2_model
from tfdeploy.exporting.recipe import Loading
from tfdeploy.exporting.sources import find_source
from tfdeploy.exporting.writing import write
from tfdeploy.savedmodel import read_saved_model

Publish = Callable[..., Any]
Answer = Callable[..., dict[str, Any]]

ROWS = np.asarray([[1.0, -2.0, 3.0], [-1.0, 0.5, 0.0]], np.float32)


@pytest.fixture(scope="module")
def tf_keras(tf: Any) -> Any:
    return pytest.importorskip("tf_keras")


@pytest.fixture(scope="module")
def with_ops(tf: Any, tf_keras: Any) -> Any:
    """Functional, with an op of TensorFlow's as a layer: Keras 3 doesn't know TFOpLambda."""
    tf_keras.utils.set_random_seed(3)
    features = tf_keras.Input((3,), name="features")
    dense = tf_keras.layers.Dense(2, name="price")
    return tf_keras.Model(features, dense(tf.nn.relu(features)))


@pytest.fixture(scope="module")
def with_ops_file(with_ops: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keras2") / "with_ops.h5"
    with_ops.save(file)
    return file


def saved(tf: Any, model: Any, folder: Path) -> Any:
    write(tf, from_keras2(tf, model, "here"), folder)
    return read_saved_model(folder).signatures["serving_default"]


def loaded_by(said: list[str]) -> str:
    (line,) = [one for one in said if one.startswith("loaded by ")]
    return line


def test_a_model_of_2017_that_keras_3_reads(
    publish: Publish, answer: Answer, keras: Any, fer_file: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    exported = publish(fer_file, tmp_path, report=said.append)
    assert loaded_by(said) == f"loaded by Keras {keras.__version__}"
    assert any("3 rows as the source does" in line for line in said)
    (signature,) = exported.saved_model.signatures.values()
    assert [str(one) for one in signature.inputs.values()] == ["input_1: float32[?, 64, 64, 1]"]
    assert [str(one) for one in signature.outputs.values()] == ["predictions: float32[?, 7]"]
    pixels = np.random.default_rng(4).random((2, 64, 64, 1), dtype=np.float32)
    model = keras.models.load_model(fer_file, compile=False)
    expected = model(pixels, training=False).numpy()
    found = answer(exported.path, input_1=pixels)["predictions"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".keras"])
def test_a_file_that_only_tf_keras_reads(
    publish: Publish,
    answer: Answer,
    keras: Any,
    tf_keras: Any,
    with_ops: Any,
    tmp_path: Path,
    suffix: str,
) -> None:
    file = tmp_path / f"model{suffix}"
    with_ops.save(file)
    with pytest.raises((TypeError, ValueError)):
        keras.models.load_model(file, compile=False)
    said: list[str] = []
    exported = publish(file, tmp_path, verify=suffix == ".h5", report=said.append)
    assert f"loaded by tf_keras {tf_keras.__version__} (Keras 3 can't read it: " in loaded_by(said)
    (signature,) = exported.saved_model.signatures.values()
    assert (set(signature.inputs), set(signature.outputs)) == ({"features"}, {"price"})
    found = answer(exported.path, features=ROWS)["price"]
    np.testing.assert_allclose(found, with_ops(ROWS).numpy(), rtol=1e-5)


def test_without_tf_keras(tf: Any, with_ops_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As import says it of a package that isn't there.
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    with pytest.raises(TfdeployError) as caught:
        find_source(str(with_ops_file)).open(tf, Loading())
    assert caught.value.code == "TFD102"
    assert "Unknown layer: 'TFOpLambda'" in caught.value.message
    assert caught.value.hint.startswith("pip install 'tfdeploy-serving[keras2]'")


def test_a_file_of_keras_3_is_none_of_tf_keras(
    publish: Publish, keras: Any, tmp_path: Path
) -> None:
    class Mine(keras.layers.Layer):  # type: ignore[misc, name-defined]
        pass

    model = keras.Sequential([keras.layers.Input((2,)), Mine()])
    model.save(tmp_path / "mine.h5")
    (tmp_path / "broken.h5").write_bytes(b"no hdf5")
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("nothing", "")
    for name, words in (("mine.h5", "Mine"), ("broken.h5", ""), ("empty.keras", "")):
        with pytest.raises(TfdeployError) as caught:
            publish(tmp_path / name, tmp_path, verify=False)
        assert caught.value.code == "TFD103"
        assert words in caught.value.message
        assert "tf_keras" not in caught.value.message


def test_names_of_dicts_layers_and_sequences(
    tf: Any, tf_keras: Any, answer: Answer, tmp_path: Path
) -> None:
    inputs = {"b": tf_keras.Input((2,), name="x"), "a": tf_keras.Input((2,), name="y")}
    outputs = {
        "total": tf_keras.layers.Add()([inputs["a"], inputs["b"]]),
        "difference": tf_keras.layers.Subtract()([inputs["a"], inputs["b"]]),
    }
    signature = saved(tf, tf_keras.Model(inputs, outputs), tmp_path / "1")
    assert set(signature.inputs) == {"a", "b"}
    found = answer(tmp_path / "1", a=[[3.0, 4.0]], b=[[1.0, 1.0]])
    assert found["difference"].tolist() == [[2.0, 3.0]]
    layers = list(inputs.values())
    both = tf_keras.layers.Concatenate()(layers)
    heads = [tf_keras.layers.Dense(1, name=name)(both) for name in ("age", "mood")]
    signature = saved(tf, tf_keras.Model(layers, heads), tmp_path / "2")
    assert set(signature.inputs) == {"x", "y"}
    assert set(signature.outputs) == {"age", "mood"}
    assert signature.batchable
    sequential = tf_keras.Sequential(
        [tf_keras.layers.Input((2,), name="in"), tf_keras.layers.Dense(1, name="out")]
    )
    signature = saved(tf, sequential, tmp_path / "3")
    assert (set(signature.inputs), set(signature.outputs)) == ({"in_"}, {"out"})


def test_subclassed_models(tf: Any, tf_keras: Any, answer: Answer, tmp_path: Path) -> None:
    class Own(tf_keras.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.dense = tf_keras.layers.Dense(1, kernel_initializer="ones")
            self.dropout = tf_keras.layers.Dropout(0.9)

        def call(self, inputs: Any, training: bool = True) -> Any:
            return self.dropout(self.dense(inputs), training=training)

    assert is_keras2_model(Own())
    with pytest.raises(TfdeployError) as caught:
        from_keras2(tf, Own(), "here")
    assert caught.value.code == "TFD102"
    model = Own()
    model(np.zeros((7, 3), np.float32))
    signature = saved(tf, model, tmp_path / "1")
    assert [one.shape for one in signature.inputs.values()] == [(None, 3)]
    (alias,) = signature.inputs
    assert answer(tmp_path / "1", **{alias: ROWS})["output_0"].tolist() == [[2.0], [-0.5]]


def test_tables_and_a_fixed_batch(tf: Any, tf_keras: Any, answer: Answer, tmp_path: Path) -> None:
    text = tf_keras.Input((), dtype="string", name="text", batch_size=2)
    words = tf_keras.layers.TextVectorization(vocabulary=["red", "blue"], output_sequence_length=3)
    signature = saved(tf, tf_keras.Model(text, words(text)), tmp_path / "1")
    assert signature.why_not_batchable == "input 'text' has a first dimension of 2"
    (found,) = answer(tmp_path / "1", text=[b"blue red what", b"red"]).values()
    assert found.tolist() == [[3, 2, 1], [2, 0, 0]]


MODULE = """
import tf_keras


def model():
    layers = tf_keras.layers
    return tf_keras.Sequential([layers.Input((3,), name="x"), layers.Dense(1, name="y")])
"""


def test_a_function_that_returns_a_model_of_tf_keras(
    publish: Publish, tf_keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keras2_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    exported = publish("keras2_module:model", tmp_path, verify=False)
    (signature,) = exported.saved_model.signatures.values()
    assert (set(signature.inputs), set(signature.outputs)) == ({"x"}, {"y"})
