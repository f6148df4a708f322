"""Write the models of the mixed load with TensorFlow: ``python -m soak.models FOLDER``.

Each graph holds its version as a constant with a value of its own, `MARKER`, which `publishing`
replaces in the file: versions by the hundred without TensorFlow, and every answer tells its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

MARKER = 123456.7890625
FEATURES, HIDDEN, SCORES = 16, 64, 8
KINDS = ("first", "second", "third")


def make_weights() -> dict[str, Any]:
    """The MLP's weights, so that numpy can tell what it must answer."""
    random = np.random.default_rng(7)
    shapes = {"w1": (FEATURES, HIDDEN), "b1": (HIDDEN,), "w2": (HIDDEN, SCORES), "b2": (SCORES,)}
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def _save_line(tf: Any, folder: Path) -> None:
    module = tf.Module()
    module.slope = tf.Variable(2.0)
    function = tf.function(
        lambda x: {"y": module.slope * x + tf.constant(MARKER, tf.float32)},
        input_signature=[tf.TensorSpec([None], tf.float32, name="x")],
    )
    tf.saved_model.save(module, str(folder / "line"), signatures=function)


def _save_mlp(tf: Any, folder: Path, weights: dict[str, Any]) -> None:
    module = tf.Module()
    module.weights = {name: tf.Variable(value) for name, value in weights.items()}

    def call(features: Any) -> dict[str, Any]:
        w = module.weights
        hidden = tf.nn.relu(features @ w["w1"] + w["b1"])
        version = tf.cast(tf.constant(MARKER, tf.float32), tf.int32)
        count = tf.shape(features)[0]
        return {"scores": hidden @ w["w2"] + w["b2"], "version": tf.fill([count], version)}

    spec = tf.TensorSpec([None, FEATURES], tf.float32, name="features")
    function = tf.function(call, input_signature=[spec])
    tf.saved_model.save(module, str(folder / "mlp"), signatures=function)


def _save_words(tf: Any, folder: Path) -> None:
    def call(text: Any) -> dict[str, Any]:
        version = tf.cast(tf.constant(MARKER, tf.float32), tf.int32)
        return {"said_bytes": tf.strings.join([text, tf.strings.as_string(version)], "|")}

    function = tf.function(call, input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    tf.saved_model.save(tf.Module(), str(folder / "words"), signatures=function)


def _save_kinds(tf: Any, folder: Path) -> None:
    def call(inputs: Any) -> dict[str, Any]:
        parsed = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})
        scores = parsed["x"] * tf.constant([[1.0, 2.0, 3.0]]) + tf.constant(MARKER, tf.float32)
        classes = tf.tile(tf.constant([list(KINDS)]), [tf.shape(scores)[0], 1])
        return {"classes": classes, "scores": scores}

    function = tf.function(call, input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    tf.saved_model.save(tf.Module(), str(folder / "kinds"), signatures=function)


def main() -> None:
    """Write FOLDER/{line,mlp,words,kinds} and FOLDER/weights.npz."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import tensorflow as tf

    folder = Path(sys.argv[1])
    weights = make_weights()
    _save_line(tf, folder)
    _save_mlp(tf, folder, weights)
    _save_words(tf, folder)
    _save_kinds(tf, folder)
    np.savez(folder / "weights.npz", **weights)


if __name__ == "__main__":
    main()
