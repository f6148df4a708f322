"""What is known of a tensor: how it depends on the rows of a request.

"The same in all joined requests" is said of requests whose inputs differ in nothing but their rows
and the number of them: equal ranks, and equal sizes of the other dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tfdeploy.server.rows.sizes import ONE, Shape, Size, Unproven, fresh


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same in all joined requests, and in the joined run.

    Attributes:
        shape: None where the rank isn't known.
        elements: The values in row-major order, of small tensors of integers.
    """

    shape: Shape | None = None
    elements: Shape | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Integers of which at least one is a multiple of the batch size."""

    shape: Shape
    elements: Shape


@dataclass(frozen=True, slots=True)
class Rows:
    """Dimension 0 is the batch size times a number m that doesn't depend on it.

    The m rows from `i * m` depend on row `i` of the request's inputs and on what is fixed; so the
    tensor of a joined run is the tensors of the separate runs, one after another.
    """

    dims: Shape


@dataclass(frozen=True, slots=True)
class Variable:
    """The handle of a variable with its shape."""

    shape: Shape | None


@dataclass(frozen=True, slots=True)
class Table:
    """The handle of a lookup table."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """True if and only if something holds for every row: all that `Assert` may look at."""


@dataclass(frozen=True, slots=True)
class RowList:
    """A list of tensors, one for each row of the request, which depends on that row alone."""


@dataclass(frozen=True, slots=True)
class OpenList:
    """A list with a place for each row of the request, none of them filled.

    Attributes:
        place: Which of a loop's arguments it is, inside that loop.
    """

    place: int


@dataclass(frozen=True, slots=True)
class Filled:
    """An open list after one round of a loop, which has filled its place of it."""

    place: int


@dataclass(frozen=True, slots=True)
class Item:
    """Inside a loop over rows: it depends on the row whose turn it is, and on what is fixed."""


@dataclass(frozen=True, slots=True)
class Index:
    """Inside a loop over rows: the number of the row whose turn it is.

    Attributes:
        ahead: 1 for the next row's.
    """

    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may depend on several rows, or on how many there are."""


InLoop = RowList | OpenList | Filled | Item | Index
Value = Fixed | Counts | Rows | Variable | Table | Verdict | InLoop | Unknown

UNKNOWN = Unknown()


def numbers(shape: Shape, elements: Sequence[Size]) -> Fixed | Counts:
    """Integers, which are fixed unless the batch size is among them."""
    kind = Counts if any(size.by_batch for size in elements) else Fixed
    return kind(shape, tuple(elements))


def vector(elements: Sequence[Size]) -> Fixed | Counts:
    """A vector of integers."""
    return numbers((Size(len(elements)),), elements)


def scalar(element: Size) -> Fixed | Counts:
    """An integer without dimensions."""
    return numbers((), (element,))


def rows(dims: Sequence[Size]) -> Rows:
    """Rows of these dimensions.

    Raises:
        Unproven: dimension 0 isn't the batch, or another one is.
    """
    batches = [dim.symbols.count(0) for dim in dims]
    if not batches or batches[0] != 1 or any(batches[1:]) or min(dim.factor for dim in dims) < 0:
        raise Unproven("the batch is not dimension 0")
    return Rows(tuple(dims))


def dims_of(value: Value) -> Shape:
    """The dimensions of a tensor.

    Raises:
        Unproven: its rank isn't known.
    """
    if isinstance(value, Rows):
        return value.dims
    if isinstance(value, Fixed | Counts) and value.shape is not None:
        return value.shape
    raise Unproven("no known rank")


def fixed_dims(value: Value) -> Shape:
    """The dimensions of a tensor that must be fixed.

    Raises:
        Unproven: it isn't, or its rank isn't known.
    """
    if not isinstance(value, Fixed):
        raise Unproven("not fixed")
    return dims_of(value)


def with_dims(value: Value, dims: Sequence[Size]) -> Value:
    """A tensor of the same kind with other dimensions.

    Raises:
        Unproven: the kind has none, or dimension 0 of rows is no longer the batch.
    """
    if isinstance(value, Rows):
        return rows(dims)
    if isinstance(value, Fixed):
        return Fixed(tuple(dims))
    raise Unproven("neither rows nor fixed")


def elements_of(value: Value) -> Shape:
    """The known elements of integers.

    Raises:
        Unproven: they aren't known.
    """
    if isinstance(value, Fixed | Counts) and value.elements is not None:
        return value.elements
    raise Unproven("no known elements")


def integers_of(value: Value) -> list[int]:
    """The elements, all of them plain numbers.

    Raises:
        Unproven: one isn't.
    """
    found = [size.number for size in elements_of(value)]
    plain = [number for number in found if number is not None]
    if len(plain) != len(found):
        raise Unproven("not plain numbers")
    return plain


def axis_within(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        Unproven: it is out of range.
    """
    if not -rank <= axis < rank:
        raise Unproven("axis out of range")
    return axis % rank


def axis_of(value: Value, rank: int) -> int:
    """The one axis that a tensor names, counted from the front.

    Raises:
        Unproven: it isn't known, or out of range.
    """
    axes = integers_of(value)
    if len(axes) != 1:
        raise Unproven("not one axis")
    return axis_within(axes[0], rank)


def _joint(one: Size, other: Size) -> Size:
    if one in (other, ONE):
        return other
    if other == ONE:
        return one
    for size in (one, other):
        if size.number is not None:
            return size
    return fresh()


def broadcast_dims(shapes: Sequence[Shape]) -> Shape:
    """The dimensions after broadcasting."""
    rank = max(len(shape) for shape in shapes)
    result: Shape = (ONE,) * rank
    for shape in shapes:
        padded = (ONE,) * (rank - len(shape)) + shape
        result = tuple(_joint(one, other) for one, other in zip(result, padded, strict=True))
    return result


def broadcast(values: Sequence[Value]) -> Value:
    """The result of an elementwise op with broadcasting.

    Raises:
        Unproven: the batch might be broadcast, or meet another dimension.
    """
    lead = next((value for value in values if isinstance(value, Rows)), None)
    for value in values:
        if isinstance(value, Rows) and lead is not None:
            fits = len(value.dims) == len(lead.dims) and value.dims[0] == lead.dims[0]
        elif isinstance(value, Fixed):
            fits = lead is None or _lies_below(value.shape, len(lead.dims))
        else:
            fits = False
        if not fits:
            raise Unproven("operands whose rows don't match")
    shapes = [value.shape if isinstance(value, Fixed) else dims_of(value) for value in values]
    known = [shape for shape in shapes if shape is not None]
    if lead is None:
        return Fixed(broadcast_dims(known) if len(known) == len(shapes) else None)
    return rows(broadcast_dims(known))


def _lies_below(shape: Shape | None, rank: int) -> bool:
    """A fixed operand reaches no dimension 0 of rows, or has one entry for all of them."""
    return shape is not None and (len(shape) < rank or (len(shape) == rank and shape[0] == ONE))
