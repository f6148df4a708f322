"""Keras 3 models as servables that keep the names their author gave."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.servables import DEFAULT, Servable, resources_of


def is_keras_model(model: Any) -> bool:
    """Whether it is a model of Keras 3."""
    keras = importlib.import_module("keras")
    return isinstance(model, keras.Model)


def load_keras_file(path: str) -> Any:
    """The model in a .keras or .h5 file, without its optimizer."""
    return importlib.import_module("keras").saving.load_model(path, compile=False)


def from_keras(tf: Any, model: Any, source: str) -> Servable:
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
    specs = _named_specs(tf, tree, arguments)

    def serve(**inputs: Any) -> dict[str, Any]:
        packed = tree.pack_sequence_as(arguments, [inputs[spec.name] for spec in specs])
        outputs = tree.flatten_with_path(model(*packed, training=False))
        names = _output_names(model, [path for path, _ in outputs])
        return dict(zip(names, (tensor for _, tensor in outputs), strict=True))

    function = tf.function(serve, autograph=False)
    concrete = function.get_concrete_function(**{spec.name: spec for spec in specs})
    return Servable({DEFAULT: concrete}, model, resources_of(tf, model))


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


def _named_specs(tf: Any, tree: Any, arguments: list[Any]) -> list[Any]:
    found = tree.flatten_with_path(arguments)
    names = [_key(path) or spec.name or "inputs" for path, spec in found]
    names = _unique([_identifier(name) for name in names])
    return [
        tf.TensorSpec(spec.shape, spec.dtype, name=name)
        for (_, spec), name in zip(found, names, strict=True)
    ]


def _output_names(model: Any, paths: Sequence[tuple[Any, ...]]) -> list[str]:
    known = getattr(model, "output_names", None)
    if known is None and hasattr(model, "layers") and type(model).__name__ == "Sequential":
        known = [model.layers[-1].name]
    if known is None or len(known) != len(paths):
        known = [f"output_{index}" for index in range(len(paths))]
    return _unique([_key(path) or name for path, name in zip(paths, known, strict=True)])


def _key(path: tuple[Any, ...]) -> str:
    """A path into nested dicts as one name; empty where lists alone lead there."""
    if not any(isinstance(part, str) for part in path):
        return ""
    return "_".join(str(part) for part in path if isinstance(part, str))


def _identifier(name: str) -> str:
    """The name as TensorFlow takes it for an argument: letters, digits and underscores."""
    plain = re.sub(r"\W", "_", name)
    return plain if plain[:1].isalpha() else f"arg_{plain}"


def _unique(names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        count = 0
        while (free := f"{name}_{count}" if count else name) in found:
            count += 1
        found.append(free)
    return found
