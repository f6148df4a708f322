"""Read a version folder: saved_model.pb by its wire format, without TensorFlow or protobuf.

Only a text one, saved_model.pbtxt, takes protobuf to read.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel.manifest import read_manifest
from tfdeploy.savedmodel.signatures import SavedModel, Signature, TensorInfo, dtype_name
from tfdeploy.savedmodel.warmup import read_warmup
from tfdeploy.savedmodel.wire import Message, WireError

_INIT_OP = "__saved_model_init_op"
_COPY_AGAIN = "copy or export the model again, under a new version number."
# What the server looks for, beside saved_model.pb (tensorflow/cc/saved_model/reader.cc).
_CHUNKED = "saved_model.cpb"
_MODEL_FILES = ("saved_model.pb", _CHUNKED, "saved_model.pbtxt")


def is_saved_model(folder: Path) -> bool:
    """Whether the server would find a SavedModel in that very folder."""
    return any((folder / name).is_file() for name in _MODEL_FILES)


def is_chunked(folder: Path) -> bool:
    """Whether what the server would read there is a SavedModel in chunks."""
    return (folder / _CHUNKED).is_file() and not (folder / "saved_model.pb").is_file()


def read_saved_model(path: Path, tag: str = "serve") -> SavedModel:
    """Read what a version folder offers, in a time that doesn't grow with its size.

    Only the graph whose tags are exactly ``{tag}`` counts, as for the server (tensorflow/cc/
    saved_model/reader.cc). The graph itself is stepped over: damage inside it stays unseen.

    Raises:
        TfdeployError: TFD110 when there is no SavedModel; TFD111 when it is damaged, is a chunked
            one, has no graph of that tag, or misses a file of its variables.
    """
    with open_model(path) as (file, message):
        found = _saved_model(message, file, tag)
        _check_variables(path)
    return found


@contextmanager
def open_model(path: Path) -> Iterator[tuple[Path, Message]]:
    """A version folder's model file and what it says, the graph left out of a text one.

    Of saved_model.pb and saved_model.pbtxt the first counts, as for the server.

    Raises:
        TfdeployError: TFD110, TFD111; also for what the block reads and finds damaged.
    """
    file = path / "saved_model.pb"
    with _readable(file):
        if file.is_file():
            with _mapped(file) as buffer:
                yield file, Message(buffer, 0, len(buffer))
            return
    file = path / "saved_model.pbtxt"
    with _readable(file):
        if not file.is_file() or is_chunked(path):
            raise _no_saved_model(path)
        from tfdeploy.savedmodel.text import read_text

        data = read_text(file)
        yield file, Message(data, 0, len(data))


@contextmanager
def _mapped(file: Path) -> Iterator[mmap.mmap]:
    with file.open("rb") as handle:
        if not os.fstat(handle.fileno()).st_size:
            raise _unreadable(file, "is empty")
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            yield buffer


def _saved_model(message: Message, file: Path, tag: str) -> SavedModel:
    graph = find_graph(message, file, tag)
    info = graph.message(1)
    signatures = [_signature(entry) for entry in graph.messages(5)]
    return SavedModel(
        path=file.parent,
        tags=_tags(graph),
        tensorflow_version=info.first_text(5) if info else "",
        signatures={one.name: one for one in signatures if one.name != _INIT_OP},
        size_bytes=size_bytes(file.parent),
        ops=_ops(info),
        warmup_records=read_warmup(file.parent).records,
        manifest=read_manifest(file.parent),
    )


def find_graph(message: Message, file: Path, tag: str) -> Message:
    """The MetaGraphDef whose tags are exactly ``{tag}``.

    Raises:
        TfdeployError: TFD111 where there is none.
        WireError: the bytes are damaged.
    """
    graphs = [(_tags(graph), graph) for graph in message.messages(2)]
    for tags, graph in graphs:
        if set(tags) == {tag}:
            return graph
    if not graphs:
        raise WireError("it holds no graph")
    seen = ", ".join("{" + " ".join(tags) + "}" for tags, _ in graphs)
    raise _unreadable(
        file,
        f"has no graph with the one tag '{tag}', only {seen}",
        hint=f"export the model again for serving, with the tag '{tag}'.",
    )


def _ops(info: Message | None) -> tuple[str, ...]:
    """The op types that the graph and its functions use, as its writer listed them."""
    # MetaInfoDef.stripped_op_list = 2, OpList.op = 1, OpDef.name = 1.
    ops = info.message(2) if info else None
    return tuple(sorted({op.first_text(1) for op in ops.messages(1)})) if ops else ()


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


def size_bytes(path: Path) -> int:
    """The size of all files below a folder."""
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
    if is_chunked(path):
        return _unreadable(
            path / _CHUNKED,
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
