"""Rules of ops that make tensors from shapes, and shapes from tensors."""

from collections.abc import Sequence
from typing import Final

from tfdeploy import wire
from tfdeploy.server.rows.node import Node, read_shape
from tfdeploy.server.rows.sizes import LARGEST, ONE, ZERO, Shape, Size, Unproven, product
from tfdeploy.server.rows.table import Outputs, rule
from tfdeploy.server.rows.values import (
    Counts,
    Fixed,
    Rows,
    Value,
    dims_of,
    elements_of,
    rows,
    scalar,
    vector,
)
from tfdeploy.server.tensor_proto import parse_tensor_proto
from tfdeploy.wire import DataType

# Shapes, axes, permutations and paddings are small; weights aren't worth a look.
_MOST_ELEMENTS: Final = 256
_INDICES: Final = (DataType.DT_INT32, DataType.DT_INT64)


@rule("Const")
def const(node: Node, _inputs: Sequence[Value]) -> Outputs:
    """A constant, with its elements where they may be a shape."""
    proto = wire.TensorProto.FromString(node.tensor("value"))
    shape = read_shape(proto.tensor_shape)
    if shape is None or proto.dtype not in _INDICES:
        return Fixed(shape)
    if product(shape).factor > _MOST_ELEMENTS:
        return Fixed(shape)
    flat = parse_tensor_proto(proto).array.reshape(-1).tolist()
    if any(abs(number) >= LARGEST for number in flat):
        return Fixed(shape)
    return Fixed(shape, tuple(Size(int(number)) for number in flat))


@rule("Shape")
def shape_of(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """The sizes of the dimensions."""
    return vector(dims_of(inputs[0]))


@rule("ShapeN")
def shapes_of(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """The sizes of the dimensions of each."""
    return tuple(vector(dims_of(value)) for value in inputs)


@rule("Size")
def size_of(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """The number of elements."""
    return scalar(product(dims_of(inputs[0])))


@rule("Rank")
def rank_of(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """The number of dimensions."""
    return scalar(Size(len(dims_of(inputs[0]))))


def _filled(shape: Value) -> Value:
    sizes = elements_of(shape)
    return rows(sizes) if isinstance(shape, Counts) else Fixed(sizes)


@rule("Fill")
def fill(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """One value in every place."""
    shape, value = inputs
    if not isinstance(value, Fixed):
        raise Unproven("not filled with a fixed value")
    return _filled(shape)


@rule("BroadcastTo")
def broadcast_to(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Rows keep their place; something fixed may be given to every row."""
    value, shape = inputs
    wanted, before = elements_of(shape), dims_of(value)
    if isinstance(value, Rows):
        if len(before) != len(wanted) or before[0] != wanted[0]:
            raise Unproven("the batch is broadcast")
        return rows(wanted)
    if not isinstance(value, Fixed):
        raise Unproven("counts of the batch")
    if isinstance(shape, Counts) and len(before) == len(wanted) and before[0] != ONE:
        raise Unproven("a fixed tensor that has rows of its own")
    return _filled(shape)


@rule("Tile")
def tile(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Rows may be repeated along other dimensions; something fixed along the batch."""
    value, multiples = inputs
    times, before = elements_of(multiples), dims_of(value)
    if len(times) != len(before):
        raise Unproven("not one number for each dimension")
    after = [dim.times(many) for dim, many in zip(before, times, strict=True)]
    if isinstance(value, Rows):
        if times[0] != ONE:
            raise Unproven("the batch is repeated")
        return rows(after)
    if not isinstance(value, Fixed):
        raise Unproven("counts of the batch")
    return rows(after) if isinstance(multiples, Counts) else Fixed(tuple(after))


@rule("Range")
def count_up(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """A fixed range. One up to the batch size tells the rows apart by their places."""
    if not all(isinstance(value, Fixed) for value in inputs):
        raise Unproven("not fixed")
    start, limit, delta = (elements_of(value)[0] for value in inputs)
    if None not in (start.number, limit.number, delta.number) and delta.factor:
        places = range(start.factor, limit.factor, delta.factor)
        shape: Shape = (Size(len(places)),)
        if len(places) > _MOST_ELEMENTS:
            return Fixed(shape)
        return Fixed(shape, tuple(Size(place) for place in places))
    if start == ZERO and delta == ONE:
        return Fixed((limit,))
    raise Unproven("of unknown length")
