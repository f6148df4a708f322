"""Write a servable as a SavedModel: functions traced once, and only the variables they use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfdeploy.exporting.keras_names import identifier, unique
from tfdeploy.exporting.recipe import METHODS
from tfdeploy.exporting.servables import Function, Servable


def write(tf: Any, servable: Servable, folder: Path) -> None:
    """Save a servable, with the very variables that its functions use.

    A Keras 3 model, or a module that holds one, must not be saved itself: Keras then saves a
    second set of variables, and on the server every request fails with 'Could not find variable'
    although tf.saved_model.load finds nothing wrong.

    Raises:
        TfdeployError: TFD102 when an output's dtype or name can't be served.
    """
    # One trace for two names of one function.
    traces: dict[int, Any] = {}
    signatures = {}
    for name, function in servable.functions.items():
        if id(function) not in traces:
            traces[id(function)] = traced(tf, function)
        signatures[name] = traces[id(function)]
    root = tf.Module()
    variables = {id(one): one for trace in traces.values() for one in trace.variables}
    root.served_variables = list(variables.values())
    root.kept = servable.kept
    tf.saved_model.save(root, str(folder), signatures=signatures)
    methods = {name: one.method for name, one in servable.functions.items()}
    if any(method != "predict" for method in methods.values()):
        edit(folder, lambda model: _set_methods(model, methods))
    aliases = {name: _arguments(one) for name, one in servable.functions.items()}
    if any(name != alias for one in aliases.values() for name, alias in one.items()):
        edit(folder, lambda model: _set_inputs(model, aliases))


def traced(tf: Any, function: Function) -> Any:
    """The concrete function of a signature; its arguments are named as ``_arguments`` says."""
    arguments = _arguments(function)

    def serve(**tensors: Any) -> Mapping[str, Any]:
        return dict(function.call({arguments[name]: one for name, one in tensors.items()}))

    specs = {
        name: tf.TensorSpec(function.inputs[alias].shape, function.inputs[alias].dtype, name)
        for name, alias in arguments.items()
    }
    return tf.function(serve, autograph=False).get_concrete_function(**specs)


def _arguments(function: Function) -> dict[str, str]:
    """Alias by argument: TensorFlow takes Python's names alone, and TF1's aliases may be any."""
    aliases = list(function.inputs)
    return dict(zip(unique([identifier(one) for one in aliases]), aliases, strict=True))


def edit(folder: Path, change: Callable[[Any], None]) -> None:
    """Change what saved_model.pb says; ``change`` gets TensorFlow's SavedModel message."""
    from tensorflow.core.protobuf import saved_model_pb2

    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    change(model)
    file.write_bytes(model.SerializeToString(deterministic=True))


def _set_methods(model: Any, methods: Mapping[str, str]) -> None:
    """tf.saved_model.save calls every signature one of predict, whatever it is."""
    for graph in model.meta_graphs:
        for name, method in methods.items():
            if name in graph.signature_def:
                graph.signature_def[name].method_name = METHODS[method]


def _set_inputs(model: Any, aliases: Mapping[str, Mapping[str, str]]) -> None:
    for graph in model.meta_graphs:
        for name, arguments in aliases.items():
            inputs = graph.signature_def[name].inputs
            found = {argument: _copied(inputs[argument]) for argument in arguments}
            inputs.clear()
            for argument, info in found.items():
                inputs[arguments[argument]].CopyFrom(info)


def _copied(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def save_as_text(folder: Path) -> None:
    """Turn saved_model.pb into saved_model.pbtxt, as builder.save(as_text=True) writes it.

    The server takes either; of both it would read the binary one (tensorflow/cc/saved_model/
    reader.cc).
    """
    from google.protobuf import text_format
    from tensorflow.core.protobuf import saved_model_pb2

    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    text = text_format.MessageToString(model)
    # The binary one was proven; the text has to say the very same.
    if text_format.Parse(text, saved_model_pb2.SavedModel()) != model:
        raise ValueError("the text form doesn't read back as it was written")
    (folder / "saved_model.pbtxt").write_text(text, encoding="utf-8")
    file.unlink()


def clear_devices(folder: Path) -> None:
    """Take hard placements (``/device:GPU:0``) off every op, so that any machine may run it."""

    def clear(model: Any) -> None:
        for graph in model.meta_graphs:
            nodes = [graph.graph_def.node]
            nodes += [function.node_def for function in graph.graph_def.library.function]
            for several in nodes:
                for node in several:
                    node.device = ""

    edit(folder, clear)
