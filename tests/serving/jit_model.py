"""Writes y = 2 * x + 1 in a function that asks for XLA: jit_model.py VERSION_FOLDER."""

import sys

import tensorflow as tf


class Doubling(tf.Module):
    @tf.function(jit_compile=True, input_signature=[tf.TensorSpec([None], tf.float32, "x")])  # type: ignore[untyped-decorator]
    def double(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": 2 * x + 1}


model = Doubling()
tf.saved_model.save(model, sys.argv[1], signatures=model.double)
