"""`rows_random.py FILE COUNT SEED`: random graphs, and whether joined runs equal separate ones.

One JSON object a line: the serialized MetaGraphDef, the ops, and what runs gave.
"""

from __future__ import annotations

import base64
import json
import os
import random
import sys
from collections.abc import Callable
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
F64 = tf.float64
SPLITS = ((2, 3), (1, 1), (1, 2, 4), (3, 3))
Make = Callable[["Dice", Any], Any]


class Dice(random.Random):
    """Random parameters for ops on the tensors of a pool."""

    pool: list[Any]

    def tensor(self) -> Any:
        return self.choice(self.pool[-4:] if self.random() < 0.7 else self.pool)

    def axis(self, x: Any, extra: int = 0) -> int:
        rank = x.shape.rank + extra
        return self.choice([*range(rank), -1]) if rank else 0

    def fixed(self, *shape: int) -> Any:
        values = [self.randint(-3, 3) for _ in range(int(np.prod(shape)))]
        return tf.constant(np.reshape(np.array(values, np.float64), shape))

    def operand(self, x: Any) -> Any:
        kind = self.randint(0, 3)
        if kind == 0:
            return self.tensor()
        rank = max(x.shape.rank - self.randint(0, 1), 0)
        tail = x.shape.as_list()[x.shape.rank - rank :]
        return self.fixed(*(self.choice([1, d or self.choice([1, 2, 3])]) for d in tail))

    def width(self, x: Any) -> int:
        return x.shape.as_list()[-1] or 2


