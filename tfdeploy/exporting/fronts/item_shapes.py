"""What a user's function gives for one item, and how a batch is made of it.

A result is a TensorSpec of one item. Where it leaves a size open, items travel through map_fn
flat, with their shapes beside them: a batch can then be refused in plain words, where
TensorFlow's own error says 'Incompatible shapes during merge: [2] vs. [1]'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.fronts.item_functions import Specs, wrong


def specs_of(tf: Any, given: Mapping[str, Any]) -> Specs:
    """TensorSpecs of what may be a dtype (or its name) and a shape each.

    Raises:
        TfdeployError: TFD116 for a dtype that TensorFlow doesn't have.
    """
    specs = {}
    for name, one in given.items():
        dtype, shape = (one.dtype, one.shape) if hasattr(one, "dtype") else one
        try:
            specs[name] = tf.TensorSpec(shape, dtype, name=name)
        except TypeError as error:
            raise wrong(
                f"There is no dtype '{dtype}'.", name, "such as float32, uint8, int64 or string."
            ) from error
    return specs


def item_specs(
    tf: Any, made: Mapping[str, Any], specs: Specs, given: Specs, where: str
) -> dict[str, Any]:
    """One item's TensorSpec by the model's input: as traced, as given, and as the model takes it.

    ``made`` is what tracing found, ``specs`` the model's inputs with their batch, ``given`` what
    the user says of the items.

    Raises:
        TfdeployError: TFD116 when these contradict each other, TFD119 when a shape stays open and
            isn't given.
    """
    unknown = [name for name in given if name not in made]
    if unknown:
        raise wrong(
            f"`outputs` names '{unknown[0]}', which the function doesn't give.",
            where,
            f"it gives {', '.join(made)}.",
        )
    return {
        name: _item_spec(tf, name, found, specs[name], given.get(name), where)
        for name, found in made.items()
    }


def _item_spec(tf: Any, name: str, found: Any, spec: Any, given: Any, where: str) -> Any:
    if not hasattr(found, "dtype") or not isinstance(getattr(found, "shape", 0), tf.TensorShape):
        raise wrong(
            f"The function gives {found!r} for '{name}', which is no tensor.",
            where,
            "return tensors.",
        )
    if "Ragged" in type(found).__name__ or "Sparse" in type(found).__name__:
        raise wrong(
            f"The function gives a ragged or sparse tensor for '{name}'.",
            where,
            "make it one of a fixed shape: to_tensor(shape=...), or tf.sparse.to_dense.",
        )
    wanted = [("takes", spec.dtype, spec.shape[1:])]
    if given is not None:
        wanted.append(("gets from `outputs`", given.dtype, given.shape))
    shape = found.shape
    for verb, dtype, other in wanted:
        if found.dtype != dtype or not shape.is_compatible_with(other):
            raise wrong(
                f"The function gives '{name}' as {found.dtype.name} {found.shape} an item, and "
                f"the model {verb} {dtype.name} {other}.",
                where,
                "cast, resize or reshape it in the function.",
            )
        shape = shape.merge_with(other)
    if given is None and not shape.is_fully_defined():
        raise _open(name, shape, where)
    return tf.TensorSpec(shape, found.dtype)


def _open(name: str, shape: Any, where: str) -> TfdeployError:
    return TfdeployError(
        "TFD119",
        f"Items of '{name}' could come out in different shapes: tracing finds {shape}, and a "
        "batch holds items of one shape only.",
        where=where,
        hint="resize or pad to one shape, or call set_shape where you know it; where all items of "
        "a request do have one shape, say so with `outputs`, such as "
        f"`outputs: {{{name}: 'float32[?, 3]'}}`.",
    )


def packed_spec(tf: Any, spec: Any) -> Any:
    """What map_fn is told of one item."""
    if spec.shape.is_fully_defined():
        return spec
    flat = tf.RaggedTensorSpec([None], spec.dtype, ragged_rank=0)
    return flat, tf.TensorSpec([spec.shape.rank], tf.int32)


def packed(tf: Any, tensor: Any, spec: Any, name: str, where: str) -> Any:
    """One item, as ``packed_spec`` has it."""
    if not spec.shape.is_fully_defined():
        tensor = tf.ensure_shape(tensor, spec.shape)
        return tf.reshape(tensor, [-1]), tf.shape(tensor)
    if tensor.shape.is_fully_defined() and tensor.shape == spec.shape:
        return tensor
    dims = spec.shape.as_list()
    shape = tf.shape(tensor)
    # Of two shapes with different ranks, too, one can ask whether they are equal.
    equal = tf.raw_ops.Equal(x=shape, y=tf.constant(dims), incompatible_shape_error=False)
    # No quotes: TensorFlow puts backslashes before them.
    words = f"{where} gave {name} in another shape than {dims}, which the model takes:"
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(equal), [words, shape])]):
        tensor = tf.identity(tensor)
    # Not ensure_shape: the optimizer believes it before the assertion was asked.
    tensor.set_shape(dims)
    return tensor


def unpacked(tf: Any, items: Any, spec: Any, name: str, where: str) -> Any:
    """The batch of all items."""
    if spec.shape.is_fully_defined():
        return items
    flat, shapes = items
    words = (
        f"{where} gave {name} in different shapes for different items, and a batch holds items "
        "of one shape only. The shapes:"
    )
    same = tf.reduce_all(shapes == shapes[:1])
    with tf.control_dependencies([tf.debugging.Assert(same, [words, shapes], summarize=30)]):
        # Without an item there is no shape either.
        one = tf.maximum(tf.reduce_max(shapes, axis=0), 0)
    batch = tf.reshape(flat.flat_values, tf.concat([tf.shape(shapes)[:1], one], 0))
    return tf.ensure_shape(batch, [None, *spec.shape])
