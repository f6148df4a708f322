"""The same two small models from every kind of source that can be exported.

A picture model (``pixels``, float32 [?, 8, 8, 1] to ``scores``, float32 [?, 3]) and a model of
texts' ids (``ids``, int64 [?, 6] to ``score``, float32 [?, 2]). What they compute is written
twice: here in plain numpy, and in each source's own way.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

_RANDOM = np.random.default_rng(20)
WEIGHTS = _RANDOM.normal(size=(64, 3)).astype(np.float32)
BIAS = _RANDOM.normal(size=3).astype(np.float32)
EMBEDDING = _RANDOM.normal(size=(9, 2)).astype(np.float32)
VOCABULARY = ("", "[UNK]", "deploy", "the", "model", "to", "a", "running", "service")


def scores(pixels: Any) -> np.ndarray:
    """The picture model in numpy."""
    logits = np.asarray(pixels, np.float32).reshape(-1, 64) @ WEIGHTS + BIAS
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def score(ids: Any) -> np.ndarray:
    """The model of texts in numpy."""
    return np.tanh(EMBEDDING[np.asarray(ids)].sum(axis=1))


def keras_pictures(keras: Any) -> Any:
    """For Keras 3 and for tf_keras."""
    pixels = keras.Input((8, 8, 1), name="pixels")
    dense = keras.layers.Dense(3, activation="softmax", name="scores")
    model = keras.Model(pixels, dense(keras.layers.Flatten()(pixels)))
    dense.set_weights([WEIGHTS, BIAS])
    return model


def keras_texts(keras: Any) -> Any:
    ids = keras.Input((6,), dtype="int64", name="ids")
    embedding = keras.layers.Embedding(9, 2, name="words")
    pooled = keras.layers.GlobalAveragePooling1D()(embedding(ids))
    dense = keras.layers.Dense(2, activation="tanh", use_bias=False, name="score")
    model = keras.Model(ids, dense(pooled))
    embedding.set_weights([EMBEDDING])
    # The mean of six, times six, is their sum.
    dense.set_weights([np.eye(2, dtype=np.float32) * 6])
    return model


def module(tf: Any, kind: str) -> Any:
    """A tf.Module with one method, ``__call__``."""

    class Pictures(tf.Module):
        def __init__(self) -> None:
            self.weights, self.bias = tf.Variable(WEIGHTS), tf.Variable(BIAS)

        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, name="pixels")])
        def __call__(self, pixels: Any) -> Any:
            flat = tf.reshape(pixels, [-1, 64])
            return {"scores": tf.nn.softmax(flat @ self.weights + self.bias)}

    class Texts(tf.Module):
        def __init__(self) -> None:
            self.embedding = tf.Variable(EMBEDDING)

        @tf.function(input_signature=[tf.TensorSpec([None, 6], tf.int64, name="ids")])
        def __call__(self, ids: Any) -> Any:
            return {"score": tf.tanh(tf.reduce_sum(tf.gather(self.embedding, ids), axis=1))}

    return Pictures() if kind == "pictures" else Texts()


@contextmanager
def graph_session(tf: Any, kind: str) -> Iterator[tuple[Any, str, str]]:
    """A TF1 session with the model, and the names of its two tensors."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        if kind == "pictures":
            pixels = v1.placeholder(tf.float32, [None, 8, 8, 1], name="input_1")
            weights = v1.get_variable("w", initializer=WEIGHTS, use_resource=False)
            bias = v1.get_variable("b", initializer=BIAS, use_resource=False)
            tf.nn.softmax(tf.reshape(pixels, [-1, 64]) @ weights + bias, name="output_1")
        else:
            ids = v1.placeholder(tf.int64, [None, 6], name="input_1")
            words = v1.get_variable("words", initializer=EMBEDDING, use_resource=False)
            tf.tanh(tf.reduce_sum(tf.gather(words, ids), axis=1), name="output_1")
        session.run(v1.global_variables_initializer())
        yield session, "input_1:0", "output_1:0"


def checkpoint(tf: Any, kind: str, folder: Path) -> Path:
    """The .meta file of a TF1 checkpoint."""
    with graph_session(tf, kind) as (session, *_):
        return Path(tf.compat.v1.train.Saver().save(session, str(folder / kind)) + ".meta")


