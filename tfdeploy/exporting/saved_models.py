"""SavedModels as sources."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfdeploy.exporting.freezing import REFERENCE_OPS, freeze
from tfdeploy.exporting.recipe import METHODS
from tfdeploy.exporting.servables import Function, Servable, Tensors, by_name
from tfdeploy.exporting.sessions import FolderSession, runs
from tfdeploy.savedmodel import SavedModel, Signature, read_saved_model


def from_saved_model(tf: Any, folder: Path) -> Servable:
    """The signatures of a SavedModel on disk, TF2's or TF1's, with their methods.

    It is loaded when a function is first called: as it is, it need only be copied. The reference
    of each function is a session on the folder that is fed by tensor name, as the server has one.
    """
    model = read_saved_model(folder)
    loaded = _Loaded(tf, model)
    session = FolderSession(tf, folder)
    functions = {
        name: _function(tf, signature, loaded, session)
        for name, signature in model.signatures.items()
    }
    return Servable(functions, loaded, [loaded.kept], saved=folder)


class _Loaded:
    """What tf.saved_model.load gives; ``kept`` is a tf.Module that has it once it is loaded."""

    def __init__(self, tf: Any, model: SavedModel) -> None:
        self._tf, self._model = tf, model
        self._room: Any = None
        self.kept = tf.Module()

    def signature(self, name: str) -> Any:
        """A concrete function; loads the model when it is first asked for one."""
        if not hasattr(self.kept, "loaded"):
            # Called while a graph is traced, and variables belong in none.
            with self._tf.init_scope():
                self.kept.loaded = self._tf.saved_model.load(str(self._folder()), tags=["serve"])
        return self.kept.loaded.signatures[name]

    def _folder(self) -> Path:
        folder = self._model.path
        if REFERENCE_OPS.isdisjoint(self._model.ops):
            return folder
        self._room = tempfile.TemporaryDirectory(
            prefix="tfdeploy-frozen-", ignore_cleanup_errors=True
        )
        frozen = Path(self._room.name) / "saved_model"
        freeze(self._tf, folder, frozen)
        return frozen


def _function(
    tf: Any, signature: Signature, loaded: _Loaded, session: Callable[[], Any]
) -> Function:
    def call(tensors: Tensors) -> Tensors:
        return by_name(loaded.signature(signature.name)(**tensors))

    specs = {
        alias: tf.TensorSpec(one.shape, tf.as_dtype(one.dtype), name=alias)
        for alias, one in signature.inputs.items()
    }
    inputs = {alias: one.tensor_name for alias, one in signature.inputs.items()}
    outputs = {alias: one.tensor_name for alias, one in signature.outputs.items()}
    methods = {text: method for method, text in METHODS.items()}
    method = methods.get(signature.method_name, "predict")
    return Function(specs, call, runs(tf, session, inputs, outputs), method)
