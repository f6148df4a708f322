"""HTTP/1.1 on asyncio: one protocol object a connection, requests answered in order."""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

import httptools

from tfdeploy.server import log
from tfdeploy.server.address import listen_address
from tfdeploy.server.http_head import READ_HEADERS, BadTarget, Head, find_head, read_target
from tfdeploy.server.http_message import Request, Response, html_page, inflate, render_response
from tfdeploy.server.limits import (
    LARGEST_BODY_BYTES,
    LARGEST_HEAD_BYTES,
    MOST_HEADERS,
    most_connections,
)
from tfdeploy.server.pending import drive

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_MOST_WAITING: Final = 64
_MOST_CONNECTIONS: Final = most_connections()
_UNKNOWN_METHOD: Final = re.compile(rb"[A-Z]+ /\S* HTTP/1\.[01]\r?\n")
_UNSUPPORTED: Final = (b"TRACE", b"CONNECT")


class HttpProtocol(asyncio.Protocol):
    """One connection: requests are answered in order, one at a time.

    Requests with a plain head go past the parser (see `http_head`); for the others httptools calls
    the `on_` methods while it is fed.
    """

    def __init__(self, handler: Handler, connections: "set[HttpProtocol]") -> None:
        self._handler = handler
        self._connections = connections
        self._parser: Any = None  # most connections never need one
        self._transport: Any = None
        self._waiting: deque[tuple[Request | Response, bool]] = deque()
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_size = 0  # of complete fields
        self._head_arrived = 0  # of all bytes, but those among which the head began
        self._fields = 0
        self._is_in_head = False
        self._begun = 0
        self._is_parsing = False  # a request is half through the parser
        self._head: Head | None = None  # of a request whose body is on its way past the parser
        self._missing = 0
        self._parts: list[bytes] = []
        self._body_size = 0
        self._is_refused = False
        self._is_writable = True
        self._is_reading = True
        self._is_advancing = False
        self._head_only = False
        self._keeps_alive = True
        self._is_ending = False
        self.busy = False
        """A request is under way."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport
        self._connections.add(self)
        if len(self._connections) > _MOST_CONNECTIONS:
            log.warning(f"A connection was closed: {_MOST_CONNECTIONS} are open already")
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol. The answer under way has nobody to go to."""
        self._connections.discard(self)
        self._waiting.clear()
        self._parts = []
        self._parser = None  # it holds this object

    def eof_received(self) -> bool:
        """See asyncio.Protocol. What the client asked before it fell silent is still answered."""
        self._head, self._is_parsing = None, False  # the rest never comes
        self._is_ending = True
        return self.busy or bool(self._waiting)

    def finish(self) -> None:
        """Close once what the client asked, or is about to ask, has been answered."""
        self._is_ending = True
        if self._is_at_its_end():
            self._transport.close()

    def _is_at_its_end(self) -> bool:
        is_asked = self.busy or self._waiting or self._head is not None or self._is_parsing
        return self._is_ending and not is_asked

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._is_writable = False

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._is_writable = True
        self._advance()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        while data and not self._is_refused:
            if self._head is not None:
                data = self._gather(self._head, data)
            elif self._is_parsing or (head := find_head(data)) is None:
                self._parse(data)
                return
            elif len(data) == head.size + head.body_size:
                self._finish(head, data[head.size :])
                return
            else:
                self._head, self._missing = head, head.body_size
                data = data[head.size :]
                if not head.body_size:
                    self._finish(head, b"")

    def _gather(self, head: Head, data: bytes) -> bytes:
        """Take a known request's body; what is left belongs to the next one."""
        size = len(data)
        if size < self._missing:
            self._missing -= size
            self._parts.append(data)
            return b""
        if size > self._missing:
            rest, data = data[self._missing :], data[: self._missing]
        else:
            rest = b""
        if self._parts:
            self._parts.append(data)
            data = b"".join(self._parts)
            self._parts = []
        self._finish(head, data)
        return rest

    def _finish(self, head: Head, body: bytes) -> None:
        self._head = None
        if body and "gzip" in head.headers.get("content-encoding", ""):
            body = inflate(body)
        self._enqueue(Request(head.method, head.path, head.headers, body), head.keeps_alive)

    def _parse(self, data: bytes) -> None:
        begun = self._begun
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline_upgrade(data[offer.args[0] :])
        except httptools.HttpParserError:
            is_first = self._begun <= begun + 1 and not self._url
            self._refuse(501 if is_first and _UNKNOWN_METHOD.match(data) else 400)
        if self._is_in_head and self._begun == begun:
            # The parser hands out complete fields only: it would gather an endless one in silence.
            self._head_arrived += len(data)
            if self._head_arrived > LARGEST_HEAD_BYTES:
                self._refuse(400)

    def on_message_begin(self) -> None:
        """A request line starts."""
        self._url, self._headers = b"", {}
        self._head_size = self._head_arrived = self._fields = 0
        self._is_in_head = self._is_parsing = True
        self._begun += 1
        self._parts, self._body_size = [], 0

    def on_url(self, url: bytes) -> None:
        """Part of the request target."""
        self._url = self._url + url if self._url else url
        self._head_size += len(url)
        if self._head_size > LARGEST_HEAD_BYTES:
            self._refuse(400)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one in a chunked body's trailer."""
        self._head_size += len(name) + len(value)
        self._fields += 1
        if self._head_size > LARGEST_HEAD_BYTES or self._fields > MOST_HEADERS:
            self._refuse(400)
        lowered = name.lower()
        if lowered in READ_HEADERS:
            self._headers[lowered.decode("latin-1")] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The body comes next."""
        self._is_in_head = False
        if self._announces_too_much():
            self._refuse(413)
            return
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._body_size += len(body)
        if self._body_size > LARGEST_BODY_BYTES:
            self._parts = []
            self._refuse(413)
        elif not self._is_refused:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """A whole request is here."""
        self._is_parsing = False
        if self._is_refused:
            return
        method = self._parser.get_method()
        if method in _UNSUPPORTED:
            self._refuse(501)
            return
        if self._parser.should_upgrade():
            return  # `_decline_upgrade` follows
        try:
            path = read_target(self._url)
        except BadTarget:
            self._refuse(400)
            return
        parts, self._parts = self._parts, []
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if body and "gzip" in self._headers.get("content-encoding", ""):
            body = inflate(body)
        request = Request(method.decode("latin-1"), path, self._headers, body)
        self._enqueue(request, self._parser.should_keep_alive())

    def _decline_upgrade(self, rest: bytes) -> None:
        """Go on as if nothing had been offered, as libevent does.

        Clients offer HTTP/2 with ordinary requests (`curl --http2`, Java's HttpClient). The parser
        ends at such a head, body or not, so another one reads the request again without the offer.
        """
        if self._is_refused:
            return
        kept = {name: value for name, value in self._headers.items() if name != "expect"}
        if "close" not in kept.pop("connection", "").lower():
            kept["connection"] = "keep-alive"
        else:
            kept["connection"] = "close"
        lines = [f"{name}: {value}".encode("latin-1") for name, value in kept.items()]
        start = b"%b %b HTTP/1.1" % (self._parser.get_method(), self._url)
        self._parser = httptools.HttpRequestParser(self)
        self._parse(b"\r\n".join([start, *lines, b"", b""]) + rest)

    def _announces_too_much(self) -> bool:
        length = self._headers.get("content-length", "0")
        return length.isdecimal() and int(length) > LARGEST_BODY_BYTES

    def _refuse(self, status: int) -> None:
        """Answer what can't be read, after what was asked before, and read no more."""
        if not self._is_refused:
            self._is_refused = True
            self._parts = []
            self._pause_reading()
            self._enqueue(html_page(status), False)

    def _enqueue(self, item: Request | Response, keeps_alive: bool) -> None:
        if not (self.busy or self._waiting or self._is_advancing) and self._is_writable:
            self._keeps_alive = keeps_alive
            self._begin(item)
            return
        self._waiting.append((item, keeps_alive))
        if len(self._waiting) > _MOST_WAITING:
            self._pause_reading()
        self._advance()

    def _pause_reading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._transport.pause_reading()

    def _advance(self) -> None:
        """Answer what waits, until one answer has to be waited for."""
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._waiting and not self.busy and self._is_writable:
                item, self._keeps_alive = self._waiting.popleft()
                self._begin(item)
        finally:
            self._is_advancing = False
        if not self._is_reading and not self._waiting and not self._is_refused:
            self._is_reading = True
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _begin(self, item: Request | Response) -> None:
        if isinstance(item, Response):
            self._send(item)
            return
        self.busy = True
        self._head_only = item.method == "HEAD"
        drive(self._handler(item), self._answered)

    def _answered(self, response: Response | None, error: BaseException | None) -> None:
        self.busy = False
        if response is None:
            log.error(f"Connection aborted: {error!r}")
            self._transport.abort()
            return
        self._send(response)
        if self._waiting or not self._is_reading:
            self._advance()

    def _send(self, response: Response) -> None:
        # uvloop raises on a write to a transport that is closed.
        if self._transport.is_closing():
            self._waiting.clear()
            return
        close = response.close or not self._keeps_alive or self._is_at_its_end()
        self._transport.write(render_response(response, self._head_only, close))
        self._head_only = False
        if close:
            self._waiting.clear()
            self._transport.close()


async def start_http_server(
    handler: Handler, port: int, shares_port: bool = False
) -> tuple[asyncio.Server, set[HttpProtocol]]:
    """Listen on all interfaces, IPv4 and IPv6, or on the one that ``listen_address`` names.

    Args:
        handler: Answers the requests.
        port: A TCP port.
        shares_port: Other workers listen on it too.

    Returns:
        The server, and the set of its open connections.

    Raises:
        OSError: the port is taken.
    """
    connections: set[HttpProtocol] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: HttpProtocol(handler, connections),
        listen_address(),
        port,
        backlog=1024,
        reuse_port=shares_port or None,
    )
    return server, connections
