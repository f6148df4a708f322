"""The engine on TensorFlow's C API: 8 us for a tiny model, where the Python callable takes 113."""

import ctypes
import functools
from collections.abc import Sequence
from ctypes import c_char_p, c_void_p
from typing import Any

from tfdeploy import wire
from tfdeploy.server.capi_library import Buffer, CApiUnavailable, Output, load_library
from tfdeploy.server.capi_tensor import new_tensor, read_tensor
from tfdeploy.server.engine import Pieces
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor
from tfdeploy.wire import Code

__all__ = ["CApiEngine", "CApiUnavailable"]


class _Status:
    """TF_Status that raises on exit of a with block, if it holds an error."""

    __slots__ = ("_handle",)

    def __enter__(self) -> Any:
        self._handle: Any = load_library().TF_NewStatus()
        return self._handle

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        library = load_library()
        code = library.TF_GetCode(self._handle)
        message = library.TF_Message(self._handle) if code else b""
        library.TF_DeleteStatus(self._handle)
        if code and kind is None:
            known = code if code in Code.__members__.values() else Code.UNKNOWN
            raise ServingError(Code(known), message.decode("utf-8", "surrogateescape"))


def _run_options(**fields: int) -> c_void_p:
    """A TF_Buffer with RunOptions."""
    text = wire.RunOptions(**fields).SerializeToString()
    return c_void_p(load_library().TF_NewBufferFromString(text, len(text)))


@functools.cache
def _inline_options() -> c_void_p:
    """Options that run every op in the calling thread: see RunOptions.inter_op_thread_pool in
    tensorflow/core/protobuf/config.proto.
    """
    return _run_options(inter_op_thread_pool=-1)


def _timed_options(timeout_ms: int) -> c_void_p:
    return _run_options(timeout_in_ms=timeout_ms)


class CApiCall:
    """TF_Output arrays of one way to call a graph."""

    def __init__(self, session: c_void_p, inputs: Any, outputs: Any) -> None:
        self._session = session
        self._inputs = inputs
        self._outputs = outputs
        self._values_type = c_void_p * len(inputs)
        self._results_type = c_void_p * len(outputs)

    def run(self, feeds: Sequence[Pieces], inline: bool, timeout_ms: int) -> list[Tensor]:
        """See `engine.GraphCall`."""
        library = load_library()
        options = _inline_options() if inline else _timed_options(timeout_ms)
        values, results = self._values_type(), self._results_type()
        try:
            for position, pieces in enumerate(feeds):
                values[position] = new_tensor(pieces)
            with _Status() as status:
                library.TF_SessionRun(
                    self._session, options,
                    self._inputs, values, len(values), self._outputs, results, len(results),
                    None, 0, None, status,
                )  # fmt: skip
            return [read_tensor(handle) for handle in results]
        finally:
            for handle in (*values, *results):
                if handle:
                    library.TF_DeleteTensor(handle)
            if not inline:
                library.TF_DeleteBuffer(options)


class CApiSession:
    """One TF_Session with its graph."""

    def __init__(self, session: c_void_p, graph: c_void_p, meta_graph: bytes) -> None:
        self.meta_graph = meta_graph
        self._session = session
        self._graph = graph

    def prepare(self, feeds: Sequence[str], fetches: Sequence[str]) -> CApiCall:
        """See `engine.Session`."""
        return CApiCall(self._session, self._outputs(feeds), self._outputs(fetches))

    def close(self) -> None:
        """See `engine.Session`."""
        library = load_library()
        with _Status() as status:
            library.TF_CloseSession(self._session, status)
        with _Status() as status:
            library.TF_DeleteSession(self._session, status)
        library.TF_DeleteGraph(self._graph)

    def _outputs(self, names: Sequence[str]) -> Any:
        array = (Output * len(names))()
        library = load_library()
        for position, name in enumerate(names):
            operation, _, index = name.partition(":")
            handle = library.TF_GraphOperationByName(self._graph, operation.encode())
            number = int(index or 0)
            if not handle or number >= library.TF_OperationNumOutputs(handle):
                raise ServingError(Code.NOT_FOUND, f"Tensor {name} not found in the graph")
            array[position] = Output(handle, number)
        return array


def _take_buffer(buffer: Any) -> bytes:
    content: Buffer = buffer.contents
    data = ctypes.string_at(content.data, content.length) if content.length else b""
    load_library().TF_DeleteBuffer(buffer)
    return data


class CApiEngine:
    """Loads SavedModels through TF_LoadSessionFromSavedModel."""

    name = "capi"

    def __init__(self) -> None:
        load_library()

    def load(self, path: str, tags: Sequence[str], config: bytes) -> CApiSession:
        """See `engine.Engine`."""
        library = load_library()
        options = c_void_p(library.TF_NewSessionOptions())
        graph = c_void_p(library.TF_NewGraph())
        meta_graph = library.TF_NewBuffer()
        words = (c_char_p * len(tags))(*[tag.encode() for tag in tags])
        try:
            with _Status() as status:
                library.TF_SetConfig(options, config, len(config), status)
            with _Status() as status:
                session = library.TF_LoadSessionFromSavedModel(
                    options, None, path.encode(), words, len(tags), graph, meta_graph, status
                )
        except ServingError:
            _take_buffer(meta_graph)
            library.TF_DeleteGraph(graph)
            raise
        finally:
            library.TF_DeleteSessionOptions(options)
        return CApiSession(c_void_p(session), graph, _take_buffer(meta_graph))
