"""Models of tf_keras (Keras 2) as servables that keep the names their author gave."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.keras_names import named_specs, output_names
from tfdeploy.exporting.recipe import DEFAULT
from tfdeploy.exporting.servables import Function, Servable, leaves, resources_of


def is_keras2_model(model: Any) -> bool:
    """Whether it is a model of tf_keras, which needn't be installed."""
    # Who made one has imported it.
    tf_keras = sys.modules.get("tf_keras")
    return tf_keras is not None and isinstance(model, tf_keras.Model)


def from_keras2(tf: Any, model: Any, source: str, loaded_by: str = "") -> Servable:
    """A tf_keras model's inference (training=False) as the default signature.

    Names and batch are as in ``from_keras``: by the keys of a dict, else by the layers.

    Raises:
        TfdeployError: TFD102 when the model was never called, so that its inputs are unknown.
    """
    arguments = _arguments(tf, model, source)
    specs = named_specs(tf, leaves(arguments))

    def call(tensors: Mapping[str, Any]) -> dict[str, Any]:
        values = [tensors[spec.name] for spec in specs]
        outputs = leaves(model(*tf.nest.pack_sequence_as(arguments, values), training=False))
        names = output_names([path for path, _ in outputs], getattr(model, "output_names", None))
        return dict(zip(names, (tensor for _, tensor in outputs), strict=True))

    function = Function({spec.name: spec for spec in specs}, call, call)
    kept = resources_of(tf, model)
    return Servable({DEFAULT: function}, model, kept, loaded_by=loaded_by)


def _arguments(tf: Any, model: Any, source: str) -> list[Any]:
    """The model's positional arguments, with a TensorSpec in the place of each tensor."""
    known = getattr(model, "_nested_inputs", None)
    if known is not None:
        return [tf.nest.map_structure(lambda one: _spec(tf, one), known)]
    # A subclassed model knows no more than what it was called with.
    called = model.save_spec()
    if called is None:
        raise TfdeployError(
            "TFD102",
            f"The Keras model {type(model).__name__} was never called, so its inputs are unknown.",
            where=source,
            hint="call it once on a batch before it is saved or returned.",
        )
    arguments, _ = called
    return list(arguments)


def _spec(tf: Any, tensor: Any) -> Any:
    return tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.node.layer.name)
