"""What keeps a model from serving, or from serving as its users expect, seen without running it.

``refuse`` is for what fails in the server, ``warn`` for what may be meant so. A proof that loads
and runs the model finds more: this one takes milliseconds and no TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tfdeploy.savedmodel.ops import (
    PYTHON_OPS,
    RANDOM_OPS,
    READING_OPS,
    is_initializer,
    why_not_linked,
)
from tfdeploy.savedmodel.scanning import Graph, open_graph
from tfdeploy.savedmodel.signatures import SavedModel, Signature, TensorInfo

Severity = Literal["refuse", "warn"]
DEFECT_KINDS = (
    *("python-op", "custom-op", "gpu-placement", "jit-compile", "half-output", "half-input"),
    *("bytes-alias", "fixed-batch", "size", "reads-files", "random"),
)
CLASSIFY = "tensorflow/serving/classify"
# What JSON can carry each way (TensorFlow Serving, util/json_tensor.cc), with bytes per value.
_JSON_SIZES = {
    "float32": 4,
    "float64": 8,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "uint8": 1,
    "uint32": 4,
    "uint64": 8,
    "bool": 1,
    "string": 0,
}
_SIZES = _JSON_SIZES | {
    "float16": 2,
    "bfloat16": 2,
    "uint16": 2,
    "complex64": 8,
    "complex128": 16,
}


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong with a model.

    Attributes:
        kind: one of ``DEFECT_KINDS``.
        severity: ``refuse`` or ``warn``.
        message: a full sentence.
        hint: what to do about it.
        signature: the name of the signature that has it; empty where it is the whole model's.
    """

    kind: str
    severity: Severity
    message: str
    hint: str
    signature: str = ""


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes from which on something is told.

    Attributes:
        model: of saved_model.pb; protobuf reads none of 2 GiB or more.
        message: of one row in a gRPC message; clients take 4 MiB at most, unless told otherwise.
    """

    model: int = 2 << 30
    message: int = 4 << 20


def find_defects(model: SavedModel, limits: Limits = Limits()) -> list[Defect]:
    """Every defect that shows without running the model, those that refuse it first.

    Ops are judged by the list that the model's writer left; a name that it can't judge, and a
    model without a list, are left to a load.

    Args:
        model: as read by ``read_saved_model``; its folder is opened once more.
        limits: sizes from which on something is told.

    Raises:
        TfdeployError: TFD110, TFD111 when the folder can't be read any more.
    """
    with open_graph(model.path, *model.tags) as graph:
        found = [*_in_graph(graph), *_in_ops(graph, model.ops)]
    found += _too_big(model, limits)
    for signature in model.signatures.values():
        found += [*_in_tensors(signature), *_bytes_as_text(signature)]
        found += [*_fixed_batch(signature), *_big_rows(signature, limits)]
    return sorted(found, key=lambda defect: defect.severity != "refuse")


def _in_graph(graph: Graph) -> Iterator[Defect]:
    if devices := graph.gpu_devices():
        yield Defect(
            "gpu-placement",
            "refuse",
            f"A part of the graph is placed on {_listed(devices)} and runs nowhere else.",
            "leave out `tf.device` when you export, or clear the devices (clear_devices=True).",
        )
    if graph.must_compile():
        yield Defect(
            "jit-compile",
            "refuse",
            "A function was made with jit_compile=True, which fails unless the server was started "
            "with XLA on.",
            "export it without jit_compile.",
        )


def _in_ops(graph: Graph, ops: tuple[str, ...]) -> Iterator[Defect]:
    for op in ops:
        if op in PYTHON_OPS:
            yield Defect(
                "python-op",
                "refuse",
                f"{_node(graph, op)} calls back into the Python process that made it; a server "
                "has none.",
                "write that part in TensorFlow ops, in place of tf.py_function.",
            )
        elif why := why_not_linked(op):
            hint = "write that part in TensorFlow's own ops, or build a server with these linked."
            yield Defect("custom-op", "refuse", f"The server has no op {op}: {why}.", hint)
        elif op in READING_OPS:
            yield Defect(
                "reads-files",
                "warn",
                f"{_node(graph, op)} uses files, which have to be where the server runs.",
                "give the contents as an input, or make the file an asset of the model.",
            )
        elif op in RANDOM_OPS and not _only_initializes(graph, op):
            yield Defect(
                "random",
                "warn",
                f"{_node(graph, op)} is random: answers may differ from call to call.",
                "call the model with training=False, or use stateless random ops with a seed.",
            )


def _node(graph: Graph, op: str) -> str:
    names = graph.node_names(op)
    return f"Node '{names[0]}' ({op})" if names else f"The op {op}"


def _only_initializes(graph: Graph, op: str) -> bool:
    names = graph.node_names(op)
    return bool(names) and all(map(is_initializer, names))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")


def _in_tensors(signature: Signature) -> Iterator[Defect]:
    for info in signature.outputs.values():
        if info.dtype not in _JSON_SIZES:
            yield Defect(
                "half-output",
                "refuse",
                f"Output '{info.alias}' is {info.dtype}, which the REST API can't write.",
                "cast it to float32 or another type that JSON has.",
                signature.name,
            )
    for info in signature.inputs.values():
        if info.dtype not in _JSON_SIZES:
            yield Defect(
                "half-input",
                "warn",
                f"Input '{info.alias}' is {info.dtype}, which the REST API can't read; gRPC can.",
                "take float32 or another type that JSON has, and cast it in the signature.",
                signature.name,
            )


def _bytes_as_text(signature: Signature) -> Iterator[Defect]:
    for info in signature.outputs.values():
        if info.dtype != "string" or info.alias.endswith("_bytes"):
            continue
        if signature.method_name == CLASSIFY and info.alias == "classes":
            continue
        yield Defect(
            "bytes-alias",
            "warn",
            f"Output '{info.alias}' is written as JSON text over REST, so it must be UTF-8.",
            f"if it holds bytes, name it {info.alias}_bytes: then it is written in base64.",
            signature.name,
        )


def _fixed_batch(signature: Signature) -> Iterator[Defect]:
    if why := signature.why_not_batchable:
        yield Defect(
            "fixed-batch",
            "warn",
            f"Its requests can't be batched: {why}.",
            "export it with a free first dimension on every input and output.",
            signature.name,
        )


def _too_big(model: SavedModel, limits: Limits) -> Iterator[Defect]:
    files = (model.path / name for name in ("saved_model.pb", "saved_model.pbtxt"))
    file = next(file for file in files if file.is_file())
    size = file.stat().st_size
    if size >= limits.model:
        yield Defect(
            "size",
            "refuse",
            f"{file.name} has {size} bytes; protobuf reads none of {limits.model} or more.",
            "keep weights in variables, not as constants in the graph.",
        )


def _big_rows(signature: Signature, limits: Limits) -> Iterator[Defect]:
    for kind, infos in (("input", signature.inputs), ("output", signature.outputs)):
        for info in infos.values():
            if (size := _row_bytes(info)) > limits.message:
                yield Defect(
                    "size",
                    "warn",
                    f"One row of {kind} '{info.alias}' has {size} bytes; gRPC clients take "
                    f"messages of {limits.message} at most, unless told otherwise.",
                    "set grpc.max_receive_message_length in clients, or make it smaller.",
                    signature.name,
                )


def _row_bytes(info: TensorInfo) -> int:
    """What one row takes at least: free dimensions count as 1, strings and unknown types as 0."""
    return _SIZES.get(info.dtype, 0) * math.prod(
        1 if dim is None else dim for dim in info.shape or ()
    )
