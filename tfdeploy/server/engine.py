"""What runs a model: one interface, two engines.

`capi` calls TensorFlow's C API and does not import TensorFlow; `session` is a TF1 session, slower
to start and to call, with the same semantics. Both load as the real server does.
"""

from collections.abc import Sequence
from typing import Protocol

from tfdeploy.server import log
from tfdeploy.server.status import invalid
from tfdeploy.server.tensor import Tensor

Pieces = Sequence[Tensor]
"""One value of a feed: a tensor, or several that are joined along dimension 0."""


class GraphCall(Protocol):
    """One way to call a graph: which tensors go in, which come out."""

    def run(self, feeds: Sequence[Pieces], inline: bool, timeout_ms: int) -> list[Tensor]:
        """Run the graph. Safe to call from several threads.

        Args:
            feeds: A value for each feed, in the order of `Session.prepare`. Shapes are not checked.
            inline: Run every op in the calling thread: cheap, and no timeout holds.
            timeout_ms: Time limit when not inline; 0 is none.

        Returns:
            The fetched tensors, in order.

        Raises:
            ServingError: whatever TensorFlow reports.
        """


class Session(Protocol):
    """A loaded SavedModel."""

    meta_graph: bytes
    """The serialized MetaGraphDef; whoever has read it may empty it to save memory."""

    def prepare(self, feeds: Sequence[str], fetches: Sequence[str]) -> GraphCall:
        """Look tensors up once, for many runs.

        Raises:
            ServingError: NOT_FOUND, a name is none of the graph's.
        """

    def close(self) -> None:
        """Free the model. Nothing may run any more."""


class Engine(Protocol):
    """A way to load SavedModels."""

    name: str

    def load(self, path: str, tags: Sequence[str], config: bytes) -> Session:
        """Load one version.

        Args:
            path: The version's folder.
            tags: The MetaGraph's tag set, which must match exactly.
            config: A serialized tensorflow.ConfigProto.

        Raises:
            ServingError: whatever TensorFlow reports.
        """


def create_engine(choice: str) -> Engine:
    """The engine that `--engine` names; `auto` prefers the C API."""
    if choice not in ("auto", "capi", "session"):
        invalid(f"--engine must be capi, session or auto, not '{choice}'")
    if choice != "session":
        from tfdeploy.server.capi import CApiEngine, CApiUnavailable

        try:
            return CApiEngine()
        except CApiUnavailable as error:
            if choice == "capi":
                invalid(f"TensorFlow's C API is not usable: {error}")
            log.warning(f"Falling back to a TF1 session: {error}")
    from tfdeploy.server.tf1_session import SessionEngine

    return SessionEngine()
