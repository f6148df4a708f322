"""The program that the process runtime starts as a server."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.stack.schema import Publish

ALL_INTERFACES = "0.0.0.0"  # noqa: S104 - what servers do by themselves


def embedded_server() -> tuple[str, ...]:
    """The command of the server that ships with tfdeploy."""
    return tuple(processes.python_argv("tfdeploy.server"))


def find_server(binary: str) -> tuple[str, ...]:
    """The command for ``--server-binary``: a path, or a name on PATH.

    Raises:
        TfdeployError: TFD405.
    """
    found = shutil.which(binary)
    if found is None:
        raise TfdeployError(
            "TFD405",
            f"The server binary '{binary}' isn't there or can't be run.",
            where=str(Path(binary).absolute()) if "/" in binary else f"PATH={os.environ['PATH']}",
            hint="give the path of a tensorflow_model_server, or leave --server-binary out to "
            "use the embedded server.",
        )
    return (os.path.abspath(found),)


def own_address(publish: Publish) -> str | None:
    """The one address that both ports are published on; None where they differ."""
    return publish.rest[0] if publish.rest[0] == publish.grpc[0] else None


def listens_on(publish: Publish, server: Sequence[str]) -> str:
    """Where a server listens that is started as a process of this host.

    The embedded one can be told a single address; the real one has no way to listen on less than
    all.
    """
    own = own_address(publish)
    return own if own is not None and tuple(server) == embedded_server() else ALL_INTERFACES


def check_server(server: Sequence[str]) -> list[TfdeployError]:
    """TFD405 when the embedded server can't run for want of TensorFlow."""
    if server != embedded_server() or importlib.util.find_spec("tensorflow"):
        return []
    return [
        TfdeployError(
            "TFD405",
            "The embedded server needs TensorFlow, which isn't installed.",
            where=f"{server[0]}: import tensorflow",
            hint="`pip install 'tfdeploy-serving[server]'`, or name a real server with "
            "--server-binary.",
        )
    ]
