"""Write a model that answers only when a file appears: ``python write_gated.py BASE_PATH``.

It takes a folder, writes ``begun`` into it, waits until ``go`` is there, and answers 1.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import tensorflow as tf


def gated(folder: tf.Tensor) -> dict[str, tf.Tensor]:
    begun = tf.io.write_file(folder[0] + "/begun", "")
    with tf.control_dependencies([begun]):
        rounds = tf.while_loop(
            lambda n: tf.equal(tf.size(tf.io.matching_files(folder[0] + "/go")), 0),
            lambda n: [n + 1],
            [tf.constant(0)],
        )[0]
    return {"y": tf.ones_like(folder, tf.float32) + 0.0 * tf.cast(rounds, tf.float32)}


module = tf.Module()
function = tf.function(gated, input_signature=[tf.TensorSpec([None], tf.string, name="folder")])
tf.saved_model.save(module, os.path.join(sys.argv[1], "1"), signatures=function)
