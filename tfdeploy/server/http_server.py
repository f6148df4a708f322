"""HTTP/1.1 on asyncio: one protocol object a connection, requests answered in order."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any, Final

import httptools

from tfdeploy.server import log
from tfdeploy.server.address import listen_address
from tfdeploy.server.http_message import Request, Response, html_page, inflate, render_response

Handler = Callable[[Request], Awaitable[Response]]

_LARGEST_BODY: Final = 2**30
_MOST_WAITING: Final = 64
_UNKNOWN_METHOD: Final = re.compile(rb"[A-Z]+ /\S* HTTP/1\.[01]\r?\n")
_ABSOLUTE: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")


class _Clock:
    """The Date header, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def date(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second, self._text = now, formatdate(now, usegmt=True)
        return self._text


_clock: Final = _Clock()


class HttpProtocol(asyncio.Protocol):
    """One connection. httptools calls the `on_` methods while it is fed."""

    def __init__(self, handler: Handler, connections: "set[HttpProtocol]") -> None:
        self._handler = handler
        self._connections = connections
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._waiting: list[tuple[Request | Response, bool]] = []
        self._task: asyncio.Task[None] | None = None
        self._url = b""
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._size = 0
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def busy(self) -> bool:
        """A request is under way."""
        return self._task is not None and not self._task.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol. The answer under way has nobody to go to."""
        self._connections.discard(self)
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._answer(html_page(501))
        except httptools.HttpParserError:
            known = not self._url and _UNKNOWN_METHOD.match(data)
            self._answer(html_page(501 if known else 400))

    def on_message_begin(self) -> None:
        """A request line starts."""
        self._url, self._headers, self._parts, self._size = b"", {}, [], 0

    def on_url(self, url: bytes) -> None:
        """Part of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The body comes next."""
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._size += len(body)
        if self._size > _LARGEST_BODY:
            self._parts = []
            self._answer(html_page(413))
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """A whole request is here."""
        method = self._parser.get_method().decode("latin-1")
        path = _ABSOLUTE.sub("", self._url.decode("utf-8", "surrogateescape"), count=1)
        if method in ("TRACE", "CONNECT"):
            self._answer(html_page(501))
        elif _BAD_ESCAPE.search(path):
            self._answer(html_page(400))
        else:
            body = b"".join(self._parts)
            if body and "gzip" in self._headers.get("content-encoding", ""):
                body = inflate(body)
            self._enqueue(Request(method, path, self._headers, body))

    def _answer(self, response: Response) -> None:
        self._enqueue(response)
        self._transport.pause_reading()

    def _enqueue(self, item: Request | Response) -> None:
        self._waiting.append((item, self._parser.should_keep_alive()))
        if len(self._waiting) > _MOST_WAITING:
            self._transport.pause_reading()
        if not self.busy:
            self._task = asyncio.get_running_loop().create_task(self._work_or_abort())

    async def _work_or_abort(self) -> None:
        try:
            await self._work()
        except Exception as problem:
            log.error(f"Connection aborted: {problem!r}")
            self._transport.abort()

    async def _work(self) -> None:
        while self._waiting and not self._transport.is_closing():
            item, keep_alive = self._waiting.pop(0)
            response = item if isinstance(item, Response) else await self._handler(item)
            close = response.close or not keep_alive
            head_only = isinstance(item, Request) and item.method == "HEAD"
            if self._transport.is_closing():
                return
            self._transport.write(render_response(response, _clock.date(), head_only, close))
            if close:
                self._transport.close()
                return
            await self._writable.wait()
        if not self._transport.is_closing():
            self._transport.resume_reading()


async def start_http_server(
    handler: Handler, port: int
) -> tuple[asyncio.Server, set[HttpProtocol]]:
    """Listen on all interfaces, IPv4 and IPv6, or on the one that ``listen_address`` names.

    Returns:
        The server, and the set of its open connections.

    Raises:
        OSError: the port is taken.
    """
    connections: set[HttpProtocol] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: HttpProtocol(handler, connections), listen_address(), port, backlog=1024
    )
    return server, connections
