"""What can be exported: a file or folder with a model, or what a Python function returns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.exporting.graphs import open_checkpoint, open_frozen_graph, open_with_names
from tfdeploy.exporting.keras_files import open_keras_file
from tfdeploy.exporting.python_names import PYTHON_NAME, without_suffix
from tfdeploy.exporting.python_objects import open_python_object
from tfdeploy.exporting.recipe import Loading
from tfdeploy.exporting.saved_models import from_saved_model
from tfdeploy.exporting.servables import Servable
from tfdeploy.savedmodel import (
    check_base_path,
    is_saved_model,
    list_versions,
    read_saved_model,
)
from tfdeploy.savedmodel.names import KERAS_FILES

_KINDS = (
    "a .keras or .h5 file, a SavedModel folder, a TF1 checkpoint (.meta), a frozen graph (.pb), or "
    "module:function"
)
# The files of the checkpoint model.ckpt-7: model.ckpt-7.meta and so on.
_OF_CHECKPOINT = re.compile(r"(?P<prefix>.+)\.(meta|index|data-\d{5}-of-\d{5})")


@dataclass(frozen=True)
class KerasFile:
    """A model that Keras saved."""

    path: Path
    hint: ClassVar[str] = (
        "a Keras file holds no code: where a layer is your own, write a function that loads the "
        "model, and export module:function."
    )

    def open(self, tf: Any, loading: Loading) -> Servable:
        """Load it; a .keras file brings no code, so custom layers must be importable."""
        return open_keras_file(tf, self.path)


@dataclass(frozen=True)
class SavedModelFolder:
    """A folder that holds saved_model.pb."""

    path: Path
    hint: ClassVar[str] = "the message is TensorFlow's; as it is, without fronts, it isn't loaded."

    def open(self, tf: Any, loading: Loading) -> Servable:
        """Load its signatures."""
        return from_saved_model(tf, self.path)


@dataclass(frozen=True)
class NamedTensors:
    """A SavedModel folder, with tensors of its graph as the default signature."""

    path: Path
    hint: ClassVar[str] = "the message is TensorFlow's; only SavedModels of TF1 can be loaded so."

    def open(self, tf: Any, loading: Loading) -> Servable:
        """Load it into a session, and find the tensors."""
        return open_with_names(tf, self.path, loading)


@dataclass(frozen=True)
class Checkpoint:
    """What TF1's Saver wrote: ``path`` is the .meta file, the graph; its data lie beside it."""

    path: Path
    hint: ClassVar[str] = (
        "the message is TensorFlow's; where the graph has ops of a library of yours, load it in a "
        "function of yours, and export module:function."
    )

    def open(self, tf: Any, loading: Loading) -> Servable:
        """Restore it into a session, and find the tensors."""
        return open_checkpoint(tf, self.path, loading)


@dataclass(frozen=True)
class FrozenGraph:
    """A GraphDef whose variables are constants."""

    path: Path
    hint: ClassVar[str] = Checkpoint.hint

    def open(self, tf: Any, loading: Loading) -> Servable:
        """Import it into a session, and find the tensors."""
        return open_frozen_graph(tf, self.path, loading)


@dataclass(frozen=True)
class PythonObject:
    """``module:attribute``: a model, or a function without arguments that returns one."""

    module: str
    attribute: str
    hint: ClassVar[str] = "the message is TensorFlow's, or the model's own; `where` is its line."

    def open(self, tf: Any, loading: Loading) -> Servable:
        """Import the module, from the current folder too, and get the model."""
        return open_python_object(tf, self.module, self.attribute)


_NOTHING_SAID = Loading()

Source = KerasFile | SavedModelFolder | NamedTensors | Checkpoint | FrozenGraph | PythonObject


