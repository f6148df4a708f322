"""Loops over rows, as `tf.map_fn` writes them: item by item out of one list and into another.

A loop is taken for one if it runs once for each row, carries nothing from one round to the next but
a counter and lists that it fills, and fills each list's place `i` in round `i`.
"""

from collections.abc import Sequence
from typing import Final

from tfdeploy.server.rows.graph import Function
from tfdeploy.server.rows.node import Node
from tfdeploy.server.rows.sizes import ANY, BATCH, ONE, ZERO, Shape, Unproven, fresh
from tfdeploy.server.rows.table import RULES, Dependent, Outputs, rule
from tfdeploy.server.rows.values import (
    UNKNOWN,
    Counts,
    Filled,
    Fixed,
    Index,
    Item,
    OpenList,
    RowList,
    Rows,
    Table,
    Unknown,
    Value,
    Variable,
    elements_of,
    rows,
)

LOOPS: Final = frozenset({"While", "StatelessWhile"})
# Deterministic ops that take one item at a time, besides all those that have a rule.
_ITEM_OPS: Final = frozenset(
    {
        *("DecodeAndCropJpeg", "DecodeBmp", "DecodeGif", "DecodeImage", "DecodeJpeg", "DecodePng"),
        *("DecodeWav", "DecodeWebP", "ExtractJpegShape", "TensorListGetItem", "TensorListSetItem"),
        *("AdjustContrastv2", "AdjustHue", "AdjustSaturation", "CropAndResize", "HSVToRGB"),
        *("ParseTensor", "RGBToHSV", "ScaleAndTranslate", "StringSplitV2", "Where"),
    }
)
_CONDITION_OPS: Final = frozenset({"Const", "Identity", "Less", "LogicalAnd", "NoOp"})


def is_item_op(op: str) -> bool:
    """The op has a rule inside a loop."""
    return op in RULES or op in _ITEM_OPS


@rule("TensorListFromTensor")
def list_of_rows(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """One item for each row."""
    value, shape = inputs
    if not isinstance(value, Rows) or value.dims[0] != BATCH or not isinstance(shape, Fixed):
        raise Unproven("not a list of rows")
    return RowList()


@rule("TensorListReserve")
def reserve(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """A place for each row."""
    shape, many = inputs
    if not isinstance(shape, Fixed) or elements_of(many) != (BATCH,):
        raise Unproven("not a list for rows")
    return OpenList(-1)


def _item_dims(node: Node, shape: Value) -> Shape:
    if isinstance(shape, Fixed) and shape.shape is not None and len(shape.shape) == 1:
        return tuple(fresh() if size == ANY else size for size in elements_of(shape))
    declared = node.shapes("_output_shapes")
    if not isinstance(shape, Fixed) or not declared or not declared[0]:
        raise Unproven("items of unknown rank")
    return declared[0][1:]


@rule("TensorListStack")
def stack(node: Node, inputs: Sequence[Value]) -> Outputs:
    """The items make rows again; it fails if they haven't one shape."""
    items, shape = inputs
    if not isinstance(items, RowList):
        raise Unproven("not a list of rows")
    return rows((BATCH, *_item_dims(node, shape)))


def _origin(function: Function, name: str) -> str:
    """An argument's name or a tensor's, before it went through `Identity`."""
    for _ in function.nodes:
        node = function.nodes.get(name.partition(":")[0])
        if node is None or node.op != "Identity":
            break
        name = node.inputs[0]
    return name


def _compared(function: Function, name: str) -> list[tuple[str, str]]:
    """The pairs of arguments, all of which must be the first less than the second."""
    node = function.nodes.get(_origin(function, name).partition(":")[0])
    if node is None or node.op not in ("Less", "LogicalAnd"):
        raise Unproven("not a condition of map_fn's")
    if node.op == "LogicalAnd":
        return [pair for source in node.inputs[:2] for pair in _compared(function, source)]
    return [(_origin(function, node.inputs[0]), _origin(function, node.inputs[1]))]


def bind(body: Function, inputs: Sequence[Value]) -> list[Value]:
    """What the body's arguments are in any round.

    Raises:
        Unproven: something else is carried from round to round.
    """
    if len(inputs) != len(body.arguments) or len(body.returned) != len(inputs):
        raise Unproven("not a loop's body")
    bound: list[Value] = []
    for place, value in enumerate(inputs):
        if _origin(body, body.returned[place]) == body.arguments[place]:
            bound.append(value)
        elif value == Fixed((), (ZERO,)):
            bound.append(Index())
        elif isinstance(value, OpenList):
            bound.append(OpenList(place))
        else:
            raise Unproven("a value is carried on")
    return bound


def check_rounds(condition: Function, bound: Sequence[Value]) -> None:
    """Make sure that there is one round for each row.

    Raises:
        Unproven: there may be more or fewer.
    """
    if {node.op for node in condition.nodes.values()} - _CONDITION_OPS:
        raise Unproven("not a condition of map_fn's")
    values = dict(zip(condition.arguments, bound, strict=True))
    for counter, limit in _compared(condition, condition.returned[0]):
        most = values.get(limit)
        if not isinstance(values.get(counter), Index) or not isinstance(most, Counts):
            raise Unproven("not one round for each row")
        if most.elements != (BATCH,):
            raise Unproven("not one round for each row")


def results(bound: Sequence[Value], returned: Sequence[Value]) -> tuple[Value, ...]:
    """What the loop's outputs are, by what one round makes of its arguments.

    Raises:
        Unproven: a counter doesn't count, or a list isn't filled at its place.
    """
    outputs: list[Value] = []
    for place, (before, after) in enumerate(zip(bound, returned, strict=True)):
        if isinstance(before, Index):
            if after != Index(1):
                raise Unproven("not a counter")
            outputs.append(UNKNOWN)
        elif isinstance(before, OpenList) and before.place == place:
            if after != Filled(place):
                raise Unproven("a list isn't filled")
            outputs.append(RowList())
        else:
            outputs.append(before)
    return tuple(outputs)


def step(node: Node, inputs: Sequence[Value]) -> Outputs:
    """The rule of every op inside a loop: what is made of one item belongs to it."""
    if node.op == "Assert":
        if not isinstance(inputs[0], Fixed | Item):
            raise Dependent("what is checked is not one item")
        return ()
    if any(isinstance(value, Unknown) for value in inputs):
        return UNKNOWN
    if node.op == "TensorListGetItem":
        known = isinstance(inputs[0], RowList) and inputs[1] == Index()
        return Item() if known and isinstance(inputs[2], Fixed) else UNKNOWN
    if node.op == "TensorListSetItem":
        return _set_item(inputs)
    if node.op == "Identity":
        return tuple(inputs)
    if node.op in ("Add", "AddV2") and Index() in inputs:
        others = [value for value in inputs if value != Index()]
        counts = [isinstance(value, Fixed) and value.elements == (ONE,) for value in others]
        return Index(1) if counts == [True] else UNKNOWN
    if not all(isinstance(value, Fixed | Variable | Table | Item) for value in inputs):
        return UNKNOWN
    if any(isinstance(value, Item) for value in inputs):
        return Item()
    return RULES[node.op](node, inputs) if node.op in RULES else Fixed()


def _set_item(inputs: Sequence[Value]) -> Value:
    items, place, value = inputs
    if isinstance(items, OpenList) and place == Index() and isinstance(value, Fixed | Item):
        return Filled(items.place)
    return UNKNOWN
