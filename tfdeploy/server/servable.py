"""One loaded version of one model, kept until the last request that uses it is done."""

import threading

from tfdeploy.server.batching import Batching
from tfdeploy.server.engine import Session
from tfdeploy.server.signature import read_signatures

# Ops whose running time depends on values: these never run on the event loop.
_LOOPS = (b"While", b"NextIteration", b"PyFunc", b"MapDefun", b"Iterator")


class Servable:
    """A session with its signatures and a count of the requests inside.

    Attributes:
        name: The model's name.
        version: The version's number.
        session: The loaded SavedModel.
        signature_defs: A SignatureDefMap, as metadata requests return it.
        signatures: By name.
        may_loop: The graph can run for long on little input.
        batching: What batching forbids and pads, or None.
        run_seconds: What a run takes, by outputs and size class of the inputs.
    """

    def __init__(
        self, name: str, version: int, session: Session, batching: Batching | None = None
    ) -> None:
        self.name = name
        self.version = version
        self.session = session
        self.batching = batching
        self.signature_defs, self.signatures = read_signatures(session.meta_graph)
        self.may_loop = any(word in session.meta_graph for word in _LOOPS)
        session.meta_graph = b""  # it holds the whole graph, constants and all
        self.run_seconds: dict[tuple[tuple[str, ...], int], float] = {}
        self._inside = 0
        self._closing = False
        self._changed = threading.Condition()

    def __str__(self) -> str:
        return f"{{name: {self.name} version: {self.version}}}"

    def take(self) -> bool:
        """Hold on to the version for one request; False when it is already being unloaded."""
        with self._changed:
            if self._closing:
                return False
            self._inside += 1
            return True

    def hold(self) -> None:
        """Hold on once more, for work that may outlive the request that started it."""
        with self._changed:
            self._inside += 1

    def give_back(self) -> None:
        """The request that took the version is done."""
        with self._changed:
            self._inside -= 1
            if self._inside == 0:
                self._changed.notify_all()

    def close(self) -> None:
        """Wait for the requests inside, then free the model."""
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: self._inside == 0)
        self.session.close()