def find_source(text: str, loading: Loading = _NOTHING_SAID) -> Source:
    """Say what a source is; nothing is loaded, and TensorFlow isn't needed.

    Of a base path the highest version is taken, of a folder of checkpoints the one that its file
    ``checkpoint`` names.

    Raises:
        TfdeployError: TFD101 when it isn't there, TFD102 when it is of no known kind or has no
            tensors that can be named, or what ``read_saved_model`` says of the folder.
    """
    found = _found(text)
    if not (loading.inputs or loading.outputs) or isinstance(found, Checkpoint | FrozenGraph):
        return found
    if isinstance(found, SavedModelFolder):
        return NamedTensors(found.path)
    raise _wrong(
        "TFD102",
        "Tensors can be named in a TF1 graph alone, and this model has inputs of its own.",
        text,
        "give the names that the model's inputs and outputs have, without ':0'.",
    )


def takes_tensor_names(text: str) -> bool:
    """Whether a source has no signatures of its own, so that its tensors have to be named."""
    try:
        return _graph(Path(text)) is not None
    except TfdeployError:
        # It will be refused, and not for its names.
        return True


def _found(text: str) -> Source:
    path = Path(text)
    if (graph := _graph(path)) is not None:
        return graph
    if path.is_dir():
        return SavedModelFolder(_version_folder(path))
    if path.is_file():
        if path.name in ("saved_model.pb", "saved_model.pbtxt"):
            return SavedModelFolder(_version_folder(path.parent))
        if path.suffix.lower() in KERAS_FILES:
            return KerasFile(path)
        message = f"{path} is no model file: its name ends in '{path.suffix}'."
        raise _wrong("TFD102", message, text)
    if match := PYTHON_NAME.fullmatch(text):
        return PythonObject(match["module"], match["attribute"])
    hint = without_suffix(text) if ".py:" in text else f"give {_KINDS}."
    raise _wrong("TFD101", f"There is no {path} to export.", text, hint)


def _graph(path: Path) -> Checkpoint | FrozenGraph | None:
    if path.is_dir():
        named = path / "checkpoint"
        is_model = not named.is_file() or is_saved_model(path)
        return None if is_model else _checkpoint(_latest(named))
    if path.is_file():
        if path.suffix.lower() == ".pb" and path.name != "saved_model.pb":
            return FrozenGraph(path)
        if match := _OF_CHECKPOINT.fullmatch(path.name):
            return _checkpoint(path.with_name(match["prefix"]))
    is_prefix = any(_beside(path, one).is_file() for one in ("meta", "index"))
    return _checkpoint(path) if is_prefix else None


def _beside(prefix: Path, kind: str) -> Path:
    return prefix.with_name(f"{prefix.name}.{kind}")


def _checkpoint(prefix: Path) -> Checkpoint:
    graph, data = _beside(prefix, "meta"), _beside(prefix, "index")
    if not graph.is_file():
        raise _wrong(
            "TFD102",
            f"{prefix} holds weights without a graph: there is no {graph.name}.",
            str(graph),
            "a checkpoint of TF2 or of weights alone needs the code: build the model in a "
            "function, load the weights, return it, and export module:function.",
        )
    # Of the first format, the data have the prefix for a name.
    if not data.is_file() and not prefix.is_file():
        message = f"The checkpoint {prefix} holds a graph without data: there is no {data.name}."
        raise _wrong("TFD101", message, str(data), "copy the checkpoint's other files beside it.")
    return Checkpoint(graph)


def _latest(file: Path) -> Path:
    """The prefix that a file ``checkpoint`` names; those of moved folders name the old place."""
    match = re.search(r'^model_checkpoint_path: "(.+)"$', file.read_text("utf-8"), re.MULTILINE)
    if match is None:
        message = f"{file} names no checkpoint."
        raise _wrong("TFD102", message, str(file), "give the .meta file itself.")
    named = file.parent / match[1]
    return named if _beside(named, "index").is_file() else file.parent / named.name


def _version_folder(path: Path) -> Path:
    versions = [] if is_saved_model(path) else list_versions(path)
    if not versions and not is_saved_model(path):
        raise_all(check_base_path(path))
    folder = versions[-1].path if versions else path
    return read_saved_model(folder).path


def _wrong(code: str, message: str, where: str, hint: str = f"give {_KINDS}.") -> TfdeployError:
    return TfdeployError(code, message, where=where, hint=hint)
