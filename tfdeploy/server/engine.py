"""What runs a model: one interface, two engines.

`capi` calls TensorFlow's C API and does not import TensorFlow; `session` is a TF1 session, slower
to start and to call, with the same semantics. Both load as the real server does.
"""

from collections.abc import Sequence
from typing import Protocol

from tfdeploy.server import log
from tfdeploy.server.status import invalid
from tfdeploy.server.tensor import Tensor


class Session(Protocol):
    """A loaded SavedModel."""

    meta_graph: bytes
    """The serialized MetaGraphDef; whoever has read it may empty it to save memory."""

    def run(
        self,
        feeds: Sequence[tuple[str, Tensor]],
        fetches: tuple[str, ...],
        inline: bool,
        timeout_ms: int,
    ) -> list[Tensor]:
        """Run the graph. Safe to call from several threads.

        Args:
            feeds: Tensor names of the graph, with values. Shapes are not checked.
            fetches: Tensor names to return, in order.
            inline: Run every op in the calling thread: cheap, and no timeout holds.
            timeout_ms: Time limit when not inline; 0 is none.

        Raises:
            ServingError: whatever TensorFlow reports.
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
