"""The graph of a MetaGraphDef with its functions, read into nodes by name."""

from functools import cached_property
from typing import Any, Final

from tfdeploy import wire
from tfdeploy.server.rows.node import Node

LARGEST_GRAPH_BYTES: Final = 64 * 1024 * 1024
MOST_NODES: Final = 100_000
# A step takes 20 to 40 microseconds, in which the process does nothing else.
MOST_WALKED: Final = 40_000


class TooLarge(Exception):
    """The graph isn't worth the time."""


class Function:
    """One function of the library.

    Attributes:
        arguments: Names of the inputs.
        results: Names of the outputs.
        returned: For each output, the tensor in the body.
    """

    def __init__(self, proto: Any) -> None:
        signature = proto.signature
        self._proto = proto
        self.arguments = [argument.name for argument in signature.input_arg]
        self.results = [argument.name for argument in signature.output_arg]
        self.returned = [proto.ret.get(name, "") for name in self.results]
        self.has_lists = any(
            argument.number_attr or argument.type_list_attr
            for argument in (*signature.input_arg, *signature.output_arg)
        )

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """The body."""
        return {proto.name: Node(proto) for proto in self._proto.node_def}


class Graph:
    """The main graph and the library.

    Attributes:
        nodes: The main graph.
        functions: The library.
        signatures: SignatureDefs by name.
    """

    def __init__(self, meta_graph: bytes) -> None:
        """Read a serialized MetaGraphDef.

        Raises:
            TooLarge: it has more bytes or nodes than an analysis is worth.
            google.protobuf.message.DecodeError: it isn't one.
        """
        if len(meta_graph) > LARGEST_GRAPH_BYTES:
            raise TooLarge
        parsed = wire.MetaGraphWithGraph.FromString(meta_graph)
        graph, library = parsed.graph_def, parsed.graph_def.library.function
        if len(graph.node) + sum(len(proto.node_def) for proto in library) > MOST_NODES:
            raise TooLarge
        self.signatures = parsed.signature_def
        self.functions = {proto.signature.name: Function(proto) for proto in library}
        self.nodes = {proto.name: Node(proto) for proto in graph.node}
