"""Keras 3 models as servables that keep the names their author gave."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.keras_names import named_specs, output_names
from tfdeploy.exporting.recipe import DEFAULT
from tfdeploy.exporting.servables import Function, Servable, resources_of


def is_keras_model(model: Any) -> bool:
    """Whether it is a model of Keras 3."""
    keras = importlib.import_module("keras")
    return isinstance(model, keras.Model)


def from_keras(tf: Any, model: Any, source: str, loaded_by: str = "") -> Servable:
    """A Keras model's inference (training=False) as the default signature.

    Inputs are called as the model's Input layers, or by the keys of a dict. Outputs are called by
    the keys of a dict, else as the layers that make them (Keras' own export says output_0). A
    batch size is free unless the model fixes it.

    Raises:
        TfdeployError: TFD102 when the model was never built, so that its inputs are unknown.
    """
    keras = importlib.import_module("keras")
    if keras.backend.backend() != "tensorflow":
        raise TfdeployError(
            "TFD102",
            f"The model runs on {keras.backend.backend()}, and the server runs TensorFlow.",
            where=source,
            hint="set KERAS_BACKEND=tensorflow before Keras is imported, and load the model anew.",
        )
    tree = keras.tree
    arguments = _arguments(tf, tree, model, source)
    specs = named_specs(tf, tree.flatten_with_path(arguments))

    def call(tensors: Mapping[str, Any]) -> dict[str, Any]:
        packed = tree.pack_sequence_as(arguments, [tensors[spec.name] for spec in specs])
        outputs = tree.flatten_with_path(model(*packed, training=False))
        names = output_names([path for path, _ in outputs], _layers(model))
        return dict(zip(names, (tensor for _, tensor in outputs), strict=True))

    function = Function({spec.name: spec for spec in specs}, call, call)
    kept = resources_of(tf, model)
    return Servable({DEFAULT: function}, model, kept, loaded_by=loaded_by)


def _arguments(tf: Any, tree: Any, model: Any, source: str) -> list[Any]:
    """The model's positional arguments, with a TensorSpec in the place of each tensor."""
    keras = importlib.import_module("keras")
    known = getattr(model, "_inputs_struct", None)
    if known is None and isinstance(model, keras.Sequential) and model.built and model.inputs:
        known = model.inputs[0]
    if known is not None:
        return [tree.map_structure(lambda one: _spec(tf, one), known)]
    # A subclassed model knows no more than the shapes that it was built with.
    shapes = getattr(model, "_build_shapes_dict", None)
    if not model.built or not shapes:
        raise TfdeployError(
            "TFD102",
            f"The Keras model {type(model).__name__} was never called, so its inputs are unknown.",
            where=source,
            hint="call it once on a batch before it is saved or returned.",
        )
    return [
        _specs_of_shapes(tf, shape, model.input_dtype, re.sub("_shape$", "", name))
        for name, shape in shapes.items()
    ]


def _spec(tf: Any, tensor: Any) -> Any:
    # Where nobody gave a name, the tensor's own is another before and after saving.
    history = getattr(tensor, "_keras_history", None)
    name = history.operation.name if history is not None else tensor.name
    return tf.TensorSpec(tensor.shape, tensor.dtype, name=name)


def _specs_of_shapes(tf: Any, shapes: Any, dtype: str, name: str) -> Any:
    if isinstance(shapes, dict):
        return {key: _specs_of_shapes(tf, one, dtype, key) for key, one in shapes.items()}
    if all(isinstance(dim, int | None) for dim in shapes):
        # The first dimension is the size of the batch that happened to build it.
        return tf.TensorSpec([None, *shapes[1:]], dtype, name="inputs" if name == "input" else name)
    return [_specs_of_shapes(tf, one, dtype, f"{name}_{index}") for index, one in enumerate(shapes)]


def _layers(model: Any) -> list[str] | None:
    """The names of the layers that make the outputs, where the model knows them."""
    known = getattr(model, "output_names", None)
    if known is None and hasattr(model, "layers") and type(model).__name__ == "Sequential":
        known = [model.layers[-1].name]
    return known
