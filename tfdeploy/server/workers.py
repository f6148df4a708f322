"""What is done once for all workers, and what each of them does."""

import contextlib
import dataclasses
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from tfdeploy.server import log
from tfdeploy.server.address import listen_address
from tfdeploy.server.flags import Flags
from tfdeploy.server.peers import Link
from tfdeploy.server.serving import serve
from tfdeploy.server.startup import Models
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.supervisor import Supervisor

Run = Callable[[Coroutine[Any, Any, int]], int]
_FAILED: Final = 255


def serve_with_workers(flags: Flags, run: Run) -> int:
    """Serve by several processes until a signal.

    Args:
        flags: The command line; `workers` is over 1.
        run: Runs a coroutine in an event loop.

    Returns:
        The exit code.

    Raises:
        ServingError: a port is taken.
    """
    if not flags.port:
        invalid("--workers needs a TCP port for gRPC: a UNIX socket can't be shared")
    if flags.port > 0 and not _is_free(flags.port % 65536):
        log.error(f"Port {flags.port} is taken")
        invalid("Failed to BuildAndStart gRPC server")
    if flags.rest_api_port and not _is_free(flags.rest_api_port % 65536):
        log.error(f"Failed to start HTTP Server at localhost:{flags.rest_api_port}")
        flags = dataclasses.replace(flags, rest_api_port=0)
    _load_once(flags.engine)
    supervisor = Supervisor(
        flags.workers,
        lambda link, number: _work(flags, run, link, number),
        max(flags.drain_seconds, 0),
    )
    return supervisor.run()


def _is_free(port: int) -> bool:
    # Workers share their ports, and whoever else shares one would get part of their clients.
    family = socket.AF_INET if listen_address() else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen_address() or "::", port))
        except OSError:
            return False
    return True


def _load_once(engine: str) -> None:
    """Map TensorFlow's library before the fork, so that the workers have its pages in common."""
    if engine == "session":
        return
    from tfdeploy.server.capi_library import CApiUnavailable, load_library

    with contextlib.suppress(CApiUnavailable):  # each worker finds out, and says so
        load_library()


def _work(flags: Flags, run: Run, link: socket.socket, number: int) -> int:
    if number:
        # A UNIX socket can't be shared; the first worker has it.
        flags = dataclasses.replace(flags, grpc_socket_path="")
    return run(_serve_linked(flags, link))


async def _serve_linked(flags: Flags, socket_: socket.socket) -> int:
    link = Link()
    await link.connect(socket_)
    try:
        return 128 + await serve(flags, Models(flags), link)
    except ServingError as error:
        await link.report_failure(str(error))
        return _FAILED
