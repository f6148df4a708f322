"""Leave out of a TF1 SavedModel what its signatures don't need: optimizers, readers, summaries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# What a loader makes variables from. All collections but these four serve training.
_VARIABLES = ("variables", "trainable_variables")
_KEPT = ("saved_model_main_op", "saved_model_assets")


def prune(model: Any) -> None:
    """Take ops, functions and collections that nothing needs out of a SavedModel message.

    A training graph may hold ops that no server has (tf.py_func), though no output needs them.
    """
    for meta in model.meta_graphs:
        _prune_graph(meta)


def _prune_graph(meta: Any) -> None:
    from tensorflow.core.framework import variable_pb2

    nodes = {node.name: node for node in meta.graph_def.node}
    needed: set[str] = set()
    _add(nodes, _roots(meta), needed)
    variables = []
    for text in _collection(meta, "variables").bytes_list.value:
        variable = variable_pb2.VariableDef.FromString(text)
        if _op(variable.variable_name) in needed:
            variables.append(text)
            _add(nodes, _names_of(variable), needed)
    for name in list(meta.collection_def):
        if name in _VARIABLES:
            kept = [
                text for text in meta.collection_def[name].bytes_list.value if text in variables
            ]
            del meta.collection_def[name].bytes_list.value[:]
            meta.collection_def[name].bytes_list.value.extend(kept)
        elif name not in _KEPT:
            del meta.collection_def[name]
    _keep_nodes(meta.graph_def, [node for node in meta.graph_def.node if node.name in needed])
    for node in meta.graph_def.node:
        _forget_neighbours(node, needed)
    _list_ops(meta)


def _list_ops(meta: Any) -> None:
    """The list of ops, which readers take for what the graph needs."""
    used = {node.op for node in meta.graph_def.node}
    used |= {node.op for one in meta.graph_def.library.function for node in one.node_def}
    ops = meta.meta_info_def.stripped_op_list.op
    kept = [_copy(one) for one in ops if one.name in used]
    del ops[:]
    ops.extend(kept)


def _forget_neighbours(node: Any, needed: set[str]) -> None:
    """Take out whose device a node shares, where that one is gone."""
    if "_class" in node.attr:
        names = [one for one in node.attr["_class"].list.s if one.decode()[5:] in needed]
        del node.attr["_class"].list.s[:]
        node.attr["_class"].list.s.extend(names)


def _names_of(variable: Any) -> list[str]:
    """What a loader looks up for a variable."""
    names = (variable.initializer_name, variable.snapshot_name, variable.initial_value_name)
    return [name for name in names if name]


def _roots(meta: Any) -> list[str]:
    saver = meta.saver_def
    found = [saver.filename_tensor_name, saver.save_tensor_name, saver.restore_op_name]
    for signature in meta.signature_def.values():
        found += [one.name for one in (*signature.inputs.values(), *signature.outputs.values())]
    found += _collection(meta, "saved_model_main_op").node_list.value
    found += [asset.tensor_info.name for asset in meta.asset_file_def]
    return [name for name in found if name]


def _collection(meta: Any, name: str) -> Any:
    # Asking a message's map for what it lacks would add it.
    from tensorflow.core.protobuf import meta_graph_pb2

    return meta.collection_def.get(name, meta_graph_pb2.CollectionDef())


def _add(nodes: Any, names: Iterable[str], needed: set[str]) -> None:
    waiting = [_op(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [_op(one) for one in nodes[name].input]


def _op(name: str) -> str:
    return name.removeprefix("^").partition(":")[0]


def _keep_nodes(graph: Any, nodes: list[Any]) -> None:
    functions = {one.signature.name: one for one in graph.library.function}
    called: set[str] = set()
    waiting = list(nodes)
    while waiting:
        for name in _functions_of(waiting.pop()):
            if name in functions and name not in called:
                called.add(name)
                waiting += functions[name].node_def
    kept = [_copy(one) for one in nodes]
    library = [_copy(one) for name, one in functions.items() if name in called]
    gradients = [_copy(one) for one in graph.library.gradient if one.function_name in called]
    del graph.node[:], graph.library.function[:], graph.library.gradient[:]
    graph.node.extend(kept)
    graph.library.function.extend(library)
    graph.library.gradient.extend(gradients)


def _functions_of(node: Any) -> Iterable[str]:
    yield node.op
    for value in node.attr.values():
        yield value.func.name
        yield from (one.name for one in value.list.func)


def _copy(message: Any) -> Any:
    # What is deleted from a list of messages is gone, whoever still holds it.
    made = type(message)()
    made.CopyFrom(message)
    return made
