"""The rule of StridedSlice, which is what `x[:, 0]`, `x[..., tf.newaxis]` and `shape[0]` are."""

from collections.abc import Sequence
from typing import NamedTuple

from tfdeploy.server.rows.node import Node
from tfdeploy.server.rows.sizes import ONE, ZERO, Shape, Size, Unproven, fresh
from tfdeploy.server.rows.table import Outputs, rule
from tfdeploy.server.rows.values import (
    Counts,
    Fixed,
    Rows,
    Value,
    dims_of,
    integers_of,
    scalar,
    vector,
    with_dims,
)


class _Part(NamedTuple):
    """What is done with one dimension; a bound is None where it isn't known."""

    begin: Size | None
    end: Size | None
    stride: Size | None
    from_start: bool
    to_end: bool
    shrinks: bool

    def is_whole(self, size: Size) -> bool:
        """The dimension is kept as it is."""
        starts = self.from_start or self.begin == ZERO
        ends = self.to_end or self.end == size
        return starts and ends and self.stride == ONE and not self.shrinks

    def length(self, size: Size) -> Size:
        """How many entries are left."""
        if self.is_whole(size):
            return size
        if self.stride is None or self.stride.number is None or not self.stride.factor:
            return fresh()
        bounds: list[int | None] = []
        for bound, is_open in ((self.begin, self.from_start), (self.end, self.to_end)):
            if not is_open and (bound is None or bound.number is None):
                return fresh()
            bounds.append(None if is_open or bound is None else bound.number)
        if size.number is None:
            return fresh()
        kept = slice(bounds[0], bounds[1], self.stride.number).indices(size.number)
        return Size(len(range(*kept)))


_WHOLE = _Part(None, None, ONE, True, True, False)
_NEW = None


def _listed(value: Value) -> list[Size | None]:
    if not isinstance(value, Fixed | Counts):
        raise Unproven("cut at a request's values")
    if value.elements is not None:
        return list(value.elements)
    many = dims_of(value)[0].number
    if many is None:
        raise Unproven("an unknown number of cuts")
    return [None] * many


def _parts(node: Node, inputs: Sequence[Value], rank: int) -> list[_Part | None]:
    """One part for each dimension, with None where a new dimension goes."""
    begins, ends, strides = (_listed(value) for value in inputs)
    names = ("begin", "end", "shrink_axis", "new_axis", "ellipsis")
    begin_mask, end_mask, shrink, new, ellipsis = (node.number(f"{name}_mask") for name in names)
    parts: list[_Part | None] = []
    rest: int | None = None
    for place in range(len(begins)):
        bit = 1 << place
        if ellipsis & bit:
            rest = len(parts)
        elif new & bit:
            parts.append(_NEW)
        else:
            open_ends = bool(begin_mask & bit), bool(end_mask & bit)
            cuts = begins[place], ends[place], strides[place]
            parts.append(_Part(*cuts, *open_ends, bool(shrink & bit)))
    missing = rank - sum(part is not None for part in parts)
    if missing < 0:
        raise Unproven("more cuts than dimensions")
    rest = len(parts) if rest is None else rest
    return parts[:rest] + [_WHOLE] * missing + parts[rest:]


def _by_batch(part: _Part) -> bool:
    bounds = (part.begin, None if part.to_end else part.end, part.stride)
    return any(bound is not None and bound.by_batch for bound in bounds)


def _sliced(parts: Sequence[_Part | None], before: Shape) -> Shape:
    sizes, after = iter(before), []
    for part in parts:
        if part is None:
            after.append(ONE)
            continue
        size = next(sizes)
        if not part.shrinks:
            after.append(part.length(size))
    return tuple(after)


@rule("StridedSlice")
def strided_slice(node: Node, inputs: Sequence[Value]) -> Outputs:
    """The whole of the batch, and a fixed part of the rest."""
    value, before = inputs[0], dims_of(inputs[0])
    parts = _parts(node, inputs[1:], len(before))
    if isinstance(value, Fixed | Counts) and value.elements is not None and len(before) == 1:
        return _cut_numbers(parts, inputs)
    first, others = parts[0] if parts else None, parts[1:]
    if isinstance(value, Rows):
        if first is None or not first.is_whole(before[0]):
            raise Unproven("a part of the batch")
    else:
        others = parts
    if any(part is not None and _by_batch(part) for part in others):
        raise Unproven("cut at the batch size")
    return with_dims(value, _sliced(parts, before))


def _cut_numbers(parts: Sequence[_Part | None], inputs: Sequence[Value]) -> Outputs:
    """Sizes out of a shape."""
    value, (begin, end, stride) = inputs[0], (integers_of(given) for given in inputs[1:])
    if not isinstance(value, Fixed | Counts) or value.elements is None:
        raise Unproven("no known elements")
    (part,) = parts
    if part is None or len(begin) != 1:
        raise Unproven("a new dimension")
    if part.shrinks:
        if not -len(value.elements) <= begin[0] < len(value.elements):
            raise Unproven("out of range")
        return scalar(value.elements[begin[0]])
    start = None if part.from_start else begin[0]
    return vector(value.elements[start : None if part.to_end else end[0] : stride[0]])
