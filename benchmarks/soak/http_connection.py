"""HTTP/1.1 on a bare socket: only so can a client dawdle, pipeline, break off or send nonsense."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

PATIENCE_SECONDS = 60.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Lost(Exception):
    """No whole answer came."""


class Reply(NamedTuple):
    """One answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether the server said that the connection ends here."""
        return self.headers.get("connection", "").lower() == "close"


def render_request(
    method: str, path: str, body: bytes | None = None, headers: Sequence[str] = ()
) -> bytes:
    """The bytes of a request with a Content-Length; `headers` are whole lines."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def render_chunked(path: str, body: bytes, size: int) -> bytes:
    """The bytes of a POST whose body goes in chunks of a size in bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])


class Connection:
    """One connection to a port of this machine."""

    def __init__(self, port: int) -> None:
        """Connect.

        Raises:
            Lost: nobody listens.
        """
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        except OSError as error:
            raise Lost(f"connecting: {error!r}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            Lost: the server broke off.
        """
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Lost(f"sending: {error!r}") from error

    def finish_sending(self) -> None:
        """Say that nothing more will be sent, and go on listening."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def read_reply(self) -> Reply:
        """The next answer; a `100 Continue` in front of it is stepped over.

        Raises:
            Lost: the connection ended or fell silent before the answer was whole.
        """
        try:
            while True:
                status, headers = self._read_head()
                if status != 100:
                    break
            length = int(headers.get("content-length", "0"))
            body = self._file.read(length)
        except (OSError, ValueError) as error:
            raise Lost(f"receiving: {error!r}") from error
        if len(body) < length:
            raise Lost(f"the answer ended after {len(body)} of {length} bytes")
        return Reply(status, headers, body)

    def close(self) -> None:
        """End the connection as polite clients do."""
        self._file.close()
        self._socket.close()

    def reset(self) -> None:
        """End the connection as a client that dies does: what is under way is thrown away."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()

    def _read_head(self) -> tuple[int, dict[str, str]]:
        line = self._file.readline(65536)
        if not line:
            raise Lost("the connection was closed without an answer")
        status = int(line.split(b" ", 2)[1])
        headers: dict[str, str] = {}
        while (line := self._file.readline(65536)) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        return status, headers
