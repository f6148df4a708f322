"""The walk from a signature's outputs back to its inputs, through the functions in between."""

from collections.abc import Iterable, Sequence
from typing import Final

from tfdeploy.server.rows import counting, elementwise, layers, lookups, loops, moving, slicing
from tfdeploy.server.rows.graph import MOST_WALKED, Function, Graph
from tfdeploy.server.rows.node import Node
from tfdeploy.server.rows.sizes import Shape, Size, Unproven, fresh
from tfdeploy.server.rows.table import RULES, Dependent, Outputs, output_index
from tfdeploy.server.rows.values import (
    UNKNOWN,
    Fixed,
    Item,
    Rows,
    Table,
    Unknown,
    Value,
    Variable,
    Verdict,
)

# Importing these fills the table of rules.
RULE_MODULES: Final = (counting, elementwise, layers, lookups, loops, moving, slicing)

_CALLS: Final = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_BRANCHES: Final = frozenset({"If", "StatelessIf"})
# Ops that do what their rule says even where an input is unknown.
_ONE_BY_ONE: Final = frozenset({"Assert", "IdentityN", "NoOp"})
_CANNOT_FAIL: Final = frozenset({"Const", "Identity", "NoOp"})
_DEEPEST_CALL: Final = 40


class _Frame:
    """One run of the main graph or of a function's body.

    Attributes:
        nodes: By name.
        given: What is fed, or passed, by tensor name.
        in_loop: The body runs once for each row.
        done: Outputs of the nodes walked so far.
    """

    def __init__(
        self, nodes: dict[str, Node], given: dict[str, Value], in_loop: bool = False
    ) -> None:
        self.nodes = nodes
        self.given = given
        self.in_loop = in_loop
        self.done: dict[str, Outputs] = {}

    def sources(self, node: Node) -> list[str]:
        """Names of the nodes that a node waits for."""
        return [
            name.removeprefix("^").partition(":")[0]
            for name in node.inputs
            if name not in self.given
        ]


def _pick(outputs: Outputs, position: int) -> Value:
    if not isinstance(outputs, tuple):
        return outputs
    return outputs[position] if position < len(outputs) else UNKNOWN


def _is_settled(value: Value) -> bool:
    """No static shape could tell more of it."""
    if isinstance(value, Fixed):
        return value.shape is not None and all(not size.symbols for size in value.shape)
    return not isinstance(value, Rows)


def _refined_dims(own: Shape, declared: Shape) -> Shape:
    return tuple(
        given if size.number is None and not size.by_batch and given.number is not None else size
        for size, given in zip(own, declared, strict=True)
    )


def _refined(value: Value, declared: Shape | None) -> Value:
    """What is known of a tensor, with the static shape that TensorFlow had inferred."""
    if declared is None or not isinstance(value, Fixed | Rows):
        return value
    own = value.dims if isinstance(value, Rows) else value.shape
    if own is None:
        return Fixed(declared)
    if len(own) != len(declared):
        return UNKNOWN
    dims = _refined_dims(own, declared)
    if isinstance(value, Fixed):
        return Fixed(dims, value.elements)
    # A graph that states its batch size isn't made for another.
    return UNKNOWN if declared[0].number is not None else Rows(dims)


def _merged_size(one: Size, other: Size) -> Size:
    return one if one == other else fresh()


def _merged(one: Value, other: Value) -> Value:
    """One of two values, as a fixed condition says."""
    if isinstance(one, Rows) and isinstance(other, Rows):
        if len(one.dims) != len(other.dims) or one.dims[0] != other.dims[0]:
            return UNKNOWN
        return Rows(tuple(map(_merged_size, one.dims, other.dims)))
    if isinstance(one, Fixed) and isinstance(other, Fixed):
        return one if one == other else Fixed()
    return UNKNOWN


def _merged_items(one: Value, other: Value) -> Value:
    kinds = Fixed | Item
    return Item() if isinstance(one, kinds) and isinstance(other, kinds) else UNKNOWN


def _ruled(node: Node, inputs: Sequence[Value], in_loop: bool) -> Outputs:
    try:
        if in_loop:
            return loops.step(node, inputs)
        if node.op not in _ONE_BY_ONE and any(isinstance(one, Unknown) for one in inputs):
            return UNKNOWN
        return RULES[node.op](node, inputs)
    except (Unproven, ValueError, LookupError):
        # What reads nothing of a request is fixed, whatever the op does with it.
        fixed = all(isinstance(value, Fixed | Variable | Table) for value in inputs)
        return Fixed() if fixed else UNKNOWN


