"""What can be exported: a Keras file, a SavedModel folder, or what a Python function returns."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.exporting.keras_models import from_keras, is_keras_model, load_keras_file
from tfdeploy.exporting.servables import Servable, from_module, from_saved_model
from tfdeploy.savedmodel import (
    check_base_path,
    is_saved_model,
    list_versions,
    read_saved_model,
)
from tfdeploy.savedmodel.names import KERAS_FILES

_CALLABLE = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<attribute>[A-Za-z_][\w.]*)")
_KINDS = "a .keras file, a SavedModel folder, or module:function"


@dataclass(frozen=True)
class KerasFile:
    """A model that Keras saved."""

    path: Path
    hint: ClassVar[str] = (
        "a Keras file holds no code: where a layer is your own, write a function that loads the "
        "model, and export module:function."
    )

    def open(self, tf: Any) -> Servable:
        """Load it; a .keras file brings no code, so custom layers must be importable."""
        return from_keras(tf, load_keras_file(str(self.path)), str(self.path))


@dataclass(frozen=True)
class SavedModelFolder:
    """A folder that holds saved_model.pb."""

    path: Path
    hint: ClassVar[str] = "the message is TensorFlow's; without the image front it isn't loaded."

    def open(self, tf: Any) -> Servable:
        """Load its signatures."""
        return from_saved_model(tf, self.path)


@dataclass(frozen=True)
class PythonObject:
    """``module:attribute``: a model, or a function without arguments that returns one."""

    module: str
    attribute: str
    hint: ClassVar[str] = "the message is TensorFlow's, or the model's own; `where` is its line."

    def open(self, tf: Any) -> Servable:
        """Import the module, from the current folder too, and get the model."""
        source = f"{self.module}:{self.attribute}"
        with _current_folder_importable():
            found = _attribute(_imported(self.module, source), self.attribute, source)
            if not isinstance(found, tf.Module) and not is_keras_model(found) and callable(found):
                found = found()
        if is_keras_model(found):
            return from_keras(tf, found, source)
        if isinstance(found, tf.Module) or hasattr(found, "signatures"):
            return from_module(tf, found, source)
        raise TfdeployError(
            "TFD102",
            f"{source} gives a {type(found).__name__}, not a model.",
            where=source,
            hint="return a Keras model, or a tf.Module with @tf.function(input_signature=...).",
        )


Source = KerasFile | SavedModelFolder | PythonObject


def find_source(text: str) -> Source:
    """Say what a source is; nothing is loaded, and TensorFlow isn't needed.

    Of a base path the highest version is taken.

    Raises:
        TfdeployError: TFD101 when it isn't there, TFD102 when it is of no known kind, or what
            ``read_saved_model`` says of the folder.
    """
    path = Path(text)
    if path.is_dir():
        return SavedModelFolder(_version_folder(path))
    if path.is_file():
        if path.suffix.lower() in KERAS_FILES:
            return KerasFile(path)
        raise _wrong("TFD102", f"{path} is no Keras file: its name ends in '{path.suffix}'.", text)
    if match := _CALLABLE.fullmatch(text):
        return PythonObject(match["module"], match["attribute"])
    raise _wrong("TFD101", f"There is no {path} to export.", text, _hint(text))


def _version_folder(path: Path) -> Path:
    versions = [] if is_saved_model(path) else list_versions(path)
    if not versions and not is_saved_model(path):
        raise_all(check_base_path(path))
    folder = versions[-1].path if versions else path
    return read_saved_model(folder).path


def _hint(text: str) -> str:
    """A module is named as in ``import``; a path to its file is what many write first."""
    folder, _, name = text.rpartition("/")
    if ".py:" not in name:
        return f"give {_KINDS}."
    place = f", and run it in {folder}" if folder else ""
    return f"leave .py out: {name.replace('.py:', ':')}{place}."


def _wrong(code: str, message: str, where: str, hint: str = f"give {_KINDS}.") -> TfdeployError:
    return TfdeployError(code, message, where=where, hint=hint)


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
            else (f"try it: `python -c 'import {name}'`.")
        )
        if name.endswith(".py"):
            hint = _hint(source)
        message = f"The module {name} can't be imported: {error}."
        raise _wrong("TFD101", message, source, hint) from error


def _attribute(module: Any, path: str, source: str) -> Any:
    found = module
    for name in path.split("."):
        if not hasattr(found, name):
            public = [one for one in dir(found) if not one.startswith("_")]
            hint = f"it has {', '.join(public[:12])}." if public else f"give {_KINDS}."
            raise _wrong("TFD101", f"{module.__name__} has no '{path}'.", source, hint)
        found = getattr(found, name)
    return found
