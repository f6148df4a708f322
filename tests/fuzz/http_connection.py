"""One connection to the HTTP front without a socket: bytes in, replies out."""

import asyncio
import http.client
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tfdeploy.server.http_message import Request, Response
from tfdeploy.server.http_server import Handler, HttpProtocol

_TURNS: Final = 10_000


def make_protocol(handler: Handler, connections: set[Any]) -> asyncio.Protocol:
    """The one place that knows how a connection is made."""
    return HttpProtocol(handler, connections)


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.paused = False
        self.closing = False
        self.aborted = False

    def write(self, data: Any) -> None:
        assert not self.aborted
        if not self.closing:
            self.written += data

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        assert not self.closing, "a closed transport can't resume"
        self.paused = False

    def is_reading(self) -> bool:
        return not self.paused

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


@dataclass
class Server:
    """Answers every request with its number, and remembers it."""

    seen: list[Request] = field(default_factory=list)

    async def handle(self, request: Request) -> Response:
        number = len(self.seen)
        self.seen.append(request)
        await asyncio.sleep(0)
        return Response(200, b"x" * (number % 7), headers=(("X-Number", str(number)),))


@dataclass
class Reply:
    """One reply as a client reads it; `number` says which request it belongs to."""

    status: int
    number: int | None
    body: bytes


class _Socket:
    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream

    def makefile(self, _mode: str) -> Any:
        return _Unclosed(self._stream)


class _Unclosed(io.BufferedReader):
    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, buffer_size=1)

    def close(self) -> None:
        """The next reply comes from the same stream."""

    def __del__(self) -> None:
        self.detach()


def read_replies(written: bytes, seen: list[Request]) -> list[Reply]:
    """The replies in a stream, read by the standard library's client.

    Raises:
        http.client.HTTPException: a reply isn't well-formed.
    """
    stream = io.BytesIO(written)
    replies = []
    while stream.tell() < len(written):
        socket: Any = _Socket(stream)
        response = http.client.HTTPResponse(socket)
        response.begin()
        name = response.headers.get("X-Number")
        number = int(name) if name is not None else None
        size = int(response.headers["Content-Length"])
        head_only = number is not None and seen[number].method == "HEAD"
        body = b"" if head_only else stream.read(size)
        assert head_only or len(body) == size, "a reply is cut short"
        assert not any(map(response.headers.get_all("Content-Length", [])[1:].__contains__, "0"))
        replies.append(Reply(response.status, number, body))
    return replies


@dataclass
class Talk:
    """What a connection came to."""

    replies: list[Reply]
    seen: list[Request]
    wire: Wire
    connections: set[Any]


async def _settle(protocol: Any, wire: Wire) -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        if not protocol.busy and (wire.closing or not wire.paused):
            return
    raise AssertionError("the connection hangs")


async def talk_async(parts: Iterable[bytes]) -> Talk:
    """Send parts one by one, as fast as the server reads."""
    server, wire, connections = Server(), Wire(), set[Any]()
    protocol = make_protocol(server.handle, connections)
    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: problems.append(what))
    protocol.connection_made(wire)
    for part in parts:
        if wire.paused:
            await _settle(protocol, wire)
        if wire.closing:
            break
        protocol.data_received(part)
    await _settle(protocol, wire)
    if not wire.closing:
        protocol.eof_received()
    protocol.connection_lost(None)
    await asyncio.sleep(0)
    assert not problems, problems
    assert not wire.aborted, "an exception ended the connection"
    assert not connections
    return Talk(read_replies(bytes(wire.written), server.seen), server.seen, wire, connections)


def talk(*parts: bytes) -> Talk:
    """See `talk_async`."""
    return asyncio.run(talk_async(parts))
