"""A proof that the rows of a signature's inputs are independent.

Requests that arrive together can then be joined: a run on their inputs, one after another along
dimension 0, gives their outputs, one after another.
"""

from typing import Any

from tfdeploy.server.rows.graph import Graph
from tfdeploy.server.rows.node import read_shape
from tfdeploy.server.rows.sizes import BATCH
from tfdeploy.server.rows.values import Rows, Value
from tfdeploy.server.rows.walk import Walk

__all__ = ["independent_signatures"]


def independent_signatures(meta_graph: bytes) -> frozenset[str]:
    """The signatures whose rows are proven independent, by an analysis of the graph.

    The proof holds for requests that give all inputs, that have at least one row, whose inputs
    have one dimension 0, whose ranks and sizes are those that the signature states, and whose other
    sizes equal those of the requests they are joined with. It says nothing of errors: if a joined
    run fails, only separate runs tell which request has failed. Floating-point sums may differ in
    the last bits, as they do between any two batch sizes.

    Args:
        meta_graph: A serialized MetaGraphDef.

    Returns:
        Their names; none if the graph can't be read, or is larger than `graph.LARGEST_GRAPH_BYTES`
        or `graph.MOST_NODES`. Signatures are walked in the order of their names, up to
        `graph.MOST_WALKED` nodes in all.
    """
    try:
        graph = Graph(meta_graph)
        walk, names = Walk(graph), sorted(graph.signatures)
    except Exception:
        # A proof is an offer: whatever is wrong with a graph, its requests just aren't joined.
        return frozenset()
    return frozenset(name for name in names if _is_independent(graph, walk, name))


def _input(info: Any) -> Value | None:
    shape = read_shape(info.tensor_shape)
    has_batch = shape and info.tensor_shape.dim[0].size == -1
    if not info.name or not shape or not has_batch:
        return None
    return Rows((BATCH, *shape[1:]))


def _is_independent(graph: Graph, walk: Walk, name: str) -> bool:
    signature = graph.signatures[name]
    feeds = {info.name: _input(info) for info in signature.inputs.values()}
    fetches = [info.name for info in signature.outputs.values()]
    known = {tensor: value for tensor, value in feeds.items() if value is not None}
    if not feeds or not fetches or len(known) != len(feeds):
        return False
    try:
        values = walk.values(known, fetches)
    except Exception:
        return False
    return all(isinstance(value, Rows) and value.dims[0] == BATCH for value in values)
