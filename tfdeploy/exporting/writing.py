"""Write a servable as a SavedModel: functions traced once, and only the variables they use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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


def traced(tf: Any, function: Function) -> Any:
    """The concrete function of a signature."""

    def serve(**tensors: Any) -> Mapping[str, Any]:
        return dict(function.call(tensors))

    return tf.function(serve, autograph=False).get_concrete_function(**function.inputs)


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
