"""The processes that answer on one port, as one of them sees the others.

With `--workers=1` there are none. Else each worker is connected with the supervisor
(`supervisor.py`), which asks all of them and hands the answers back.
"""

import asyncio
import base64
import contextlib
import json
import os
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from tfdeploy.server import log

LENGTH: Final = struct.Struct("<I")
RELOAD: Final = "reload"
STATUSES: Final = "statuses"
METRICS: Final = "metrics"

Answer = Callable[[str, Any], Awaitable[Any]]
"""What a worker answers a question with: its kind and its argument to data that JSON can hold."""


class Peers(Protocol):
    """Asks all workers, this one too."""

    async def ask(self, kind: str, argument: Any, answer: Answer) -> list[Any]:
        """The answers of all workers; `answer` gives this one's."""


class NoPeers:
    """The only process."""

    async def ask(self, kind: str, argument: Any, answer: Answer) -> list[Any]:
        """See `Peers`."""
        return [await answer(kind, argument)]


def pack(message: dict[str, Any]) -> bytes:
    """A message as it goes over a link: its length, and JSON with bytes as base64."""
    text = json.dumps(message, default=_pack_bytes).encode()
    return LENGTH.pack(len(text)) + text


def unpack(text: bytes) -> dict[str, Any]:
    """What `pack` made, without the length."""
    message: dict[str, Any] = json.loads(text, object_hook=_unpack_bytes)
    return message


def _pack_bytes(value: Any) -> Any:
    return {"b64": base64.b64encode(value).decode("ascii")}


def _unpack_bytes(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["b64"]) if value.keys() == {"b64"} else value


class Link:
    """A worker's end of the line to the supervisor."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._answer: Answer | None = None
        self._asked: dict[int, asyncio.Future[list[Any]]] = {}
        self._count = 0
        self._opened = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self, socket: Any) -> None:
        """Begin to listen.

        Args:
            socket: One end of a socket pair; the supervisor has the other one.
        """
        reader, self._writer = await asyncio.open_connection(sock=socket, limit=2**30)
        self._keep(self._listen(reader))

    def serve(self, answer: Answer) -> None:
        """From now on answer what other workers ask."""
        self._answer = answer

    async def wait_until_all_are_loaded(self) -> None:
        """The ports are opened together, when no worker has models left to load."""
        self._send({"loaded": True})
        await self._opened.wait()

    async def report_failure(self, text: str) -> None:
        """Tell the supervisor why this worker ends; returns once it is on its way."""
        self._send({"failed": text})
        assert self._writer is not None
        self._writer.transport.set_write_buffer_limits(0)
        with contextlib.suppress(OSError):
            await self._writer.drain()

    async def ask(self, kind: str, argument: Any, answer: Answer) -> list[Any]:
        """See `Peers`. A worker that has just been restarted may be missing."""
        self._count += 1
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._asked[self._count] = future
        self._send({"ask": kind, "argument": argument, "number": self._count})
        return await future

    def _keep(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send(self, message: dict[str, Any]) -> None:
        assert self._writer is not None
        self._writer.write(pack(message))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                message = unpack(await reader.readexactly(size))
            except (asyncio.IncompleteReadError, OSError):
                log.error("The supervisor is gone, so this worker ends")
                os._exit(1)
            if "open" in message:
                self._opened.set()
            elif "answers" in message:
                self._asked.pop(message["number"]).set_result(message["answers"])
            else:
                self._keep(self._reply(message))

    async def _reply(self, message: dict[str, Any]) -> None:
        reply = None
        if self._answer is not None:
            reply = await self._answer(message["ask"], message["argument"])
        self._send({"reply": reply, "number": message["number"]})
