"""`rows_models.py FOLDER`: SavedModels whose signatures' rows are independent, or aren't.

Each signature of `proven` must be proven, and none of `refused`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import tensorflow as tf

v1 = tf.compat.v1
L = keras.layers
Spec = tf.TensorSpec
Signatures = dict[str, tuple[Callable[..., Any], list[Any]]]


def floats(*dims: int | None) -> Any:
    return Spec([None, *dims])


def words(*dims: int | None) -> Any:
    return Spec([None, *dims], tf.string)


def asserted(x: Any) -> Any:
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(x > 0), ["positive"])]):
        return tf.identity(x)


def parsed(x: Any) -> Any:
    found = tf.io.parse_example(x, {"a": tf.io.FixedLenFeature([2], tf.float32)})
    return found["a"] * 2.0


def pictures(encoded: Any) -> Any:
    def one(data: Any) -> Any:
        image = tf.io.decode_image(data, channels=3, expand_animations=False)
        return tf.image.resize(image, [8, 8])

    return tf.map_fn(one, encoded, fn_output_signature=Spec([8, 8, 3]))


def numbered(x: Any) -> Any:
    return tf.map_fn(lambda pair: pair[0] * pair[1], (x, tf.range(0.0, tf.size(x))), tf.float32)


def loop(x: Any, last: Any, place: Callable[[Any], Any]) -> Any:
    """A loop that reads and writes lists, at places that may be wrong."""
    given = tf.TensorArray(tf.float32, last, element_shape=[4]).unstack(x)
    made = tf.TensorArray(tf.float32, last, element_shape=[4])
    body = lambda i, a: (i + 1, a.write(place(i), given.read(i) * 2.0))  # noqa: E731
    return tf.while_loop(lambda i, _: i < last, body, (0, made))[1].stack()


def chosen(x: Any) -> Any:
    return tf.cond(tf.shape(x)[1] > 2, lambda: x * 2.0, lambda: x + 1.0)


def proven(module: Any) -> Signatures:
    keys = tf.constant(["a", "b"])
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(keys, tf.constant([1, 2], tf.int64)), -1
    )
    weights, vectors = tf.Variable(tf.ones([4, 3])), tf.Variable(tf.ones([10, 5]))
    module.kept = [weights, vectors]
    return {
        "half_plus_two": (lambda x: 0.5 * x + 2.0, [floats()]),
        "dense": (lambda x: tf.nn.softmax(x @ weights), [floats(4)]),
        "dense_in_time": (lambda x: tf.tensordot(x, weights, 1), [floats(None, 4)]),
        "two_in_two_out": (lambda a, b: (a + b[:, 0], b * a[:, None]), [floats(), floats(2)]),
        "embedding": (
            lambda i: tf.reduce_mean(tf.nn.embedding_lookup(vectors, i), 1),
            [Spec([None, None], tf.int32)],
        ),
        "strings": (
            lambda s: tf.strings.lower(tf.strings.join([s, "!"])),
            [words()],
        ),
        "numbers_in_words": (lambda s: tf.strings.to_number(tf.io.decode_base64(s)), [words(2)]),
        "table": (lambda s: module.table.lookup(s), [words()]),
        "labels": (lambda x: tf.tile([["low", "high"]], [tf.shape(x)[0], 1]), [floats(2)]),
        "asserted": (asserted, [floats(2)]),
        "parsed": (parsed, [words()]),
        "branch": (chosen, [floats(None)]),
        "best": (lambda x: tf.math.top_k(x, 2), [floats(4)]),
        "sorted": (tf.sort, [floats(4)]),
        "attention": (
            lambda x: tf.nn.softmax(tf.matmul(x, x, transpose_b=True)) @ x,
            [floats(None, 4)],
        ),
        "positions": (
            lambda x: x + tf.cast(tf.range(tf.shape(x)[1]), tf.float32)[:, None],
            [floats(None, 4)],
        ),
        "resized": (lambda x: tf.image.resize(x, [4, 4]), [floats(None, None, 3)]),
        "flat_and_back": (
            lambda x: tf.reshape(tf.reshape(x, [-1, 6]) * 2.0, [tf.shape(x)[0], -1, 6]),
            [floats(None, 6)],
        ),
        "one_hot": (lambda i: tf.one_hot(i, 4), [Spec([None], tf.int64)]),
        "mapped": (
            lambda x: tf.map_fn(lambda v: v * 2.0 + tf.reduce_sum(v), x),
            [floats(4)],
        ),
        "mapped_together": (
            lambda x, y: tf.map_fn(
                lambda pair: (tf.cumsum(pair[0]), pair[0] * pair[1]),
                (x, y),
                fn_output_signature=(Spec([4]), Spec([4])),
            ),
            [floats(4), floats()],
        ),
        "mapped_apart": (
            lambda x: tf.map_fn(lambda v: tf.cond(v[0] > 0.0, lambda: v * 2.0, lambda: -v), x),
            [floats(4)],
        ),
        "looped": (lambda x: loop(x, tf.shape(x)[0], lambda i: i), [floats(4)]),
        "images": (pictures, [words()]),
        "normalised": (lambda x: tf.nn.l2_normalize(x, -1), [floats(4)]),
    }


def counted(module: Any) -> Callable[..., Any]:
    module.counter = tf.Variable(0.0)
    return lambda x: x + module.counter.assign_add(1.0)


def batch_asserted(x: Any) -> Any:
    with tf.control_dependencies([tf.debugging.Assert(tf.shape(x)[0] > 2, ["many"])]):
        return tf.identity(x)


def normalised_by_batch(x: Any) -> Any:
    ones = tf.ones([3])
    return v1.nn.fused_batch_norm(x, ones, ones, is_training=True)[0]


def refused(module: Any) -> Signatures:
    four, any_four = floats(4), [floats(4)]
    return {
        "minus_mean": (lambda x: x - tf.reduce_mean(x), [floats()]),
        "softmax_over_rows": (lambda x: tf.nn.softmax(x, 0), any_four),
        "softmax_of_vector": (tf.nn.softmax, [floats()]),
        "cumsum": (lambda x: tf.cumsum(x, 0), any_four),
        "against_itself": (lambda x: x[:, None] * x[None, :], [floats()]),
        "other_rows": (lambda x: tf.reshape(x, [-1, 2]), any_four),
        "there_and_back": (
            lambda x: tf.reshape(tf.nn.softmax(tf.reshape(x, [2, -1])), [-1, 4]),
            any_four,
        ),
        "batch_norm": (normalised_by_batch, [floats(2, 2, 3)]),
        "dropout": (lambda x: tf.nn.dropout(x, 0.5), any_four),
        "random": (lambda x: x + tf.random.uniform(tf.shape(x)), any_four),
        "sorted_rows": (lambda x: tf.sort(x, 0), any_four),
        "best_rows": (lambda x: tf.math.top_k(x, 2).values, [floats()]),
        "unique": (lambda x: tf.unique(x)[0], [floats()]),
        "fixed_output": (lambda x: (x, tf.constant([1.0, 2.0])), [floats()]),
        "scalar_output": (lambda x: (x, tf.constant(1.0)), [floats()]),
        "maximum": (tf.reduce_max, [floats()]),
        "products_of_rows": (lambda x: tf.matmul(x, x, transpose_b=True), any_four),
        "covariance": (lambda x: tf.matmul(x, x, transpose_a=True), any_four),
        "weights_for_rows": (lambda x: x * tf.constant([[1.0], [2.0]]), any_four),
        "weights_for_rows_of_vector": (lambda x: x * tf.constant([1.0, 2.0]), [floats()]),
        "reversed": (lambda x: tf.reverse(x, [0]), any_four),
        "rolled": (lambda x: tf.roll(x, 1, 0), any_four),
        "doubled": (lambda x: tf.concat([x, x], 0), any_four),
        "tiled": (lambda x: tf.tile(x, [2, 1]), any_four),
        "first": (lambda x: x[:1], any_four),
        "every_other": (lambda x: x[::2], any_four),
        "turned": (tf.transpose, any_four),
        "counter": (counted(module), any_four),
        "batch_size": (lambda x: tf.fill([tf.shape(x)[0]], tf.shape(x)[0]), any_four),
        "places": (lambda x: tf.range(tf.shape(x)[0]), any_four),
        "mean_by_count": (lambda x: x / tf.cast(tf.shape(x)[0], tf.float32), any_four),
        "batch_asserted": (batch_asserted, any_four),
        "squeezed": (lambda x: tf.squeeze(x[:, None]), any_four),
        "by_batch_size": (
            lambda x: tf.cond(tf.shape(x)[0] > 2, lambda: x, lambda: x * 2.0),
            any_four,
        ),
        "checked": (lambda x: tf.ensure_shape(x, [4, 4]), any_four),
        "first_columns": (lambda x: x[:, : tf.shape(x)[0]], any_four),
        "longest": (
            lambda s: tf.strings.split(s).to_tensor(),
            [words()],
        ),
        "looked_up": (lambda x, i: tf.gather(x, i), [four, Spec([None], tf.int32)]),
        "one_hot_in_front": (lambda i: tf.one_hot(i, 4, axis=0), [Spec([None], tf.int64)]),
        "fixed_batch": (lambda x: x * 2.0, [Spec([3, 4])]),
        "no_rank": (lambda x: x * 2.0, [Spec(None)]),
        "scalar": (lambda x, y: x * y, [four, Spec([])]),
        "all_words": (tf.strings.reduce_join, [words(2)]),
        "scanned": (lambda x: tf.scan(lambda a, b: a + b, x), any_four),
        "folded": (lambda x: x + tf.foldl(lambda a, b: a + b, x), any_four),
        "mapped_beside_all": (lambda x: tf.map_fn(lambda v: v + tf.reduce_sum(x), x), any_four),
        "mapped_with_places": (numbered, [floats()]),
        "mapped_at_random": (
            lambda x: tf.map_fn(lambda v: v + tf.random.uniform([4]), x),
            any_four,
        ),
        "backwards": (
            lambda x: loop(x, tf.shape(x)[0], lambda i: tf.shape(x)[0] - i - 1),
            any_four,
        ),
        "first_two_rounds": (lambda x: loop(x, 2, lambda i: i), any_four),
        "in_time": (
            lambda x: tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * y), (0, x))[1],
            any_four,
        ),
    }


def labelled(call: Callable[..., Any]) -> Callable[..., Any]:
    def function(*given: Any) -> dict[str, Any]:
        results = tf.nest.flatten(call(*given))
        return {f"y{place}": tf.identity(result) for place, result in enumerate(results)}

    return function


def write(folder: str, make: Callable[[Any], Signatures]) -> None:
    module = tf.Module()
    functions = {}
    for name, (call, specs) in make(module).items():
        named = [Spec(s.shape, s.dtype, f"x{place}") for place, s in enumerate(specs)]
        traced = tf.function(labelled(call), autograph=False)
        functions[name] = traced.get_concrete_function(*named)
    module.functions = functions
    tf.saved_model.save(module, folder, signatures=functions)


def write_old(folder: str) -> None:
    """A graph of TensorFlow 1, with variables by reference and a placeholder for training."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4], "x")
        weights = v1.get_variable("w", [4, 2], use_resource=False)
        rate = v1.placeholder_with_default(1.0, [], "rate")
        y = tf.reshape(tf.nn.relu(x @ weights) * rate, [-1, 2])
        mean = x - tf.reduce_mean(x, 0)
        session.run(v1.global_variables_initializer())
        info = v1.saved_model.build_tensor_info
        builder = v1.saved_model.Builder(folder)
        signatures = {
            name: v1.saved_model.build_signature_def({"x": info(x)}, {"y": info(tensor)})
            for name, tensor in (("layer", y), ("centred", mean))
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


def write_keras(folder: str) -> None:
    mlp = [L.Input((8,)), L.Dense(6, activation="relu"), L.Dropout(0.2), L.Dense(3)]
    cnn = [
        *(L.Input((12, 12, 1)), L.Conv2D(4, 3, strides=2), L.BatchNormalization(), L.ReLU()),
        *(L.MaxPooling2D(), L.Flatten(), L.Dense(3, activation="softmax")),
    ]
    text = [
        *(L.Input((None,), dtype="int32"), L.Embedding(20, 4), L.GlobalAveragePooling1D()),
        L.Dense(2),
    ]
    for name, layers in (("mlp", mlp), ("cnn", cnn), ("text", text)):
        keras.Sequential(layers).export(f"{folder}/{name}", verbose=False)
    given = L.Input((None, 8))
    attended = L.LayerNormalization()(given + L.MultiHeadAttention(2, 4)(given, given))
    keras.Model(given, L.Dense(2)(attended)).export(f"{folder}/attention", verbose=False)
    net = keras.applications.MobileNetV2((32, 32, 3), 0.35, weights=None, classes=5)
    net.export(f"{folder}/mobilenet", verbose=False)


def main(folder: str) -> None:
    write(f"{folder}/proven", proven)
    write(f"{folder}/refused", refused)
    write_old(f"{folder}/old")
    write_keras(folder)


if __name__ == "__main__":
    main(sys.argv[1])