class Walk:
    """Walks the signatures of a graph, as long as it has steps left."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._left = MOST_WALKED
        self._depth = 0

    def values(self, feeds: dict[str, Value], fetches: Sequence[str]) -> list[Value]:
        """What tensors of the main graph are, by what others are.

        Raises:
            Dependent: an op on the way has no rule, writes, or tells batches apart.
            Unproven: a loop or a call on the way isn't one that the walk follows.
        """
        self._depth = 0
        named = dict(feeds)
        # The first output of a node has two names.
        named |= {name[:-2]: value for name, value in feeds.items() if name.endswith(":0")}
        frame = _Frame(self._graph.nodes, named)
        self._visit(frame, [name.partition(":")[0] for name in fetches if name not in named])
        return [self._input(frame, name, False) for name in fetches]

    def _visit(self, frame: _Frame, roots: Iterable[str]) -> None:
        is_body = frame.nodes is not self._graph.nodes
        stack, opened = list(roots), set()
        while stack:
            name = stack[-1]
            node = frame.nodes.get(name)
            if node is None or not self._is_known(node.op, frame.in_loop):
                raise Dependent(f"{name}: {node.op if node else 'no such node'}")
            missing = [source for source in frame.sources(node) if source not in frame.done]
            if name in frame.done:
                stack.pop()
            elif not missing:
                frame.done[name] = self._outputs(frame, node, is_body)
                stack.pop()
            elif name in opened:
                raise Dependent(f"{name}: a loop")
            else:
                opened.add(name)
                stack.extend(missing)

    def _is_known(self, op: str, in_loop: bool) -> bool:
        if op in _CALLS or op in _BRANCHES or op in self._graph.functions:
            return True
        return loops.is_item_op(op) if in_loop else op in RULES or op in loops.LOOPS

    def _input(self, frame: _Frame, name: str, is_body: bool) -> Value:
        if name in frame.given:
            return frame.given[name]
        source, _, rest = name.partition(":")
        outputs = frame.done[source]
        if not is_body:
            return _pick(outputs, int(rest or 0))
        argument, _, position = rest.partition(":")
        node = frame.nodes[source]
        if node.op in self._graph.functions:
            return _pick(outputs, self._graph.functions[node.op].results.index(argument))
        return _pick(outputs, output_index(node, argument, int(position)))

    def _outputs(self, frame: _Frame, node: Node, is_body: bool) -> Outputs:
        self._left -= 1
        if self._left < 0:
            raise Dependent("too many nodes")
        inputs = [
            self._input(frame, name, is_body) for name in node.inputs if not name.startswith("^")
        ]
        outputs = self._applied(node, inputs, frame.in_loop)
        if all(map(_is_settled, outputs if isinstance(outputs, tuple) else (outputs,))):
            return outputs
        declared = node.shapes("_output_shapes")
        if not declared:
            return outputs
        return tuple(_refined(_pick(outputs, place), shape) for place, shape in enumerate(declared))

    def _applied(self, node: Node, inputs: Sequence[Value], in_loop: bool) -> Outputs:
        # Nothing that goes wrong inside a body may be taken for a flaw of the call alone.
        if node.op in _CALLS:
            return self._called(self._function(node.function("f")), inputs, in_loop)
        if node.op in self._graph.functions:
            return self._called(self._function(node.op), inputs, in_loop)
        if node.op in _BRANCHES:
            return self._branched(node, inputs, in_loop)
        if node.op in loops.LOOPS:
            return self._looped(node, inputs)
        return _ruled(node, inputs, in_loop)

    def _function(self, name: str) -> Function:
        function = self._graph.functions.get(name)
        if function is None or function.has_lists:
            raise Dependent(f"{name}: no function to walk")
        return function

    def _called(
        self, function: Function, inputs: Sequence[Value], in_loop: bool
    ) -> tuple[Value, ...]:
        # Every stateful op of a body runs, needed or not: all nodes must have a rule.
        if len(inputs) != len(function.arguments) or self._depth >= _DEEPEST_CALL:
            raise Dependent("no such call")
        given = dict(zip(function.arguments, inputs, strict=True))
        frame = _Frame(function.nodes, given, in_loop)
        self._depth += 1
        self._visit(frame, function.nodes)
        self._depth -= 1
        return tuple(self._input(frame, name, True) for name in function.returned)

    def _looped(self, node: Node, inputs: Sequence[Value]) -> tuple[Value, ...]:
        condition, body = (self._function(node.function(word)) for word in ("cond", "body"))
        bound = loops.bind(body, inputs)
        loops.check_rounds(condition, bound)
        return loops.results(bound, self._called(body, bound, True))

    def _branched(self, node: Node, inputs: Sequence[Value], in_loop: bool) -> tuple[Value, ...]:
        condition, passed = inputs[0], inputs[1:]
        branches = [self._function(node.function(f"{word}_branch")) for word in ("then", "else")]
        if isinstance(condition, Verdict):
            # If a row fails the check, the joined run takes the other branch, which must be the
            # one that ends in an error.
            if any(one.op not in _CANNOT_FAIL for one in branches[0].nodes.values()):
                raise Dependent("the branch depends on the rows")
        elif not isinstance(condition, Fixed | Item):
            raise Dependent("the branch depends on the request")
        one, other = (self._called(branch, passed, in_loop) for branch in branches)
        if in_loop:
            return tuple(map(_merged_items, one, other))
        if isinstance(condition, Verdict):
            return (UNKNOWN,) * len(one)
        return tuple(map(_merged, one, other))
