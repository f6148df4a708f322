"""Python objects by name, ``module:attribute``, from the current folder too."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError

PYTHON_NAME = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<attribute>[A-Za-z_][\w.]*)")


def load_name(text: str, where: str) -> Any:
    """Import what ``module:attribute`` names; the current folder comes first.

    Raises:
        TfdeployError: TFD101 when it isn't such a name, the module can't be imported, or it has
            no such attribute.
    """
    match = PYTHON_NAME.fullmatch(text)
    if match is None:
        raise _wrong(
            f"'{text}' names no Python object.", where, "write module:name, such as images:crop."
        )
    with current_folder_importable():
        module = _imported(match["module"], text, where)
        return _attribute(module, match["attribute"], where)


@contextlib.contextmanager
def current_folder_importable() -> Iterator[None]:
    """``import`` looks into the current folder first, as ``python -m`` does."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _imported(name: str, text: str, where: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and name.startswith(str(error.name))
        hint = f"try it: `python -c 'import {name}'`."
        if missing:
            hint = f"run it where {name.split('.')[0]}.py lies, or install it."
        if name.endswith(".py"):
            hint = without_suffix(text)
        raise _wrong(f"The module {name} can't be imported: {error}.", where, hint) from error


def without_suffix(text: str) -> str:
    """The hint for who gives a Python file's path (``src/own.py:make``) in a module's place."""
    folder, _, name = text.rpartition("/")
    place = f", and run it in {folder}" if folder else ""
    return f"leave .py out: {name.replace('.py:', ':')}{place}."


def _attribute(module: Any, path: str, where: str) -> Any:
    found = module
    for name in path.split("."):
        if not hasattr(found, name):
            public = [one for one in dir(found) if not one.startswith("_")]
            hint = f"it has {', '.join(public[:12]) or 'nothing public'}."
            raise _wrong(f"{module.__name__} has no '{path}'.", where, hint)
        found = getattr(found, name)
    return found


def _wrong(message: str, where: str, hint: str) -> TfdeployError:
    return TfdeployError("TFD101", message, where=where, hint=hint)
