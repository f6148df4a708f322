"""What a Python function or a name in a module stands for: a model, or a function to serve."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.keras2_models import from_keras2, is_keras2_model
from tfdeploy.exporting.keras_models import from_keras, is_keras_model
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
    with _current_folder_importable():
        found = _attribute(_imported(module, source), attribute, source)
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


@contextlib.contextmanager
def _current_folder_importable() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _imported(name: str, source: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and name.startswith(str(error.name))
        hint = (
            f"run it where {name.split('.')[0]}.py lies, or install it."
            if missing
            else f"try it: `python -c 'import {name}'`."
        )
        if name.endswith(".py"):
            hint = without_suffix(source)
        message = f"The module {name} can't be imported: {error}."
        raise TfdeployError("TFD101", message, where=source, hint=hint) from error


def without_suffix(source: str) -> str:
    """The hint for who gives a Python file's path (``src/own.py:make``) in a module's place."""
    folder, _, name = source.rpartition("/")
    place = f", and run it in {folder}" if folder else ""
    return f"leave .py out: {name.replace('.py:', ':')}{place}."


def _attribute(module: Any, path: str, source: str) -> Any:
    found = module
    for name in path.split("."):
        if not hasattr(found, name):
            public = [one for one in dir(found) if not one.startswith("_")]
            hint = f"it has {', '.join(public[:12])}." if public else "it has no names at all."
            message = f"{module.__name__} has no '{path}'."
            raise TfdeployError("TFD101", message, where=source, hint=hint)
        found = getattr(found, name)
    return found
