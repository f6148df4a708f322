"""The fallback engine: a TF1 session. It imports TensorFlow, which takes seconds."""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfdeploy.server.engine import Pieces
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor, join_pieces, storage_of
from tfdeploy.wire import Code, DataType


def _serving_error(error: Any) -> ServingError:
    code = getattr(error, "error_code", Code.INTERNAL)
    return ServingError(Code(code), str(getattr(error, "message", error)))


def _value_to_feed(tf: Any, tensor: Tensor) -> Any:
    wanted = tf.dtypes.as_dtype(tensor.dtype).as_numpy_dtype
    if tensor.dtype == DataType.DT_STRING or tensor.array.dtype == wanted:
        return tensor.array
    return tensor.array.view(wanted)


def _fetched(tensor: Any, value: Any) -> Tensor:
    dtype = int(tensor.dtype.as_datatype_enum)
    array = np.asarray(value, np.object_ if dtype == DataType.DT_STRING else None)
    storage = storage_of(dtype)
    if storage is not None and array.dtype != storage:
        array = array.view(storage)
    return Tensor(dtype, array)


class TF1Call:
    """One way to call a `tf.compat.v1.Session`."""

    def __init__(self, tf: Any, session: Any, feeds: Sequence[str], fetches: Sequence[str]) -> None:
        self._tf = tf
        self._session = session
        self._feeds = tuple(feeds)
        try:
            self._fetches = [session.graph.get_tensor_by_name(name) for name in fetches]
        except (KeyError, ValueError) as error:
            raise ServingError(Code.NOT_FOUND, str(error)) from None

    def run(self, feeds: Sequence[Pieces], inline: bool, timeout_ms: int) -> list[Tensor]:
        """See `engine.GraphCall`."""
        tf = self._tf
        options = tf.compat.v1.RunOptions()
        if inline:
            options.inter_op_thread_pool = -1
        else:
            options.timeout_in_ms = max(timeout_ms, 0)
        try:
            fed = {
                name: _value_to_feed(tf, join_pieces(pieces))
                for name, pieces in zip(self._feeds, feeds, strict=True)
            }
            values = self._session.run(self._fetches, fed, options)
        except tf.errors.OpError as error:
            raise _serving_error(error) from None
        except (TypeError, ValueError, KeyError) as error:
            raise ServingError(Code.INVALID_ARGUMENT, str(error)) from None
        return [_fetched(*pair) for pair in zip(self._fetches, values, strict=True)]


class TF1Session:
    """A `tf.compat.v1.Session` in a graph of its own."""

    def __init__(self, tf: Any, session: Any, meta_graph: bytes) -> None:
        self.meta_graph = meta_graph
        self._tf = tf
        self._session = session

    def prepare(self, feeds: Sequence[str], fetches: Sequence[str]) -> TF1Call:
        """See `engine.Session`."""
        return TF1Call(self._tf, self._session, feeds, fetches)

    def close(self) -> None:
        """See `engine.Session`."""
        self._session.close()


class SessionEngine:
    """Loads SavedModels through `tf.compat.v1.saved_model.loader`."""

    name = "session"

    def __init__(self) -> None:
        self._tf: Any = importlib.import_module("tensorflow")

    def load(self, path: str, tags: Sequence[str], config: bytes) -> TF1Session:
        """See `engine.Engine`."""
        tf = self._tf
        proto = tf.compat.v1.ConfigProto.FromString(config)
        session = tf.compat.v1.Session(graph=tf.Graph(), config=proto)
        try:
            with session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.loader.load(session, list(tags), path)
        except tf.errors.OpError as error:
            session.close()
            raise _serving_error(error) from None
        except (OSError, RuntimeError, ValueError) as error:
            session.close()
            raise ServingError(Code.NOT_FOUND, str(error)) from None
        return TF1Session(tf, session, meta_graph.SerializeToString())