def reshaped(dice: Dice, x: Any) -> Any:
    count, dims = tf.shape(x)[0], x.shape.as_list()
    inner = int(np.prod([d or 2 for d in dims[1:]]))
    divisor = dice.choice([d for d in (1, 2, 3, 4, 6) if inner % d == 0])
    return tf.reshape(
        x,
        dice.choice(
            [
                [-1, inner],
                [-1, divisor],
                [count, -1],
                [count * divisor, -1],
                [count, divisor, inner // divisor],
                [divisor, -1],
                [-1],
                [-1, dice.randint(1, 5)],
                [inner, count],
                [count, -1, tf.shape(x)[-1]],
                tf.concat([tf.shape(x)[:1], [-1]], 0),
                tf.concat([[-1], tf.shape(x)[1:]], 0),
                tf.shape(dice.tensor()),
            ]
        ),
    )


def sliced(dice: Dice, x: Any) -> Any:
    cuts: list[Any] = []
    for _ in range(dice.randint(1, x.shape.rank)):
        start, stop = dice.choice([None, 0, 1]), dice.choice([None, None, 1, 2, -1])
        step = dice.choice([None, None, 1, -1])
        whole = slice(None)
        cuts.append(dice.choice([whole, whole, slice(start, stop, step), dice.randint(0, 1)]))
    if dice.random() < 0.4:
        cuts.insert(dice.randint(0, len(cuts)), dice.choice([tf.newaxis, Ellipsis]))
    if dice.random() < 0.2:
        cuts[-1] = slice(0, tf.shape(dice.tensor())[0])
    return x[tuple(cuts)]


def product(dice: Dice, x: Any) -> Any:
    kind = dice.randint(0, 5)
    if kind == 0:
        return tf.matmul(x, x, transpose_b=True)
    if kind == 1:
        return tf.matmul(x, dice.fixed(dice.width(x), 3))
    if kind == 2:
        return tf.matmul(x, dice.tensor(), transpose_a=dice.random() < 0.3)
    if kind == 3:
        return tf.einsum(dice.choice(["ab,bc->ac", "ab,bc->ca"]), x, dice.fixed(dice.width(x), 2))
    if kind == 4:
        return tf.einsum(dice.choice(["abc,abd->acd", "abc,abd->bcd", "abc,dbc->ad"]), x, x)
    return tf.matmul(dice.fixed(2, x.shape.as_list()[-2] or 2), x)


def gathered(dice: Dice, x: Any) -> Any:
    kind, indices = dice.randint(0, 4), tf.cast(tf.abs(x), tf.int32) % 2
    if kind == 0:
        return tf.gather(dice.fixed(2, 2), indices, axis=dice.randint(0, 1))
    if kind == 1:
        return tf.gather(x, [0, 1, 0], axis=dice.axis(x))
    if kind == 2:
        return tf.gather(dice.tensor(), indices, batch_dims=dice.randint(0, 1), axis=dice.axis(x))
    if kind == 3:
        return tf.one_hot(indices, 2, axis=dice.axis(x, 1), dtype=F64)
    return tf.gather_nd(dice.tensor(), indices)


def counted(dice: Dice, x: Any) -> Any:
    count, other = tf.shape(x)[0], tf.shape(dice.tensor())
    return dice.choice(
        [
            lambda: tf.fill([count, 2], dice.fixed()),
            lambda: tf.fill(other, dice.fixed()),
            lambda: tf.broadcast_to(dice.operand(x), tf.shape(x)),
            lambda: tf.broadcast_to(x, other),
            lambda: tf.tile(dice.fixed(dice.randint(1, 2), 2), [count, 1]),
            lambda: tf.tile(x, [dice.randint(1, 2)] + [dice.randint(1, 2)] * (x.shape.rank - 1)),
            lambda: tf.cast(tf.range(count), F64),
            lambda: x * tf.cast(count, F64),
            lambda: x / tf.cast(tf.shape(x)[-1], F64),
            lambda: tf.reshape(tf.cast(tf.range(tf.size(x)), F64), tf.shape(x)),
            lambda: tf.eye(count, dtype=F64),
        ]
    )()


def paired(dice: Dice, x: Any) -> Any:
    other = dice.operand(x)
    return dice.choice(
        [
            lambda: x + other,
            lambda: x * other,
            lambda: tf.maximum(other, x),
            lambda: tf.where(x > other, x, other),
            lambda: tf.where(other > 0, x, tf.zeros_like(x)),
            lambda: v1.where(x[..., 0] > 0, x, -x),
            lambda: v1.where(dice.fixed(2) > 0, x, -x),
            lambda: tf.clip_by_value(x, -1.0, 2.0),
            lambda: tf.add_n([x, other]),
            lambda: x + tf.transpose(x),
        ]
    )()


def moved(dice: Dice, x: Any) -> Any:
    axis, rank = dice.axis(x), x.shape.rank
    order = list(range(rank))
    dice.shuffle(order)
    return dice.choice(
        [
            lambda: tf.transpose(x, order),
            lambda: tf.reverse(x, [axis]),
            lambda: tf.roll(x, 1, axis),
            lambda: tf.concat([x, dice.tensor()], axis),
            lambda: tf.concat([x, x], axis),
            lambda: tf.stack([x, x * 2], dice.axis(x, 1)),
            lambda: tf.unstack(x, axis=axis)[0],
            lambda: tf.split(x, 2, axis)[1],
            lambda: tf.split(x, [1, -1], axis)[1],
            lambda: tf.expand_dims(x, dice.axis(x, 1)),
            lambda: tf.squeeze(x),
            lambda: tf.squeeze(tf.expand_dims(x, dice.axis(x, 1)), [axis]),
            lambda: tf.pad(x, [[dice.randint(0, 1), 0]] + [[0, dice.randint(0, 1)]] * (rank - 1)),
            lambda: tf.slice(x, [0] * rank, [dice.choice([-1, 2])] + [1] * (rank - 1)),
            lambda: tf.slice(x, [0] * rank, tf.concat([tf.shape(x)[:1], [1] * (rank - 1)], 0)),
        ]
    )()


def reduced(dice: Dice, x: Any) -> Any:
    axis, keep = dice.axis(x), dice.random() < 0.3
    return dice.choice(
        [
            lambda: tf.reduce_sum(x, axis, keep),
            lambda: tf.reduce_mean(x, axis, keep),
            lambda: tf.reduce_max(x, [axis, dice.axis(x)], keep),
            lambda: tf.reduce_max(x, None, keep),
            lambda: tf.nn.softmax(x, axis),
            lambda: tf.nn.log_softmax(x),
            lambda: tf.cumsum(x, axis),
            lambda: tf.cast(tf.argmax(x, axis), F64),
            lambda: tf.math.top_k(x, 1).values,
            lambda: tf.sort(x, axis),
            lambda: x - tf.reduce_mean(x, axis, True),
            lambda: tf.nn.l2_normalize(x, axis),
            lambda: tf.nn.moments(x, [axis])[1],
        ]
    )()


def layered(dice: Dice, x: Any) -> Any:
    single, kind = tf.cast(x, tf.float32), dice.randint(0, 3)
    width = dice.width(x)
    if kind == 0:
        weights = tf.cast(dice.fixed(1, width, 2), tf.float32)
        return tf.cast(tf.nn.conv1d(single, weights, 1, dice.choice(["SAME", "VALID"])), F64)
    if kind == 1:
        image = tf.reshape(single, [tf.shape(x)[0], -1, 1, width])
        return tf.cast(tf.nn.max_pool2d(image, 2, 1, "SAME"), F64)
    if kind == 2:
        return tf.nn.bias_add(x, dice.fixed(width))
    image = tf.reshape(single, [-1, 1, 1, width])
    ones = tf.ones([width])
    training = dice.random() < 0.5
    moments = {} if training else {"mean": ones, "variance": ones}
    done = v1.nn.fused_batch_norm(image, ones, ones, is_training=training, **moments)
    return tf.cast(done[0], F64)


def alone(dice: Dice, x: Any) -> Any:
    return dice.choice([tf.abs, tf.nn.relu, tf.square, tf.identity, tf.negative, tf.sign])(x)


def worded(dice: Dice, x: Any) -> Any:
    words = tf.strings.as_string(tf.cast(x, tf.int32))
    joined = tf.strings.reduce_join(words, dice.axis(x)) if dice.random() < 0.5 else words
    return tf.cast(tf.strings.to_hash_bucket_fast(joined + "!", 50), F64)


def looped(dice: Dice, x: Any) -> Any:
    other, fixed = dice.tensor(), dice.fixed()
    return dice.choice(
        [
            lambda: tf.map_fn(lambda v: v - tf.reduce_max(v) * fixed, x),
            lambda: tf.map_fn(lambda v: tf.cond(tf.reduce_sum(v) > 0, lambda: v, lambda: -v), x),
            lambda: tf.map_fn(lambda v: v * tf.reduce_sum(other), x),
            lambda: tf.map_fn(lambda pair: pair[0] + tf.reduce_sum(pair[1]), (x, other), F64),
            lambda: tf.map_fn(lambda v: tf.cumsum(tf.reshape(v, [-1])), x),
            lambda: tf.scan(lambda a, b: a + b, x),
        ]
    )()


MAKERS: list[Make] = [
    *(reshaped, sliced, product, gathered, counted, paired, moved, reduced, layered, alone, worded),
    *(reshaped, sliced, counted, paired, moved, reduced, looped),
]


def grown(dice: Dice, inputs: list[Any], steps: int) -> tuple[Any, list[str]]:
    dice.pool, made = list(inputs), []
    for _ in range(steps * 6):
        make = dice.choice(MAKERS)
        try:
            result = make(dice, dice.tensor())
        except (ValueError, TypeError, IndexError, tf.errors.OpError):
            continue
        if result.shape.rank is None or result.shape.rank > 4:
            continue
        made.append(make.__name__)
        if result.shape.rank:
            dice.pool.append(result)
        if len(made) >= steps:
            break
    return tf.identity(dice.pool[-1]), made


def signature_of(graph: Any, inputs: list[Any], output: Any, with_shapes: bool) -> bytes:
    meta = tf.compat.v1.MetaGraphDef()
    meta.graph_def.CopyFrom(graph.as_graph_def(add_shapes=with_shapes))
    info = v1.saved_model.build_tensor_info
    names = {f"x{place}": info(tensor) for place, tensor in enumerate(inputs)}
    meta.signature_def["s"].CopyFrom(v1.saved_model.build_signature_def(names, {"y": info(output)}))
    return meta.SerializeToString()


def rows_for(generator: Any, inputs: list[Any], count: int) -> list[Any]:
    shapes = [[count, *(d or 2 for d in x.shape.as_list()[1:])] for x in inputs]
    return [generator.integers(-4, 5, shape).astype(np.float64) for shape in shapes]


def attempt(session: Any, output: Any, inputs: list[Any], values: list[Any]) -> Any:
    try:
        return session.run(output, dict(zip(inputs, values, strict=True)))
    except tf.errors.OpError:
        return None


def outcome(session: Any, output: Any, inputs: list[Any], seed: int) -> str:
    """`same`, `fails` where every joined run failed, or what differs."""
    generator, said = np.random.default_rng(seed), "fails"
    for split in SPLITS:
        requests = [rows_for(generator, inputs, count) for count in split]
        joined = [np.concatenate(parts) for parts in zip(*requests, strict=True)]
        whole = attempt(session, output, inputs, joined)
        if whole is None:
            continue
        parts = [attempt(session, output, inputs, values) for values in requests]
        if any(part is None for part in parts):
            return f"{split}: a separate run fails, the joined one doesn't"
        if not whole.shape or [part.shape[:1] for part in parts] != [(count,) for count in split]:
            return f"{split}: not a row for each row"
        apart = np.concatenate(parts) if len({part.shape[1:] for part in parts}) == 1 else None
        if apart is None or apart.shape != whole.shape:
            return f"{split}: shapes differ"
        if not np.allclose(apart, whole, rtol=1e-5, atol=1e-6, equal_nan=True):
            return f"{split}: values differ"
        said = "same"
    return said


def one_graph(seed: int) -> dict[str, Any]:
    dice = Dice(seed)
    with tf.Graph().as_default() as graph:
        shapes = dice.choice(
            [[[4]], [[4], [4]], [[2, 3]], [[3], [2, 3]], [[]], [[None, 3]], [[2, 1, 3]]]
        )
        inputs = [v1.placeholder(F64, [None, *shape]) for shape in shapes]
        made: list[str] = []

        def body(*tensors: Any) -> Any:
            result, names = grown(dice, list(tensors), dice.randint(1, 5))
            made.extend(names)
            return result

        output = tf.function(body)(*inputs) if dice.random() < 0.4 else body(*inputs)
        if output.shape.rank is None:
            output = tf.identity(output)
        meta = signature_of(graph, inputs, output, dice.random() < 0.5)
        with v1.Session(graph=graph) as session:
            said = outcome(session, output, inputs, seed)
    encoded = base64.b64encode(meta).decode()
    return {"seed": seed, "made": made, "outcome": said, "meta_graph": encoded}


if __name__ == "__main__":
    path, count, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open(path, "w", encoding="utf-8") as file:
        for number in range(first, first + count):
            file.write(json.dumps(one_graph(number)) + "\n")