def frozen_graph(tf: Any, kind: str, folder: Path) -> Path:
    """A GraphDef whose variables are constants."""
    with graph_session(tf, kind) as (session, *_):
        graph = tf.compat.v1.graph_util.convert_variables_to_constants(
            session, session.graph_def, ["output_1"]
        )
    file = folder / f"{kind}.pb"
    file.write_bytes(graph.SerializeToString())
    return file


def tf1_saved_model(tf: Any, kind: str, folder: Path) -> Path:
    names = ("pixels", "scores") if kind == "pictures" else ("ids", "score")
    with graph_session(tf, kind) as (session, given, made):
        tensor = session.graph.get_tensor_by_name
        tf.compat.v1.saved_model.simple_save(
            session, str(folder / kind), {names[0]: tensor(given)}, {names[1]: tensor(made)}
        )
    return folder / kind


def tf2_saved_model(tf: Any, kind: str, folder: Path) -> Path:
    made = module(tf, kind)
    tf.saved_model.save(made, str(folder / kind), signatures=made.__call__)
    return folder / kind


def python_module(folder: Path) -> str:
    """A Python module whose attributes are models; its name, importable from now on."""
    (folder / "made_for_export.py").write_text(
        textwrap.dedent("""
            import keras
            import tensorflow as tf

            from tests.export import made


            def keras_pictures():
                return made.keras_pictures(keras)


            def keras_texts():
                return made.keras_texts(keras)


            def module_pictures():
                return made.module(tf, "pictures")


            def module_texts():
                return made.module(tf, "texts")


            _pictures, _texts = module_pictures(), module_texts()


            @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, "pixels")])
            def callable_pictures(pixels):
                return _pictures(pixels)


            @tf.function(input_signature=[tf.TensorSpec([None, 6], tf.int64, "ids")])
            def callable_texts(ids):
                return _texts(ids)


            def centred(pixels_bytes, gain):
                pixels = tf.reshape(tf.io.decode_raw(pixels_bytes, tf.uint8), [8, 8, 1])
                return tf.cast(pixels, tf.float32) * gain


            def ids_of(numbers):
                return tf.strings.to_number(tf.strings.split(numbers, ","), tf.int64)[:6]
        """)
    )
    sys.path.insert(0, str(folder))
    return "made_for_export"


Maker = Callable[[str], tuple[str, bool]]


def makers(tf: Any, keras: Any, tf_keras: Any, folder: Path) -> dict[str, Maker]:
    """Source by its kind in docs/export.md; a maker takes ``pictures`` or ``texts``.

    It gives the source, and whether its tensors have to be named.
    """
    name = python_module(folder)
    folders = {kind: folder / kind for kind in ("tf1", "tf2", "ckpt", "pb", "keras", "h5")}
    for one in folders.values():
        one.mkdir()

    def saved(build: Callable[[str], Any], file: str, where: Path) -> Maker:
        def make(kind: str) -> tuple[str, bool]:
            path = where / f"{kind}{file}"
            build(kind).save(path)
            return str(path), False

        return make

    def keras_model(library: Any) -> Callable[[str], Any]:
        return lambda kind: (keras_pictures if kind == "pictures" else keras_texts)(library)

    return {
        "Keras 3 (.keras)": saved(keras_model(keras), ".keras", folders["keras"]),
        "Keras 2 (.h5)": saved(keras_model(tf_keras), ".h5", folders["h5"]),
        "SavedModel (TF2)": lambda kind: (str(tf2_saved_model(tf, kind, folders["tf2"])), False),
        "SavedModel (TF1)": lambda kind: (str(tf1_saved_model(tf, kind, folders["tf1"])), False),
        "TF1 checkpoint (.meta)": lambda kind: (str(checkpoint(tf, kind, folders["ckpt"])), True),
        "Frozen graph (.pb)": lambda kind: (str(frozen_graph(tf, kind, folders["pb"])), True),
        "module:function, a Keras model": lambda kind: (f"{name}:keras_{kind}", False),
        "module:function, a tf.Module": lambda kind: (f"{name}:module_{kind}", False),
        "module:function, a callable": lambda kind: (f"{name}:callable_{kind}", False),
    }
