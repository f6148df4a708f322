"""TF1 sessions: how they are configured, and how a source model answers in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfdeploy.exporting.recipe import Session
from tfdeploy.exporting.servables import Tensors


def config_proto(tf: Any, session: Session) -> Any:
    """The tf.compat.v1.ConfigProto of what the user asked for."""
    config = tf.compat.v1.ConfigProto(allow_soft_placement=session.soft_placement)
    config.gpu_options.allow_growth = session.allow_growth
    config.gpu_options.per_process_gpu_memory_fraction = session.gpu_memory_fraction
    return config


def runs(
    tf: Any,
    session: Callable[[], Any],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
) -> Callable[[Tensors], Tensors]:
    """A function of eager tensors by alias that feeds and fetches by tensor name.

    Args:
        tf: TensorFlow.
        session: gives the session, at the first call and at all others.
        inputs: tensor name by alias.
        outputs: tensor name by alias; an empty one is no tensor (sparse), and is left out.
    """
    fetches = {alias: name for alias, name in outputs.items() if name}

    def run(tensors: Tensors) -> Tensors:
        feeds = {name: _array(tensors[alias]) for alias, name in inputs.items() if name}
        found = session().run(fetches, feeds)
        return {alias: tf.constant(value) for alias, value in found.items()}

    return run


def _array(tensor: Any) -> Any:
    return tensor.numpy() if hasattr(tensor, "numpy") else tensor


class FolderSession:
    """A session on a SavedModel, as the server has one; opened at the first call."""

    def __init__(self, tf: Any, folder: Path) -> None:
        self._tf, self._folder = tf, folder
        self._session: Any = None

    def __call__(self) -> Any:
        """The session."""
        if self._session is None:
            v1 = self._tf.compat.v1
            # It says what the model answers; that it isn't bound to a GPU is asked elsewhere.
            config = v1.ConfigProto(allow_soft_placement=True)
            session = v1.Session(graph=self._tf.Graph(), config=config)
            with session.graph.as_default():
                v1.saved_model.load(session, ["serve"], str(self._folder))
            self._session = session
        return self._session
