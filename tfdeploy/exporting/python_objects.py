"""What a Python function or a name in a module stands for: a model, or a function to serve."""

from __future__ import annotations

import inspect
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.keras2_models import from_keras2, is_keras2_model
from tfdeploy.exporting.keras_models import from_keras, is_keras_model
from tfdeploy.exporting.python_names import current_folder_importable, load_name
from tfdeploy.exporting.servables import Servable, from_callable, from_module, is_function

_DECORATE = (
    "@tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name='x')]) above it makes "
    "it a signature"
)


def open_python_object(tf: Any, module: str, attribute: str) -> Servable:
    """The servable that ``module:attribute`` is, or returns when it is called without arguments.

    A Keras 3 model, a tf_keras model, a tf.Module, a ``tf.function`` with an input signature or a
    concrete function. The module is imported from the current folder, too.

    Raises:
        TfdeployError: TFD101 when the module can't be imported or has no such name, TFD102 when
            nothing that can be served comes out.
        Exception: what the function itself raises.
    """
    source = f"{module}:{attribute}"
    # What it calls may import more.
    with current_folder_importable():
        found = load_name(source, source)
        if not _is_model(tf, found) and callable(found):
            _check_needs_nothing(found, source)
            found = found()
    if is_keras_model(found):
        return from_keras(tf, found, source)
    if is_keras2_model(found):
        return from_keras2(tf, found, source)
    if is_function(tf, found):
        return from_callable(tf, found, source)
    if isinstance(found, tf.Module) or hasattr(found, "signatures"):
        return from_module(tf, found, source)
    raise TfdeployError(
        "TFD102",
        f"{source} gives a {type(found).__name__}, not a model.",
        where=source,
        hint="return a Keras model, a tf.Module, or a @tf.function(input_signature=...).",
    )


def _is_model(tf: Any, found: Any) -> bool:
    # A model of tf_keras is a tf.Module.
    return isinstance(found, tf.Module) or is_keras_model(found) or is_function(tf, found)


def _check_needs_nothing(function: Any, source: str) -> None:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return
    rests = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [one.name for one in parameters if one.default is one.empty and one.kind not in rests]
    if needed:
        raise TfdeployError(
            "TFD102",
            f"{source} needs {', '.join(needed)}, and doesn't say of what dtype and shape.",
            where=source,
            hint=f"{_DECORATE}; or export a function without arguments that returns the model.",
        )
