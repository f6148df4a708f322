"""Rules of ops that layers are made of: products, convolutions, reductions, normalisation."""

from collections.abc import Sequence

from tfdeploy.server.rows.node import Node
from tfdeploy.server.rows.sizes import ONE, Shape, Size, Unproven, fresh, product
from tfdeploy.server.rows.table import Dependent, Outputs, rule
from tfdeploy.server.rows.values import (
    Counts,
    Fixed,
    Rows,
    Value,
    Verdict,
    axis_of,
    axis_within,
    broadcast_dims,
    dims_of,
    elements_of,
    fixed_dims,
    integers_of,
    rows,
    scalar,
    with_dims,
)


def rows_of_rank(value: Value, rank: int) -> Rows:
    """Rows, of that rank or more.

    Raises:
        Unproven: they are something else.
    """
    if not isinstance(value, Rows) or len(value.dims) < rank:
        raise Unproven(f"not rows of rank {rank}")
    return value


@rule("MatMul")
def matmul(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Rows times a fixed matrix."""
    left, right = inputs
    if isinstance(left, Fixed) and isinstance(right, Fixed):
        return Fixed()
    if node.flag("transpose_a"):
        raise Unproven("the batch is summed over")
    dims, weights = rows_of_rank(left, 2).dims, fixed_dims(right)
    if len(dims) != 2 or len(weights) != 2:
        raise Unproven("not matrices")
    return rows((dims[0], weights[0 if node.flag("transpose_b") else 1]))


@rule("BatchMatMul BatchMatMulV2 BatchMatMulV3")
def batch_matmul(node: Node, inputs: Sequence[Value]) -> Outputs:
    """One matrix for each row, or rows of a matrix times a fixed one."""
    left, right = inputs
    if isinstance(left, Fixed) and isinstance(right, Fixed):
        return Fixed()
    one, other = dims_of(left), dims_of(right)
    turned = (node.flag("adj_x"), node.flag("adj_y"))
    if min(len(one), len(other)) < 2:
        raise Unproven("not matrices")
    if len(one) == 2 and len(other) == 2:
        if turned[0] or not isinstance(left, Rows) or not isinstance(right, Fixed):
            raise Unproven("the batch is summed over")
    else:
        _check_stacks(left, right, max(len(one), len(other)))
    last = one[-1 if turned[0] else -2], other[-2 if turned[1] else -1]
    return rows((*broadcast_dims([one[:-2], other[:-2]]), *last))


def _check_stacks(left: Value, right: Value, rank: int) -> None:
    lead = set()
    for value in (left, right):
        dims = dims_of(value)
        if isinstance(value, Rows) and len(dims) == rank:
            lead.add(dims[0])
        elif not isinstance(value, Fixed) or (len(dims) == rank and dims[0] != ONE):
            raise Unproven("stacks that don't match")
    if len(lead) != 1:
        raise Unproven("stacks of several batches")


@rule("Einsum")
def einsum(node: Node, inputs: Sequence[Value]) -> Outputs:
    """The batch's letter comes first in all rows and in the result, and nowhere else."""
    if all(isinstance(value, Fixed) for value in inputs):
        return Fixed()
    given, _, result = node.text("equation").replace(" ", "").partition("->")
    terms = given.split(",")
    if "." in given or len(terms) != len(inputs) or not result:
        raise Unproven("an equation with an ellipsis")
    letter, lead = result[0], set()
    sizes: dict[str, Size] = {}
    for term, value in zip(terms, inputs, strict=True):
        dims = dims_of(value)
        if len(dims) != len(term):
            raise Unproven("not one letter for each dimension")
        if isinstance(value, Rows):
            lead.add(dims[0])
        places = [place for place, found in enumerate(term) if found == letter]
        if places != ([0] if isinstance(value, Rows) else []) or isinstance(value, Counts):
            raise Unproven("the batch is summed over, or fixed")
        sizes.update(zip(term, dims, strict=True))
    if len(lead) != 1 or letter in result[1:]:
        raise Unproven("not one batch")
    return rows([sizes[found] for found in result])


@rule("BiasAdd BiasAddV1")
def bias_add(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """A vector is added along the channels, which are never the batch."""
    value, bias = inputs
    if len(fixed_dims(bias)) != 1:
        raise Unproven("not a vector")
    if isinstance(value, Fixed):
        return value
    return rows(rows_of_rank(value, 2).dims)


def _spatial(node: Node, before: Shape, kernel: Sequence[int]) -> list[Size]:
    """The sizes after a window has moved over them, where they are numbers."""
    spatial = slice(2, None) if node.text("data_format").startswith("NC") else slice(1, -1)
    strides = node.numbers("strides")[spatial]
    wide = (node.numbers("dilations") or [1] * len(before))[spatial]
    sizes = []
    for size, step, window, apart in zip(before[spatial], strides, kernel, wide, strict=True):
        length = size.number
        if node.text("padding") == "VALID" and length is not None:
            length -= (window - 1) * apart
        elif node.text("padding") != "SAME":
            length = None
        sizes.append(fresh() if length is None else Size(max(-(-length // step), 0)))
    return sizes


def _check_window(node: Node) -> None:
    for name in ("strides", "ksize", "dilations"):
        if node.numbers(name)[:1] not in ([], [1]):
            raise Unproven("a window over the batch")
    if node.numbers("explicit_paddings")[:2] not in ([], [0, 0]):
        raise Unproven("the batch is padded")
    if not node.text("data_format", "N").startswith("N"):
        raise Unproven("the batch is not dimension 0")


def _with_channels(node: Node, before: Shape, sizes: Sequence[Size], channels: Size) -> Rows:
    if node.text("data_format").startswith("NC"):
        return rows((before[0], channels, *sizes))
    return rows((before[0], *sizes, channels))


@rule("Conv2D Conv3D DepthwiseConv2dNative")
def convolution(node: Node, inputs: Sequence[Value]) -> Outputs:
    """A fixed filter over rows of images."""
    if all(isinstance(value, Fixed) for value in inputs):
        return Fixed()
    _check_window(node)
    before, weights = rows_of_rank(inputs[0], 4).dims, fixed_dims(inputs[1])
    if len(weights) != len(before):
        raise Unproven("not a filter")
    kernel = [size.number for size in weights[:-2]]
    known = [size for size in kernel if size is not None]
    sizes = [fresh() for _ in kernel]
    if len(known) == len(kernel):
        sizes = _spatial(node, before, known)
    depthwise = node.op == "DepthwiseConv2dNative"
    channels = product(weights[-2:]) if depthwise else weights[-1]
    return _with_channels(node, before, sizes, channels)


@rule("MaxPool AvgPool MaxPool3D AvgPool3D")
def pooling(node: Node, inputs: Sequence[Value]) -> Outputs:
    """A window over rows of images."""
    (value,) = inputs
    if isinstance(value, Fixed):
        return Fixed()
    _check_window(node)
    before = rows_of_rank(value, 4).dims
    channels_first = node.text("data_format").startswith("NC")
    window = node.numbers("ksize")[2:] if channels_first else node.numbers("ksize")[1:-1]
    channels = before[1] if channels_first else before[-1]
    return _with_channels(node, before, _spatial(node, before, window), channels)


@rule("Conv2DBackpropInput Conv3DBackpropInputV2")
def transposed_convolution(node: Node, inputs: Sequence[Value]) -> Outputs:
    """The layer that makes images larger: its shape is given, with the batch size in it."""
    shape, weights, value = inputs
    _check_window(node)
    fixed_dims(weights)
    sizes = elements_of(shape)
    if sizes[0] != rows_of_rank(value, 4).dims[0]:
        raise Unproven("another batch")
    return rows(sizes)


@rule("LRN DepthToSpace SpaceToDepth")
def images(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Images of one row stay in it; their sizes may change."""
    (value,) = inputs
    _check_window(node)
    before = rows_of_rank(value, 4).dims
    return rows(before if node.op == "LRN" else (before[0], *(fresh() for _ in before[1:])))


@rule("ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor")
def resize(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """All images to one fixed size, channels last."""
    value, size = inputs
    if isinstance(value, Fixed) and isinstance(size, Fixed):
        return Fixed()
    dims = rows_of_rank(value, 4).dims
    if len(dims) != 4 or not isinstance(size, Fixed):
        raise Unproven("not images of a fixed size")
    sizes = (fresh(), fresh()) if size.elements is None else size.elements
    return rows((dims[0], *sizes, dims[3]))


@rule("FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3")
def batch_norm(node: Node, inputs: Sequence[Value]) -> Outputs:
    """With the moments of training, which are fixed. The other outputs are of no use."""
    if node.flag("is_training", True):
        raise Unproven("moments of the batch")
    _check_window(node)
    if not all(isinstance(value, Fixed) for value in inputs[1:]):
        raise Unproven("moments of a request's")
    return (with_dims(inputs[0], dims_of(inputs[0])),)


@rule("Softmax LogSoftmax")
def softmax(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Over the last dimension."""
    (value,) = inputs
    if isinstance(value, Fixed):
        return value if value.elements is None else Fixed(value.shape)
    return rows(rows_of_rank(value, 2).dims)


@rule("Cumsum Cumprod CumulativeLogsumexp")
def cumulate(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Along any dimension but the batch."""
    value, axis = inputs
    dims = dims_of(value)
    if axis_of(axis, len(dims)) == 0 and isinstance(value, Rows):
        raise Unproven("along the batch")
    return with_dims(value, dims)


def _without(node: Node, value: Value, places: set[int]) -> Value:
    dims = dims_of(value)
    kept = [
        ONE if place in places else size
        for place, size in enumerate(dims)
        if place not in places or node.flag("keep_dims")
    ]
    return with_dims(value, kept)


@rule("Sum Mean Prod Max Min All Any EuclideanNorm ReduceJoin")
def reduction(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Over dimensions other than the batch."""
    value, axes = inputs
    dims = dims_of(value)
    places = {axis_within(axis, len(dims)) for axis in integers_of(axes)}
    if isinstance(value, Fixed | Counts) and value.elements is not None and node.op == "Prod":
        if places != {0} or len(dims) != 1 or node.flag("keep_dims"):
            raise Unproven("not a product of sizes")
        return scalar(product(value.elements))
    if isinstance(value, Rows) and 0 in places:
        if node.op == "All":
            return Verdict()
        raise Unproven("over the batch")
    return _without(node, value, places)


@rule("ArgMax ArgMin")
def argument(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Along any dimension but the batch."""
    value, axis = inputs
    place = axis_of(axis, len(dims_of(value)))
    if isinstance(value, Rows) and place == 0:
        raise Unproven("over the batch")
    return _without(node, value, {place})


@rule("TopK TopKV2")
def top_k(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Of the last dimension."""
    value = inputs[0]
    if not all(isinstance(other, Fixed) for other in inputs[1:]):
        raise Unproven("a number of the request's")
    many = Size(node.number("k")) if node.op == "TopK" else fresh()
    if node.op == "TopKV2" and isinstance(inputs[1], Fixed) and inputs[1].elements:
        many = inputs[1].elements[0]
    if isinstance(value, Rows) and len(value.dims) < 2:
        raise Unproven("over the batch")
    part = with_dims(value, (*dims_of(value)[:-1], many))
    return (part, part)


@rule("Assert")
def check(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """It may fail for a row, but not for a number of rows."""
    if not isinstance(inputs[0], Fixed | Verdict):
        raise Dependent("what is checked may hold for a joined run alone")
    return ()
