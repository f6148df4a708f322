"""Signatures of a loaded model, read once from its MetaGraphDef."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tfdeploy import wire
from tfdeploy.server.tensor import Tensor
from tfdeploy.server.tensor_proto import parse_tensor_proto

DEFAULT_SIGNATURE = "serving_default"


class Port(NamedTuple):
    """One input or output: the graph's tensor behind an alias."""

    tensor_name: str
    dtype: int
    shape: tuple[int, ...] | None = None
    """As declared, -1 for a size that is free; None where the rank is."""


@dataclass
class Signature:
    """One way to call a model.

    Attributes:
        name: Its key in the SavedModel.
        method_name: Such as `tensorflow/serving/predict`.
        inputs: By alias.
        outputs: By alias.
        defaults: Values of inputs that a gRPC caller may leave out.
    """

    name: str
    method_name: str
    inputs: dict[str, Port]
    outputs: dict[str, Port]
    defaults: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.all_outputs = tuple(self.outputs)


def _ports(infos: Any) -> dict[str, Port]:
    # Sorted, so that errors which name "the first" one are the same from run to run.
    return {alias: _port(infos[alias]) for alias in sorted(infos)}


def _port(info: Any) -> Port:
    declared = info.tensor_shape
    shape = None if declared.unknown_rank else tuple(dim.size for dim in declared.dim)
    return Port(info.name, info.dtype, shape)


def read_signatures(meta_graph: bytes) -> tuple[Any, dict[str, Signature]]:
    """The signatures of a serialized MetaGraphDef.

    Returns:
        A SignatureDefMap, for metadata requests, and the signatures by name.
    """
    parsed = wire.MetaGraphDef.FromString(meta_graph)
    definitions = wire.SignatureDefMap()
    signatures = {}
    for name, definition in parsed.signature_def.items():
        definitions.signature_def[name].CopyFrom(definition)
        signatures[name] = Signature(
            name,
            definition.method_name,
            _ports(definition.inputs),
            _ports(definition.outputs),
            {alias: parse_tensor_proto(value) for alias, value in definition.defaults.items()},
        )
    return definitions, signatures
