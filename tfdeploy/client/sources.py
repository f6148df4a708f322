"""Files that a request is made from: images, .npy arrays, JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    import numpy as np

# What tf.io.decode_image reads, by the first bytes.
IMAGES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
}
FOREIGN_IMAGES = {b"RIFF": "WebP", b"II*\x00": "TIFF", b"MM\x00*": "TIFF", b"%PDF": "PDF"}


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises:
        TfdeployError: TFD505 when it is missing or can't be read.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(f"Can't read {path}: {reason}.", path, "check the path.") from error


def read_image(path: Path) -> bytes:
    """The encoded image as it lies in the file.

    Raises:
        TfdeployError: TFD505 when it is missing, empty or no PNG, JPEG, GIF or BMP.
    """
    data = read_bytes(path)
    if any(data.startswith(magic) for magic in IMAGES):
        return data
    kind = next((name for magic, name in FOREIGN_IMAGES.items() if data.startswith(magic)), None)
    what = f"a {kind} file" if kind else "no image" if data else "empty"
    raise _unreadable(
        f"{path} is {what}.", path, "TensorFlow decodes PNG, JPEG, GIF and BMP; convert it."
    )


def read_array(path: Path) -> np.ndarray[Any, Any]:
    """The array in a .npy file.

    Raises:
        TfdeployError: TFD505 when it is missing, is no .npy file, or holds Python objects.
    """
    try:
        import numpy as np
    except ImportError as error:
        raise _unreadable("Reading .npy files needs numpy.", path, "install numpy.") from error
    data = read_bytes(path)
    hint = "write it with numpy.save(path, array); arrays of Python objects aren't taken."
    try:
        found = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError, SyntaxError) as error:
        raise _unreadable(f"{path} isn't a .npy array: {error}.", path, hint) from error
    if not isinstance(found, np.ndarray):
        raise _unreadable(f"{path} holds several arrays.", path, hint)
    return found


def read_json(path: Path) -> object:
    """The JSON document in a file.

    Raises:
        TfdeployError: TFD505 when it is missing, isn't UTF-8, or isn't JSON.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(f"{path} isn't UTF-8 text.", path, "save it as JSON.") from error
    return parse_json(text, str(path))


def parse_json(text: str, name: str) -> object:
    """The JSON document in ``text``; NaN and Infinity are taken, as the server takes them.

    Raises:
        TfdeployError: TFD505 with line and column.
    """
    hint = "give JSON: a list of rows, an object of inputs, or a whole request body."
    if not text.strip():
        raise TfdeployError("TFD505", f"{name} is empty.", where=name, hint=hint)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{name}, line {error.lineno} column {error.colno}"
        raise TfdeployError(
            "TFD505", f"{name} isn't JSON: {error.msg}.", where=where, hint=hint
        ) from error
    except (ValueError, RecursionError) as error:
        raise TfdeployError(
            "TFD505", f"{name} can't be read: {error}.", where=name, hint=hint
        ) from error


def _unreadable(message: str, path: Path, hint: str) -> TfdeployError:
    return TfdeployError("TFD505", message, where=str(path), hint=hint)
