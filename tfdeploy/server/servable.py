"""One loaded version of one model, kept until the last request that uses it is done."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from tfdeploy.server.batching import Batching
from tfdeploy.server.engine import GraphCall, Session
from tfdeploy.server.metrics import Histogram
from tfdeploy.server.signature import Port, Signature, read_signatures

# Ops whose running time depends on values: these never run on the event loop.
_LOOPS = (b"While", b"NextIteration", b"PyFunc", b"MapDefun", b"Iterator")
_MOST_RUNNERS = 4096
_MOST_KINDS = 1024

FindIndependent = Callable[[bytes], frozenset[str]]
Kind = tuple[tuple[int, tuple[int, ...] | None], ...]
"""Of each input of a request, the dtype and all sizes but the rows; None for a scalar."""


class Runner:
    """One way to run a version: what goes in, what comes out, and what is known about it.

    Attributes:
        servable: The version.
        feeds: Tensor names that go in.
        fetches: Tensor names that come out.
        call: The graph's side of it.
        batching: Rules of the batches that it runs in, or None.
        ports: Of the signature's inputs if its rows are proven not to touch, so that requests may
            be joined although nobody asked for batches; else None.
        seconds: What a run takes, by size class of the inputs.
        last_tasks: Requests that the last run in a thread answered.
        latency: Gets the microseconds of each request's run; set by whoever counts them.
    """

    __slots__ = (
        "_joinable",
        "batching",
        "call",
        "feeds",
        "fetches",
        "last_tasks",
        "latency",
        "ports",
        "seconds",
        "servable",
    )

    def __init__(
        self,
        servable: "Servable",
        feeds: tuple[str, ...],
        fetches: tuple[str, ...],
        ports: Sequence[Port] | None,
    ) -> None:
        self.servable = servable
        self.feeds = feeds
        self.fetches = fetches
        self.call: GraphCall = servable.session.prepare(feeds, fetches)
        self.batching = servable.batching
        self.ports = ports
        self.last_tasks = 1
        self._joinable: dict[Kind, bool] = {}
        self.seconds: dict[int, float] = {}
        self.latency: Histogram | None = None

    def joins(self, kind: Kind) -> bool:
        """Whether requests of one kind may run together. The proof holds for declared shapes."""
        if self.ports is None:
            return False
        known = self._joinable.get(kind)
        if known is None:
            if len(self._joinable) > _MOST_KINDS:
                self._joinable.clear()  # clients choose the shapes
            known = self._joinable[kind] = _is_as_declared(kind, self.ports)
        return known


def _is_as_declared(kind: Kind, ports: Sequence[Port]) -> bool:
    for (dtype, inner), port in zip(kind, ports, strict=True):
        if port.shape is None or inner is None or port.dtype != dtype:
            return False
        if len(port.shape) != len(inner) + 1:
            return False
        if any(want not in (-1, size) for want, size in zip(port.shape[1:], inner, strict=True)):
            return False
    return True


class Servable:
    """A session with its signatures and a count of the requests inside.

    Attributes:
        name: The model's name.
        version: The version's number.
        session: The loaded SavedModel.
        signature_defs: A SignatureDefMap, as metadata requests return it.
        signatures: By name.
        may_loop: The graph can run for long on little input.
        batching: The rules of batches, or None.
    """

    def __init__(
        self,
        name: str,
        version: int,
        session: Session,
        batching: Batching | None = None,
        find_independent: FindIndependent | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.session = session
        self.batching = batching
        self.signature_defs, self.signatures = read_signatures(session.meta_graph)
        self.may_loop = any(word in session.meta_graph for word in _LOOPS)
        self._independent = (
            find_independent(session.meta_graph) if find_independent else frozenset()
        )
        session.meta_graph = b""  # it holds the whole graph, constants and all
        self._runners: dict[Any, Runner] = {}
        self._inside = 0
        self._is_closing = False
        self._lock = threading.Lock()
        self._emptied = threading.Event()

    def __str__(self) -> str:
        return f"{{name: {self.name} version: {self.version}}}"

    def runner(
        self, signature: Signature, inputs: tuple[str, ...], outputs: tuple[str, ...], api: str
    ) -> Runner:
        """The way to run a signature, found or made.

        Args:
            signature: One of this version's.
            inputs: Aliases of what is fed, in order.
            outputs: Aliases of what is fetched, in order.
            api: What the runs are for, such as `Predict`.
        """
        key = (signature.name, inputs, outputs, api)
        runner = self._runners.get(key)
        if runner is None:
            if len(self._runners) > _MOST_RUNNERS:
                self._runners.clear()  # output filters of clients make the keys
            runner = Runner(
                self,
                tuple(signature.inputs[alias].tensor_name for alias in inputs),
                tuple(signature.outputs[alias].tensor_name for alias in outputs),
                self._ports_to_join_by(signature, inputs),
            )
            self._runners[key] = runner
        return runner

    def _ports_to_join_by(
        self, signature: Signature, inputs: tuple[str, ...]
    ) -> Sequence[Port] | None:
        whole = len(inputs) == len(signature.inputs) and bool(inputs)
        if signature.name not in self._independent or not whole:
            return None
        return [signature.inputs[alias] for alias in inputs]

    def forget_meters(self) -> None:
        """Whoever runs the version from now on counts elsewhere; what was learnt of times stays."""
        for runner in self._runners.values():
            runner.latency = None

    def take(self) -> bool:
        """Hold on to the version for one request; False when it is already being unloaded."""
        with self._lock:
            if self._is_closing:
                return False
            self._inside += 1
            return True

    def hold(self) -> None:
        """Hold on once more, for work that may outlive the request that started it."""
        with self._lock:
            self._inside += 1

    def give_back(self) -> None:
        """The request that took the version is done."""
        with self._lock:
            self._inside -= 1
            if self._is_closing and self._inside == 0:
                self._emptied.set()

    def close(self) -> None:
        """Wait for the requests inside, then free the model."""
        with self._lock:
            self._is_closing = True
            if self._inside == 0:
                self._emptied.set()
        self._emptied.wait()
        self._runners.clear()
        self.session.close()
