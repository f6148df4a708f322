"""A servable: the functions behind the signatures, and what has to be saved along with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.image_front import ImageFront, put_before

DEFAULT = "serving_default"
# In this order a module's functions are taken for the default one.
_DEFAULTS = (DEFAULT, "__call__", "serve", "predict")


@dataclass(frozen=True)
class Servable:
    """``functions`` are TensorFlow's concrete functions by the signature's name.

    ``kept`` is saved with them. ``owner`` isn't, but functions hold their variables weakly: while
    it lives, so do they.
    """

    functions: Mapping[str, Any]
    owner: Any
    kept: list[Any] = field(default_factory=list)


def from_module(tf: Any, module: Any, source: str) -> Servable:
    """What a tf.Module serves.

    Its ``signatures`` attribute, where it has one (a mapping of name to tf.function); else every
    public method that is a ``@tf.function(input_signature=...)``, under its own name. The default
    signature is the method called ``serving_default``, else ``__call__``, ``serve``, ``predict``,
    else the only one there is.

    Raises:
        TfdeployError: TFD102 when it has none, or several and none of these names.
    """
    signatures = getattr(module, "signatures", None)
    found = dict(signatures) if isinstance(signatures, Mapping) and signatures else {}
    found = found or _methods(tf, module)
    default = next((name for name in _DEFAULTS if name in found), None)
    if default is None and len(found) == 1:
        default = next(iter(found))
    if default is None:
        raise _nothing_to_serve(type(module).__name__, sorted(found), source)
    functions = {name: function for name, function in found.items() if name != "__call__"}
    functions[DEFAULT] = found[default]
    concrete = {name: _concrete(one, name, source) for name, one in functions.items()}
    return Servable(concrete, module, resources_of(tf, module))


def _methods(tf: Any, module: Any) -> dict[str, Any]:
    found = {}
    for name in dir(type(module)) + list(vars(module)):
        if name.startswith("_") and name != "__call__":
            continue
        # Looking at a property could run anything.
        if isinstance(getattr(type(module), name, None), property):
            continue
        method = getattr(module, name, None)
        function = isinstance(method, tf.types.experimental.GenericFunction)
        if function and getattr(method, "input_signature", None) is not None:
            found[name] = method
    return found


def _concrete(function: Any, name: str, source: str) -> Any:
    if hasattr(function, "structured_input_signature"):
        return function
    if getattr(function, "input_signature", None) is None:
        raise TfdeployError(
            "TFD102",
            f"The signature '{name}' doesn't say what it takes.",
            where=source,
            hint="decorate it: @tf.function(input_signature=[tf.TensorSpec([None, 4], "
            "tf.float32, name='x')]).",
        )
    return function.get_concrete_function()


def _nothing_to_serve(kind: str, names: list[str], source: str) -> TfdeployError:
    if names:
        message = f"{kind} has the functions {', '.join(names)}, and none is the default one."
        hint = "name the one that requests without a signature name get `serving_default`."
    else:
        message = f"{kind} has no function that can be served."
        hint = "decorate a method with @tf.function(input_signature=[tf.TensorSpec(...)])."
    return TfdeployError("TFD102", message, where=source, hint=hint)


def from_saved_model(tf: Any, folder: Path) -> Servable:
    """The signatures of a SavedModel on disk."""
    loaded = tf.saved_model.load(str(folder), tags=["serve"])
    return Servable(dict(loaded.signatures), loaded, [loaded])


def resources_of(tf: Any, root: Any) -> list[Any]:
    """Lookup tables and the like: what a function needs and isn't a variable."""
    kind = tf.saved_model.experimental.TrackableResource
    return [one for one in tf.train.TrackableView(root).descendants() if isinstance(one, kind)]


def with_image_front(tf: Any, servable: Servable, front: ImageFront, source: str) -> Servable:
    """The default signature with an image front, and no other one.

    Raises:
        TfdeployError: TFD116 when there is none, or its input is no image.
    """
    if DEFAULT not in servable.functions:
        raise TfdeployError(
            "TFD116",
            "The model has no signature 'serving_default' to put the image front before.",
            where=f"{source}: {', '.join(servable.functions) or 'no signatures'}",
            hint="leave the image front out, or export the model with a default signature.",
        )
    function = put_before(tf, front, servable.functions[DEFAULT])
    return Servable({DEFAULT: function}, servable, servable.kept)


def write(tf: Any, servable: Servable, folder: Path) -> None:
    """Save a servable, with the very variables that its functions use.

    A Keras 3 model, or a module that holds one, must not be saved itself: Keras then saves a
    second set of variables, and on the server every request fails with 'Could not find variable'
    although tf.saved_model.load finds nothing wrong.
    """
    root = tf.Module()
    functions = servable.functions.values()
    root.served_variables = list({id(v): v for f in functions for v in f.variables}.values())
    root.kept = servable.kept
    tf.saved_model.save(root, str(folder), signatures=dict(servable.functions))
