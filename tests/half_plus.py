"""Write y = 0.5 * x + number for each version number: ``python half_plus.py FOLDER 1 2 3``."""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import tensorflow as tf


def save(folder: str, number: int) -> None:
    module = tf.Module()
    module.slope = tf.Variable(0.5)
    module.offset = tf.Variable(float(number))
    function = tf.function(
        lambda x: {"y": module.slope * x + module.offset},
        input_signature=[tf.TensorSpec([None], tf.float32, name="x")],
    )
    tf.saved_model.save(module, os.path.join(folder, str(number)), signatures=function)


if __name__ == "__main__":
    for word in sys.argv[2:]:
        save(sys.argv[1], int(word))
