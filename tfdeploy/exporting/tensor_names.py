"""Tensors of a TF1 graph that a user names, and what to say where the names don't fit."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.recipe import Loading

_PLACEHOLDERS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")
_LISTED = 8
# The scopes in which a Saver and an optimizer put their ops.
_OF_TRAINING = re.compile(r"(save|gradients)(_\d+)?/")


@dataclass(frozen=True)
class Named:
    """Tensors of a graph by alias."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


def find_tensors(graph: Any, loading: Loading, source: str) -> Named:
    """The tensors that ``loading`` names, of a tf.Graph.

    A name without ``:0`` is completed where its op has exactly one output.

    Raises:
        TfdeployError: TFD102 when none are named, when a name is unknown or could be several
            tensors, or when the outputs need a placeholder that is no input.
    """
    if not loading.inputs or not loading.outputs:
        raise _nothing_named(graph, loading, source)
    inputs = {alias: _tensor(graph, name, source) for alias, name in loading.inputs.items()}
    outputs = {alias: _tensor(graph, name, source) for alias, name in loading.outputs.items()}
    _check_fed(inputs.values(), outputs.values(), source)
    return Named(inputs, outputs)


def _tensor(graph: Any, name: str, source: str) -> Any:
    op_name, _, index = name.partition(":")
    ops = {op.name: op for op in graph.get_operations()}
    op = ops.get(op_name)
    if op is None:
        raise _wrong(f"The graph has no tensor '{name}'.", source, _nearest(op_name, ops))
    if index.isdecimal() and int(index) < len(op.outputs):
        return op.outputs[int(index)]
    if not index and len(op.outputs) == 1:
        return op.outputs[0]
    if not op.outputs:
        message = f"'{op_name}' is no tensor: the op {op.type} gives nothing."
        raise _wrong(message, source, "name one of the tensors that it waits for.")
    message = f"The op '{op_name}' has no output '{index}'."
    if not index:
        message = f"'{op_name}' has {len(op.outputs)} outputs, and it isn't said which is meant."
    raise _wrong(message, source, f"name one: {_described(op.outputs)}.")


def _nearest(name: str, ops: Mapping[str, Any]) -> str:
    known = {one: op for one, op in ops.items() if op.outputs}
    last = name.rpartition("/")[2].lower()
    near = [one for one in known if one.rpartition("/")[2].lower() == last]
    near += difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    near += [one for one in known if last in one.lower()]
    near = list(dict.fromkeys(near))[:3]
    if not near:
        return f"it has {_described(_candidates(known.values()))}."
    return f"did you mean {_described([known[one].outputs[0] for one in near])}?"


def _nothing_named(graph: Any, loading: Loading, source: str) -> TfdeployError:
    ops = [op for op in graph.get_operations() if not _OF_TRAINING.match(op.name)]
    inputs = [op.outputs[0] for op in ops if op.type in _PLACEHOLDERS]
    outputs = _candidates(ops)
    missing = [
        kind
        for kind, names in (("inputs", loading.inputs), ("outputs", loading.outputs))
        if not names
    ]
    words = [f"--input {_pair(one)}" for one in inputs[:_LISTED] if not loading.inputs]
    words += [f"--output {_pair(one)}" for one in outputs[:_LISTED] if not loading.outputs]
    hint = f"name them: {' '.join(words) or '--input x=NAME:0 --output y=NAME:0'}"
    hint += f"; placeholders: {_described(inputs)}; likely outputs: {_described(outputs)}."
    return _wrong(
        f"The graph doesn't say which tensors are its {' and '.join(missing)}.", source, hint
    )


def _candidates(ops: Iterable[Any]) -> list[Any]:
    """What depends on a placeholder, and nothing uses: what a model computes in the end.

    Those with a row for each of a batch come first.
    """
    dependent: dict[Any, None] = {}
    for op in ops:
        if op.type in _PLACEHOLDERS or any(one.op in dependent for one in op.inputs):
            dependent[op] = None
    found = [
        tensor
        for op in dependent
        if op.type not in _PLACEHOLDERS and not op.type.endswith("Summary")
        for tensor in op.outputs
        if not tensor.consumers() and not tensor.dtype.name.endswith(("resource", "_ref"))
    ]
    return sorted(found, key=_has_no_rows)


def _has_no_rows(tensor: Any) -> bool:
    return tensor.shape.rank is not None and tensor.shape.as_list()[:1] != [None]


def _check_fed(inputs: Iterable[Any], outputs: Iterable[Any], source: str) -> None:
    fed = list(inputs)
    names = {tensor.name for tensor in fed}
    for op in ops_needed([one.op for one in outputs if one.name not in names], fed):
        if op.type in ("Placeholder", "PlaceholderV2"):
            tensor = op.outputs[0]
            raise _wrong(
                f"The outputs need the placeholder {_described([tensor])}, which is no input.",
                source,
                f"add --input {_pair(tensor)}, or name outputs that don't need it.",
            )


def ops_needed(ops: Iterable[Any], fed: Iterable[Any] = ()) -> list[Any]:
    """The ops that run where ``ops`` do, and the tensors ``fed`` are given."""
    given = {tensor.ref() for tensor in fed}
    waiting = list(ops)
    found: dict[Any, None] = {}
    while waiting:
        op = waiting.pop()
        if op not in found:
            found[op] = None
            waiting += [tensor.op for tensor in op.inputs if tensor.ref() not in given]
            waiting += op.control_inputs
    return list(found)


def _described(tensors: Iterable[Any]) -> str:
    several = list(tensors)
    words = [f"{one.name} ({one.dtype.base_dtype.name}{_shape(one)})" for one in several]
    rest = f" and {len(several) - _LISTED} more" if len(several) > _LISTED else ""
    return ", ".join(words[:_LISTED]) + rest if words else "none"


def _shape(tensor: Any) -> str:
    if tensor.shape.rank is None:
        return " of any shape"
    dims = ", ".join("?" if dim is None else str(dim) for dim in tensor.shape.as_list())
    return f" [{dims}]"


def _pair(tensor: Any) -> str:
    alias = re.sub(r"\W", "_", tensor.op.name.rpartition("/")[2])
    return f"{alias}={tensor.name}"


def _wrong(message: str, source: str, hint: str) -> TfdeployError:
    return TfdeployError("TFD102", message, where=source, hint=hint)
