"""The table of ops: a rule says what an op makes of rows. An op without a rule proves nothing.

Every op that has a rule is deterministic and writes nothing.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from tfdeploy.server.rows.node import Node
from tfdeploy.server.rows.values import Value

# One value stands for all outputs of a node.
Outputs = Value | tuple[Value, ...]
Rule = Callable[[Node, Sequence[Value]], Outputs]
R = TypeVar("R", bound=Rule)


class Dependent(Exception):
    """The signature can't be proven, whatever becomes of the op's outputs."""


RULES: Final[dict[str, Rule]] = {}

# Output arguments, in order, of ops that have more than one.
_OUTPUT_NAMES: Final = {
    "FusedBatchNorm": ("y",),
    "FusedBatchNormV2": ("y",),
    "FusedBatchNormV3": ("y",),
    "TopK": ("values", "indices"),
    "TopKV2": ("values", "indices"),
}
_PARSERS: Final = {"ParseExample": "Nsparse", "ParseExampleV2": "num_sparse"}
_NO_OUTPUT: Final = 1 << 30


def rule(ops: str) -> Callable[[R], R]:
    """Register a function as the rule of the ops that a text names."""

    def register(function: R) -> R:
        for op in ops.split():
            RULES[op] = function
        return function

    return register


def output_index(node: Node, argument: str, position: int) -> int:
    """Which output of a node `node:argument:position` is, as functions write it.

    Raises:
        Unproven: an attribute that says so isn't known.
    """
    if node.op in _PARSERS:
        before = 3 * node.number(_PARSERS[node.op])
        return before + position if argument == "dense_values" else _NO_OUTPUT
    names = _OUTPUT_NAMES.get(node.op)
    if names is None:
        return position
    return names.index(argument) if argument in names else _NO_OUTPUT
