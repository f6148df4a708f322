"""What grpcio's own server gives: ``python -m benchmarks.serving.floor PORT MODELS_FOLDER``.

The same event loop, options and kind of handler as the embedded server, and constant bytes for an
answer: nothing is parsed, run or written. What another server takes above it is that server's own.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from benchmarks.serving.cases import load_cases
from tfdeploy import wire

OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


class Constant(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Answers each request by its length, which tells the cases apart."""

    def __init__(self, replies: dict[int, bytes]) -> None:
        self._replies = replies
        self._handler = grpc.unary_unary_rpc_method_handler(self._answer)

    def service(self, handler_call_details: Any) -> Any:
        """See `grpc.GenericRpcHandler`."""
        return self._handler if handler_call_details.method == wire.PREDICT else None

    async def _answer(self, request: bytes, _context: Any) -> bytes:
        return self._replies[len(request)]


async def serve(port: int, folder: Path) -> None:
    cases = load_cases(folder).values()
    server = grpc.aio.server(options=OPTIONS)
    replies = {len(case.grpc_request): case.grpc_reply for case in cases}
    server.add_generic_rpc_handlers((Constant(replies),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    """Serve until a signal."""
    served = serve(int(sys.argv[1]), Path(sys.argv[2]))
    try:
        import uvloop
    except ImportError:
        asyncio.run(served)
    else:
        uvloop.run(served)


if __name__ == "__main__":
    main()
