"""Write models/pictures and models/table, version 1 each: ``python write_sample_models.py DIR``."""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from typing import Any

import tensorflow as tf


def spec(shape: list[int | None], dtype: Any, name: str) -> Any:
    return tf.TensorSpec(shape, dtype, name)


@tf.function(input_signature=[spec([None], tf.string, "image_bytes")])
def mean_of_picture(image_bytes: Any) -> Any:
    def mean(data: Any) -> Any:
        return tf.reduce_mean(tf.cast(tf.io.decode_png(data, channels=3), tf.float32))

    return {"mean": tf.map_fn(mean, image_bytes, fn_output_signature=tf.float32)}


@tf.function(
    input_signature=[spec([None], tf.int64, "key"), spec([None, 3], tf.float32, "x")],
)
def label_and_total(key: Any, x: Any) -> Any:
    label = tf.strings.join(["key ", tf.strings.as_string(key)])
    return {"label": label, "total": tf.reduce_sum(x, axis=1)}


@tf.function(input_signature=[spec([], tf.float32, "x")])
def scalar_doubled(x: Any) -> Any:
    return {"y": 2.0 * x}


@tf.function(input_signature=[spec([None], tf.float16, "x"), spec([None], tf.uint16, "n")])
def narrow(x: Any, n: Any) -> Any:
    return {"y": x / 2, "m": n, "on": x > 1.0, "small": tf.cast(n, tf.int8)}


@tf.function(input_signature=[spec([None], tf.string, "inputs")])
def score_of_example(inputs: Any) -> Any:
    features = {
        "age": tf.io.FixedLenFeature([], tf.int64),
        "weight": tf.io.FixedLenFeature([2], tf.float32),
        "name": tf.io.FixedLenFeature([], tf.string),
    }
    parsed = tf.io.parse_example(inputs, features)
    score = tf.cast(parsed["age"], tf.float32) + tf.reduce_sum(parsed["weight"], axis=1)
    return {"classes": parsed["name"][:, None], "scores": score[:, None]}


@tf.function(input_signature=[spec([None], tf.string, "inputs")])
def weight_of_example(inputs: Any) -> Any:
    return {"outputs": score_of_example(inputs)["scores"]}


def write(folder: str, **signatures: Any) -> None:
    tf.saved_model.save(tf.Module(), os.path.join(folder, "1"), signatures=signatures)


if __name__ == "__main__":
    root = sys.argv[1]
    write(os.path.join(root, "pictures"), serving_default=mean_of_picture)
    write(
        os.path.join(root, "table"),
        serving_default=label_and_total,
        scalar=scalar_doubled,
        narrow=narrow,
        classify=score_of_example,
        regress=weight_of_example,
    )
