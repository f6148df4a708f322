"""Models in Keras' own files: read by Keras 3, or by tf_keras where Keras 3 can't."""

from __future__ import annotations

import contextlib
import importlib
import json
import zipfile
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.keras2_models import from_keras2
from tfdeploy.exporting.keras_models import from_keras
from tfdeploy.exporting.servables import Servable


def open_keras_file(tf: Any, path: Path) -> Servable:
    """The model in a .keras, .h5 or .hdf5 file, without its optimizer.

    ``loaded_by`` says who read it, unless it was Keras 3 that read its own .keras format.

    Raises:
        TfdeployError: TFD102 when only tf_keras could read it, and it isn't installed; and what
            ``from_keras`` raises.
        Exception: what Keras says of a file that it can't read.
    """
    keras = importlib.import_module("keras")
    try:
        model = keras.saving.load_model(str(path), compile=False)
    # Keras raises many kinds for one cause: a class or a field that it doesn't know.
    except Exception as error:
        if not _is_keras2(path):
            raise
        return _by_tf_keras(tf, path, error)
    loaded_by = "" if path.suffix.lower() == ".keras" else f"Keras {keras.__version__}"
    return from_keras(tf, model, str(path), loaded_by)


def _by_tf_keras(tf: Any, path: Path, refusal: Exception) -> Servable:
    why = f"Keras 3 can't read it: {_first_sentence(refusal)}"
    try:
        tf_keras = importlib.import_module("tf_keras")
    except ModuleNotFoundError as error:
        raise TfdeployError(
            "TFD102",
            f"{path} was saved by Keras 2, and {why}.",
            where=str(path),
            hint="pip install 'tfdeploy-serving[keras2]', which brings tf_keras.",
        ) from error
    # Its own words tell more than those of Keras 3, to which everything here is unknown.
    model = tf_keras.models.load_model(str(path), compile=False)
    return from_keras2(tf, model, str(path), f"tf_keras {tf_keras.__version__} ({why})")


def _first_sentence(error: Exception) -> str:
    line = next((one for one in str(error).splitlines() if one.strip()), type(error).__name__)
    return line.split(". ")[0].strip().rstrip(".")


def _is_keras2(path: Path) -> bool:
    """Whether the file says that Keras 2 saved it; the first versions said nothing."""
    if zipfile.is_zipfile(path):
        with contextlib.suppress(OSError, KeyError, ValueError), zipfile.ZipFile(path) as archive:
            return _is_old(json.loads(archive.read("metadata.json")).get("keras_version"))
        return False
    h5py = importlib.import_module("h5py")
    try:
        with h5py.File(path, "r") as file:
            version = file.attrs.get("keras_version")
            return _is_old(version) or (version is None and "model_config" in file.attrs)
    except OSError:
        return False


def _is_old(version: object) -> bool:
    text = version.decode() if isinstance(version, bytes) else str(version)
    return text.split(".")[0] in ("1", "2")
