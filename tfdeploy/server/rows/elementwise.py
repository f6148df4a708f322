"""Rules of ops that look at one element, or at one of each operand, at a time."""

from collections.abc import Sequence

from tfdeploy.server.rows.node import Node
from tfdeploy.server.rows.sizes import ONE, Size, Unproven
from tfdeploy.server.rows.table import Dependent, Outputs, rule
from tfdeploy.server.rows.values import (
    Counts,
    Fixed,
    Rows,
    Value,
    broadcast,
    dims_of,
    numbers,
    with_dims,
)
from tfdeploy.wire import DataType

_INDICES = (DataType.DT_INT32, DataType.DT_INT64)


@rule("Identity IdentityN StopGradient PreventGradient Snapshot PlaceholderWithDefault")
def same(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """What comes in goes out."""
    return tuple(inputs)


@rule("EnsureShape")
def ensure_shape(node: Node, inputs: Sequence[Value]) -> Outputs:
    """It fails or does nothing, but a joined batch may have the size that separate ones haven't."""
    shape = node.shape("shape")
    if not isinstance(inputs[0], Fixed) and shape and shape[0].number is not None:
        raise Dependent("the batch size is checked")
    return tuple(inputs)


@rule(
    """
    Abs Acos Acosh Angle Asin Asinh Atan Atanh BesselI0e BesselI1e Ceil CheckNumerics
    CheckNumericsV2 ComplexAbs Conj Cos Cosh Digamma Elu Erf Erfc Erfinv Exp Expm1
    FakeQuantWithMinMaxArgs Floor Imag Inv Invert IsFinite IsInf IsNan LeakyRelu Lgamma Log Log1p
    LogicalNot Ndtri Neg OnesLike Real Reciprocal Relu Relu6 Rint Round Rsqrt Selu Sigmoid Sign Sin
    Sinh Softplus Softsign Sqrt Square Tan Tanh ZerosLike Bucketize
    AsString DecodeBase64 EncodeBase64 StaticRegexFullMatch StaticRegexReplace StringLength
    StringLower StringStrip StringToHashBucket StringToHashBucketFast StringToHashBucketStrong
    StringToNumber StringUpper UnicodeTranscode
    """
)
def unary(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """One element gives one."""
    (value,) = inputs
    if isinstance(value, Fixed):
        return Fixed(value.shape)
    return with_dims(value, dims_of(value))


@rule("Cast")
def cast(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Integers stay known as long as they stay integers."""
    (value,) = inputs
    if node.dtype("DstT") in _INDICES and isinstance(value, Fixed | Counts):
        return value
    return unary(node, inputs)


@rule(
    """
    Atan2 BitwiseAnd BitwiseOr BitwiseXor Complex Div DivNoNan FloorMod Greater Igamma Igammac
    LeftShift Less LogicalAnd LogicalOr Maximum Minimum Mod MulNoNan NextAfter Pow RealDiv
    RightShift SquaredDifference TruncateDiv TruncateMod Xdivy Xlog1py Xlogy Zeta
    SelectV2 ClipByValue Substr
    """
)
def several(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """One element of each operand, after broadcasting, gives one."""
    return broadcast(inputs)


def _paired(inputs: Sequence[Value]) -> tuple[Value, list[tuple[Size, Size]]] | None:
    """The operand that gives the shape, and the known elements in pairs."""
    one, other = inputs
    if not (isinstance(one, Fixed | Counts) and isinstance(other, Fixed | Counts)):
        return None
    if one.elements is None or other.elements is None:
        return None
    if len(dims_of(one)) < len(dims_of(other)):
        lead, repeated = other, 0
    else:
        lead, repeated = one, 1
    first, second = list(one.elements), list(other.elements)
    if len((one, other)[repeated].elements or ()) == 1:
        (first, second)[repeated][:] = (first, second)[repeated] * len(lead.elements or ())
    if len(first) != len(second) or len(dims_of(lead)) > 1:
        return None
    return lead, list(zip(first, second, strict=True))


def _plain(one: Size, other: Size) -> tuple[int, int]:
    if one.number is None or other.number is None:
        raise Unproven("sizes that aren't numbers")
    return one.number, other.number


def _calculated(op: str, one: Size, other: Size) -> Size:
    if op == "Mul":
        return one.times(other)
    if op == "FloorDiv":
        quotient = one.over(other)
        if quotient is None:
            raise Unproven("not known to divide")
        return quotient
    if op == "Sub":
        first, second = _plain(one, other)
        return Size(first - second)
    first, second = _plain(one, other)
    return Size(first + second).times(ONE)


@rule("Add AddV2 FloorDiv Mul Sub")
def arithmetic(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Sizes are calculated with; anything else is elementwise."""
    paired = _paired(inputs)
    if paired is None:
        return broadcast(inputs)
    lead, pairs = paired
    try:
        return numbers(dims_of(lead), [_calculated(node.op, *pair) for pair in pairs])
    except Unproven:
        return broadcast(inputs)


@rule("Equal NotEqual GreaterEqual LessEqual")
def comparison(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Two sizes that are the same are so in every run."""
    paired = _paired(inputs)
    if paired is not None and all(one == other for one, other in paired[1]):
        return Fixed(dims_of(paired[0]))
    if not node.flag("incompatible_shape_error", True):
        raise Unproven("unequal shapes give a scalar")
    return broadcast(inputs)


@rule("AddN")
def add_all(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """All operands have one shape."""
    if any(isinstance(value, Rows) for value in inputs):
        ranks = {len(value.dims) if isinstance(value, Rows) else None for value in inputs}
        if len(ranks) != 1:
            raise Unproven("not all are rows")
    return broadcast(inputs)


@rule("StringJoin")
def string_join(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Operands have one shape, or are scalars."""
    return broadcast(inputs)


@rule("RegexReplace RegexFullMatch")
def regex(node: Node, inputs: Sequence[Value]) -> Outputs:
    """The pattern is a scalar, and so is what replaces it."""
    if not all(isinstance(value, Fixed) for value in inputs[1:]):
        raise Unproven("patterns of a request's")
    return unary(node, inputs[:1])


@rule("Select")
def select(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """A vector of conditions chooses whole rows; otherwise all have one shape."""
    condition, one, other = inputs
    if isinstance(condition, Fixed) and condition.shape != ():
        raise Unproven("it may be meant for a batch of its size")
    if not (isinstance(condition, Rows) and len(condition.dims) == 1):
        return broadcast(inputs)
    if not (isinstance(one, Rows) and isinstance(other, Rows) and condition.dims[0] == one.dims[0]):
        raise Unproven("not rows to choose from")
    return broadcast([one, other])


@rule("FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel")
def fake_quant(node: Node, inputs: Sequence[Value]) -> Outputs:
    """The limits belong to all, or to the channels, which come last."""
    value = inputs[0]
    if not all(isinstance(limit, Fixed) for limit in inputs[1:]):
        raise Unproven("limits of a request's")
    if isinstance(value, Rows) and len(value.dims) < 2:
        raise Unproven("the batch is the channel")
    return unary(node, inputs[:1])
