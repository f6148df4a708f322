"""Rules of ops that put elements elsewhere: reshape, transpose, join and cut apart."""

from collections.abc import Sequence

from tfdeploy.server.rows.node import Node
from tfdeploy.server.rows.sizes import ANY, ONE, ZERO, Shape, Size, Unproven, fresh, product
from tfdeploy.server.rows.table import Outputs, rule
from tfdeploy.server.rows.values import (
    Counts,
    Fixed,
    Rows,
    Value,
    axis_of,
    axis_within,
    dims_of,
    elements_of,
    integers_of,
    numbers,
    rows,
    scalar,
    vector,
    with_dims,
)


def is_numbers(value: Value) -> bool:
    """Integers whose elements are known."""
    return isinstance(value, Fixed | Counts) and value.elements is not None


def _reshaped(before: Shape | None, wanted: Shape) -> Shape:
    """The sizes that a reshape gives, with what -1 stands for."""
    places = [place for place, size in enumerate(wanted) if size == ANY]
    if len(places) > 1:
        raise Unproven("two sizes left open")
    if not places:
        return wanted
    (place,) = places
    others = product(size for size in wanted if size != ANY)
    inferred = None if before is None else product(before).over(others)
    return (*wanted[:place], inferred or fresh(), *wanted[place + 1 :])


