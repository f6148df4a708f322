"""From a source to a SavedModel in a scratch folder."""

from __future__ import annotations

import contextlib
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.recipe import DEFAULT, Recipe
from tfdeploy.exporting.servables import Servable
from tfdeploy.exporting.signatures import with_signatures
from tfdeploy.exporting.sources import SavedModelFolder, Source
from tfdeploy.exporting.tensorflow_import import import_tensorflow
from tfdeploy.exporting.writing import write
from tfdeploy.files import copy_tree
from tfdeploy.savedmodel import read_saved_model

Report = Callable[[str], None]


def fill(found: Source, recipe: Recipe, scratch: Path, report: Report) -> Servable | None:
    """Write a source as a SavedModel into ``scratch``; None where a SavedModel was copied.

    Raises:
        TfdeployError: TFD102 and TFD116 for what can't be served, TFD103 when TensorFlow, Keras
            or the user's own code fails, TFD106 without TensorFlow, TFD211.
    """
    if isinstance(found, SavedModelFolder) and not recipe.signatures and _has_default(found.path):
        report(f"copying {found.path}")
        _copy(found.path, scratch)
        return None
    report("importing TensorFlow")
    tf = import_tensorflow()
    report(f"loading {recipe.source}")
    with _saving(recipe.source, found.hint):
        servable = found.open(tf, recipe.loading)
        if servable.loaded_by:
            report(f"loaded by {servable.loaded_by}")
        servable = with_signatures(tf, servable, recipe)
        report("writing the SavedModel")
        if servable.saved is not None:
            _copy(servable.saved, scratch)
        else:
            write(tf, servable, scratch)
    return servable


def _has_default(folder: Path) -> bool:
    return DEFAULT in read_saved_model(folder).signatures


def _copy(folder: Path, scratch: Path) -> None:
    try:
        copy_tree(folder, scratch)
    except OSError as error:
        raise TfdeployError(
            "TFD211",
            f"{folder} can't be copied: {error.strerror or error}.",
            where=str(scratch.parent),
            hint="check that every file can be read, and the space left on the disk.",
        ) from error


@contextlib.contextmanager
def _saving(source: str, hint: str) -> Iterator[None]:
    """Turn whatever TensorFlow, Keras or the user's own code raises into TFD103."""
    try:
        yield
    except TfdeployError:
        raise
    except Exception as error:
        line = next((one for one in str(error).splitlines() if one.strip()), "no message").strip()
        raise TfdeployError(
            "TFD103",
            f"{source} can't be exported: {type(error).__name__}: {line}",
            where=_place(error, source),
            hint=hint,
        ) from error


def _place(error: BaseException, source: str) -> str:
    """File and line of the innermost frame of the user's own code; ``source`` without one."""
    others = [str(Path(__file__).parent), sysconfig.get_paths()["stdlib"], "<"]
    place, frame = source, error.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if "site-packages" not in file and not file.startswith(tuple(others)):
            place = f"{file}, line {frame.tb_lineno}"
        frame = frame.tb_next
    return place
