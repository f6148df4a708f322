"""Rules of ops that hold or look up what a model has learnt, and of parsing tf.Examples."""

from collections.abc import Sequence

from tfdeploy.server.rows.layers import rows_of_rank
from tfdeploy.server.rows.node import Node
from tfdeploy.server.rows.sizes import Shape, Unproven, fresh
from tfdeploy.server.rows.table import Outputs, rule
from tfdeploy.server.rows.values import (
    UNKNOWN,
    Fixed,
    Rows,
    Table,
    Value,
    Variable,
    axis_of,
    axis_within,
    dims_of,
    fixed_dims,
    integers_of,
    rows,
    scalar,
    vector,
    with_dims,
)


@rule("NoOp")
def nothing(_node: Node, _inputs: Sequence[Value]) -> Outputs:
    """It has no outputs."""
    return ()


@rule("VarHandleOp")
def variable(node: Node, _inputs: Sequence[Value]) -> Outputs:
    """Serving never assigns: a signature that does has an op without a rule."""
    return Variable(node.shape("shape"))


@rule("VariableV2 Variable")
def old_variable(node: Node, _inputs: Sequence[Value]) -> Outputs:
    """A variable of TensorFlow 1."""
    return Fixed(node.shape("shape"))


@rule("ReadVariableOp")
def read_variable(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """The value of a variable."""
    (handle,) = inputs
    if not isinstance(handle, Variable):
        raise Unproven("not a variable")
    return Fixed(handle.shape)


@rule("HashTable HashTableV2 MutableHashTable MutableHashTableV2 MutableDenseHashTableV2")
def table(_node: Node, _inputs: Sequence[Value]) -> Outputs:
    """A table that was filled while loading: a signature that writes has an op without a rule."""
    return Table()


@rule("LookupTableFind LookupTableFindV2")
def find(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """One value for each key."""
    handle, keys, default = inputs
    if not isinstance(handle, Table) or fixed_dims(default):
        raise Unproven("not a table of scalars")
    return with_dims(keys, dims_of(keys))


@rule("LookupTableSize LookupTableSizeV2")
def table_size(_node: Node, _inputs: Sequence[Value]) -> Outputs:
    """The number of entries."""
    return Fixed(())


def _gathered(node: Node, table: Value, indices: Value, axis: int) -> Value:
    dims, places = dims_of(table), dims_of(indices)
    shared = node.number("batch_dims")
    if not 0 <= shared <= len(places):
        raise Unproven("dimensions shared from the end")
    axis = axis_within(axis, len(dims))
    after = (*dims[:axis], *places[shared:], *dims[axis + 1 :])
    if isinstance(table, Fixed) and isinstance(indices, Fixed):
        return Fixed(after)
    if isinstance(table, Fixed):
        fits = isinstance(indices, Rows) and axis == 0 and shared == 0
    elif isinstance(indices, Fixed):
        fits = isinstance(table, Rows) and axis > 0 and shared == 0
    else:
        fits = axis >= shared > 0 and dims[0] == places[0]
    if not fits:
        raise Unproven("rows looked up in each other")
    return rows(after)


@rule("GatherV2")
def gather(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Entries of something fixed for each row, or the same places of each row."""
    table, indices, axis = inputs
    place = axis_of(axis, len(dims_of(table)))
    sizes = getattr(table, "elements", None)
    if sizes is not None and len(dims_of(table)) == 1:
        chosen = [sizes[index] for index in integers_of(indices)]
        return vector(chosen) if dims_of(indices) else scalar(chosen[0])
    return _gathered(node, table, indices, place)


@rule("Gather")
def old_gather(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Entries of something fixed for each row."""
    return _gathered(node, inputs[0], inputs[1], 0)


@rule("ResourceGather")
def gather_variable(node: Node, inputs: Sequence[Value]) -> Outputs:
    """Entries of a variable for each row."""
    handle, indices = inputs
    if not isinstance(handle, Variable):
        raise Unproven("not a variable")
    return _gathered(node, Fixed(handle.shape), indices, 0)


@rule("GatherNd")
def gather_nd(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Entries of something fixed for each row, by several indices at once."""
    table, indices = inputs
    if not isinstance(table, Fixed):
        raise Unproven("rows looked up by their places")
    dims, places = fixed_dims(table), dims_of(indices)
    deep = places[-1].number if places else None
    if deep is None:
        raise Unproven("an unknown number of indices")
    return with_dims(indices, (*places[:-1], *dims[deep:]))


@rule("OneHot")
def one_hot(node: Node, inputs: Sequence[Value]) -> Outputs:
    """A new dimension, after the batch."""
    indices, depth = inputs[0], inputs[1]
    if not all(isinstance(value, Fixed) for value in inputs[1:]):
        raise Unproven("values of a request's")
    before = dims_of(indices)
    place = axis_within(node.number("axis", -1), len(before) + 1)
    many = fresh()
    if isinstance(depth, Fixed) and depth.elements:
        many = depth.elements[0]
    return with_dims(indices, (*before[:place], many, *before[place:]))


@rule("DecodeRaw")
def decode_raw(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """Strings of one length to numbers: a joined run of several lengths fails."""
    return with_dims(inputs[0], (*dims_of(inputs[0]), fresh()))


@rule("DecodeCSV")
def decode_csv(_node: Node, inputs: Sequence[Value]) -> Outputs:
    """One output for each column, in the shape of the records."""
    records, defaults = inputs[0], inputs[1:]
    if not all(isinstance(value, Fixed) for value in defaults):
        raise Unproven("values of a request's")
    return (with_dims(records, dims_of(records)),) * len(defaults)


def _is_known(shape: Shape | None) -> bool:
    return shape is not None and all(size.number is not None for size in shape)


def _parsed(serialized: Value, sparse: int, shapes: Sequence[Shape | None]) -> Outputs:
    """Features of an unknown length are padded to the longest of the batch."""
    lead = rows_of_rank(serialized, 1).dims
    if len(lead) != 1:
        raise Unproven("not a vector of examples")
    dense: list[Value] = [
        rows((lead[0], *shape)) if shape is not None and _is_known(shape) else UNKNOWN
        for shape in shapes
    ]
    return (*[UNKNOWN] * (3 * sparse), *dense)


@rule("ParseExampleV2")
def parse_example(node: Node, inputs: Sequence[Value]) -> Outputs:
    """One row for each tf.Example; inputs other than the first are names and defaults."""
    if not all(isinstance(value, Fixed) for value in inputs[1:]):
        raise Unproven("names of a request's")
    return _parsed(inputs[0], node.number("num_sparse"), node.shapes("dense_shapes"))


@rule("ParseExample")
def old_parse_example(node: Node, inputs: Sequence[Value]) -> Outputs:
    """One row for each tf.Example; inputs other than the first are names and defaults."""
    if not all(isinstance(value, Fixed) for value in inputs[1:]):
        raise Unproven("names of a request's")
    return _parsed(inputs[0], node.number("Nsparse"), node.shapes("dense_shapes"))