@rule("Reshape")
def reshape(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Rows stay rows where dimension 0 stays a multiple of the batch size.

    A multiple that is given, and doesn't follow from the number of elements, is checked by
    TensorFlow at run time: the sizes must multiply to as many elements as there are.
    """
    value, shape = inputs
    wanted = elements_of(shape)
    if isinstance(value, Rows):
        return rows(_reshaped(value.dims, wanted))
    if not isinstance(value, Fixed | Counts):
        raise Unproven("neither rows nor fixed")
    after = _reshaped(value.shape, wanted)
    if value.elements is not None:
        return numbers(after, value.elements)
    return with_dims(value, after)


@rule("Transpose")
def transpose(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """The batch stays in front."""
    value, permutation = inputs
    before, order = dims_of(value), integers_of(permutation)
    if sorted(order) != list(range(len(before))):
        raise Unproven("not a permutation of the dimensions")
    if isinstance(value, Rows) and order[0] != 0:
        raise Unproven("the batch is moved")
    return with_dims(value, [before[place] for place in order])


@rule("ExpandDims")
def expand_dims(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """A dimension is put in, though not before the batch."""
    value, axis = inputs
    before = dims_of(value)
    place = axis_of(axis, len(before) + 1)
    after = (*before[:place], ONE, *before[place:])
    if isinstance(value, Fixed | Counts) and value.elements is not None:
        return numbers(after, value.elements)
    return with_dims(value, after)


@rule("Squeeze")
def squeeze(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Named dimensions go; if none is named, a batch of one might."""
    (value,) = inputs
    before = dims_of(value)
    places = {axis_within(axis, len(before)) for axis in node.numbers("squeeze_dims")}
    if not places or (isinstance(value, Rows) and 0 in places):
        raise Unproven("the batch may be squeezed")
    after = [size for place, size in enumerate(before) if place not in places]
    if isinstance(value, Fixed | Counts) and value.elements is not None:
        return numbers(tuple(after), value.elements)
    return with_dims(value, after)


def _all_rows(values: Sequence[Value]) -> list[Shape]:
    shapes = [value.dims for value in values if isinstance(value, Rows)]
    if len(shapes) != len(values) or len({(len(dims), dims[0]) for dims in shapes}) != 1:
        raise Unproven("not rows of one batch")
    return shapes


def _sum(sizes: Sequence[Size]) -> Size:
    found = [size.number for size in sizes]
    known = [number for number in found if number is not None]
    return Size(sum(known)) if len(known) == len(found) else fresh()


def _concatenated(values: Sequence[Value], axis: Value) -> Outputs:
    if all(is_numbers(value) and len(dims_of(value)) == 1 for value in values):
        axis_of(axis, 1)
        return vector([size for value in values for size in elements_of(value)])
    if all(isinstance(value, Fixed) for value in values):
        shapes = [dims_of(value) for value in values]
    else:
        shapes = _all_rows(values)
    place = axis_of(axis, len(shapes[0]))
    if not isinstance(values[0], Fixed) and place == 0:
        raise Unproven("joined along the batch")
    after = list(shapes[0])
    after[place] = _sum([shape[place] for shape in shapes])
    return with_dims(values[0], after)


@rule("ConcatV2")
def concat(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Joined along another dimension."""
    return _concatenated(inputs[:-1], inputs[-1])


@rule("Concat")
def old_concat(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Joined along another dimension, which comes first."""
    return _concatenated(inputs[1:], inputs[0])


@rule("Pack")
def pack(node: Node, inputs: Sequence[Value]) -> Outputs:
    """A new dimension, after the batch. Scalars make a vector, perhaps a shape."""
    axis, many = node.number("axis"), Size(len(inputs))
    if any(isinstance(value, Counts) or is_numbers(value) for value in inputs):
        return vector([_one_element(value) for value in inputs])
    if all(isinstance(value, Fixed) for value in inputs):
        before = dims_of(inputs[0])
    else:
        before = _all_rows(inputs)[0]
    place = axis_within(axis, len(before) + 1)
    return with_dims(inputs[0], (*before[:place], many, *before[place:]))


def _one_element(value: Value) -> Size:
    if dims_of(value):
        raise Unproven("not scalars")
    if isinstance(value, Fixed) and value.elements is None:
        return fresh()
    return elements_of(value)[0]


@rule("Unpack")
def unpack(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Cut along another dimension, or a shape into its sizes."""
    (value,) = inputs
    before = dims_of(value)
    place = axis_within(node.number("axis"), len(before))
    if len(before) == 1 and is_numbers(value):
        return tuple(scalar(size) for size in elements_of(value))
    if isinstance(value, Rows) and place == 0:
        raise Unproven("the batch is cut apart")
    part = with_dims(value, (*before[:place], *before[place + 1 :]))
    return (part,) * node.number("num")


def _split(value: Value, axis: Value, many: int) -> Outputs:
    before = dims_of(value)
    place = axis_of(axis, len(before))
    if not isinstance(value, Fixed) and place == 0:
        raise Unproven("the batch is cut apart")
    after = list(before)
    after[place] = fresh()
    return (with_dims(value, after),) * many


@rule("Split")
def split(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Cut into equal parts along another dimension."""
    axis, value = inputs
    many = node.number("num_split")
    parts = _split(value, axis, many)
    before = dims_of(value)
    place = axis_of(axis, len(before))
    size = before[place].over(Size(many))
    if size is None:
        return parts
    return (with_dims(value, (*before[:place], size, *before[place + 1 :])),) * many


@rule("SplitV")
def split_sizes(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Cut into parts of given sizes along another dimension."""
    value, sizes, axis = inputs
    if not isinstance(sizes, Fixed):
        raise Unproven("sizes of a request's")
    # The parts have sizes of their own, so they must not share one symbol.
    parts = [_split(value, axis, 1) for _ in range(node.number("num_split"))]
    return tuple(part for pair in parts if isinstance(pair, tuple) for part in pair)


@rule("Pad PadV2 MirrorPad")
def pad(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Every dimension but the batch may grow."""
    value, before = inputs[0], dims_of(inputs[0])
    amounts = integers_of(inputs[1])
    if len(amounts) != 2 * len(before):
        raise Unproven("not two numbers for each dimension")
    if not all(isinstance(other, Fixed) for other in inputs[2:]):
        raise Unproven("padded with a request's value")
    added = [sum(amounts[2 * place : 2 * place + 2]) for place in range(len(before))]
    if isinstance(value, Rows) and amounts[:2] != [0, 0]:
        raise Unproven("the batch is padded")
    pairs = zip(before, added, strict=True)
    return with_dims(value, [_sum([size, Size(more)]) if more else size for size, more in pairs])


@rule("ReverseV2")
def reverse(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Any dimension but the batch."""
    value, axes = inputs
    before = dims_of(value)
    places = {axis_within(axis, len(before)) for axis in integers_of(axes)}
    if isinstance(value, Rows) and 0 in places:
        raise Unproven("the batch is reversed")
    return with_dims(value, before)


@rule("Roll")
def roll(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Any dimension but the batch, by fixed numbers of places."""
    value, shift, axes = inputs
    if not isinstance(shift, Fixed):
        raise Unproven("shifts of a request's")
    return reverse(node, [value, axes])


@rule("Slice")
def cut_out(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """The whole of the batch, and a fixed part of the rest."""
    value, begin, size = inputs
    before = dims_of(value)
    if not isinstance(value, Rows | Fixed) or not isinstance(begin, Fixed):
        raise Unproven("neither rows nor fixed")
    sizes = elements_of(size)
    if len(sizes) != len(before) or any(one.by_batch for one in sizes[1:]):
        raise Unproven("cut at the batch size")
    after = [one if (one.number or 0) > 0 else fresh() for one in sizes]
    if isinstance(value, Rows):
        if elements_of(begin)[0] != ZERO or sizes[0] not in (ANY, before[0]):
            raise Unproven("a part of the batch")
        after[0] = before[0]
    elif sizes[0].by_batch:
        raise Unproven("cut at the batch size")
    return with_dims(value, after)
