"""Read a version folder: saved_model.pb by its wire format, without TensorFlow or protobuf."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel.signatures import SavedModel, Signature, TensorInfo, dtype_name
from tfdeploy.savedmodel.wire import Message, WireError

_INIT_OP = "__saved_model_init_op"
_COPY_AGAIN = "copy or export the model again, under a new version number."
# What the server looks for, beside saved_model.pb (tensorflow/cc/saved_model/reader.cc).
_OTHER_FORMATS = ("saved_model.cpb", "saved_model.pbtxt")


def is_saved_model(folder: Path) -> bool:
    """Whether the server would find a SavedModel in that very folder."""
    return any((folder / name).is_file() for name in ("saved_model.pb", *_OTHER_FORMATS))


def read_saved_model(path: Path, tag: str = "serve") -> SavedModel:
    """Read what a version folder offers, in a time that doesn't grow with its size.

    Only the graph whose tags are exactly ``{tag}`` counts, as for the server (tensorflow/cc/
    saved_model/reader.cc). The graph itself is stepped over: damage inside it stays unseen.

    Raises:
        TfdeployError: TFD110 when there is no SavedModel; TFD111 when it is damaged, is a text or
            a chunked one, has no graph of that tag, or misses a file of its variables.
    """
    file = path / "saved_model.pb"
    with _readable(file):
        if not file.is_file():
            raise _no_saved_model(path)
        found = _map(file, tag)
        _check_variables(path)
    return found


def _map(file: Path, tag: str) -> SavedModel:
    with file.open("rb") as handle:
        if not os.fstat(handle.fileno()).st_size:
            raise _unreadable(file, "is empty")
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            return _saved_model(Message(buffer, 0, len(buffer)), file.parent, tag)


def _saved_model(message: Message, path: Path, tag: str) -> SavedModel:
    graphs = [(_tags(graph), graph) for graph in message.messages(2)]
    for tags, graph in graphs:
        if set(tags) == {tag}:
            info = graph.message(1)
            signatures = [_signature(entry) for entry in graph.messages(5)]
            return SavedModel(
                path=path,
                tags=tags,
                tensorflow_version=info.first_text(5) if info else "",
                signatures={one.name: one for one in signatures if one.name != _INIT_OP},
                size_bytes=_size_bytes(path),
            )
    if not graphs:
        raise WireError("it holds no graph")
    seen = ", ".join("{" + " ".join(tags) + "}" for tags, _ in graphs)
    raise _unreadable(
        path / "saved_model.pb",
        f"has no graph with the one tag '{tag}', only {seen}",
        hint=f"export the model again for serving, with the tag '{tag}'.",
    )


def _tags(graph: Message) -> tuple[str, ...]:
    info = graph.message(1)
    return tuple(sorted(info.texts(4))) if info else ()


def _signature(entry: Message) -> Signature:
    value = entry.message(2) or Message(b"", 0, 0)
    return Signature(
        name=entry.first_text(1),
        inputs={one.alias: one for one in map(_tensor_info, value.messages(1))},
        outputs={one.alias: one for one in map(_tensor_info, value.messages(2))},
        method_name=value.first_text(3),
    )


def _tensor_info(entry: Message) -> TensorInfo:
    value = entry.message(2) or Message(b"", 0, 0)
    sparse = value.message(4)
    shape = value.message(3)
    return TensorInfo(
        alias=entry.first_text(1),
        tensor_name=value.first_text(1) or (sparse.first_text(1) if sparse else ""),
        dtype=dtype_name(value.integer(2)),
        shape=_shape(shape) if shape else None,
    )


def _shape(message: Message) -> tuple[int | None, ...] | None:
    if message.integer(3):
        return None
    sizes = [dim.integer(1) for dim in message.messages(2)]
    return tuple(None if size < 0 else size for size in sizes)


def _size_bytes(path: Path) -> int:
    files = (Path(root) / name for root, _, names in os.walk(path) for name in names)
    return sum(file.stat().st_size for file in files if file.is_file())


def _check_variables(path: Path) -> None:
    """Every file that the names of the others promise; the server reads no further at first."""
    folder = path / "variables"
    shards = {file.name for file in folder.glob("variables.data-*")}
    wanted = {
        f"variables.data-{number:05d}-of-{match[1]}"
        for name in shards
        if (match := re.search(r"-of-(\d{5})$", name))
        for number in range(int(match[1]))
    }
    if (shards or (folder / "variables.index").exists()) and not shards:
        wanted.add("variables.data-00000-of-00001")
    if shards:
        wanted.add("variables.index")
    for name in sorted(wanted):
        if not (folder / name).is_file():
            raise _unreadable(folder / name, "is missing, so the model is half copied")


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Turn what goes wrong while reading ``file`` into TFD111."""
    try:
        yield
    except WireError as error:
        raise _unreadable(file, f"is cut short or no SavedModel: {error}") from error
    except OSError as error:
        raise _unreadable(
            file,
            f"can't be read: {error.strerror or error}",
            hint=f"let everybody read it: `chmod -R a+rX {file.parent}`.",
        ) from error


def _unreadable(file: Path, what: str, *, hint: str = _COPY_AGAIN) -> TfdeployError:
    return TfdeployError("TFD111", f"{file.name} {what}.", where=str(file), hint=hint)


def _no_saved_model(path: Path) -> TfdeployError:
    for name in _OTHER_FORMATS:
        if (path / name).is_file():
            return _unreadable(
                path / name,
                "is a kind of SavedModel that tfdeploy doesn't read, though the server may",
                hint="export the model again: current TensorFlow writes saved_model.pb.",
            )
    if path.is_dir():
        what = f"{path} holds no saved_model.pb."
    elif path.exists():
        what = f"{path} is a file, not a SavedModel folder."
    else:
        what = f"{path} doesn't exist."
    return TfdeployError(
        "TFD110", what, where=str(path), hint="give the numbered folder that holds saved_model.pb."
    )
