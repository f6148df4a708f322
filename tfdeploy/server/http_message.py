"""HTTP requests and replies as the REST API sees them, and the pages that libevent makes."""

import gzip
import time
import zlib
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final

JSON: Final = "application/json"
_MOST_INFLATED: Final = 100 * 2**20  # tensorflow_serving/util/net_http/compression/gzip_zlib.h

# libevent's own phrases (libevent 2.1, http.c).
_PHRASES: Final = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    409: "Conflict", 413: "Request Entity Too Large", 429: "Client Error", 499: "Client Error",
    500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
    504: "Gateway Time-out",
}  # fmt: skip


Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Request:
    """One request.

    Attributes:
        method: Such as `GET`.
        path: As sent, query included, without scheme and host.
        headers: Those that anything here reads, by lower-case name.
        body: Inflated already.
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class Response:
    """One reply. `close` ends the connection after it."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Headers = ()
    close: bool = False


def html_page(status: int) -> Response:
    """The page that libevent answers outside the REST API."""
    phrase = _PHRASES[status]
    page = (
        f"<HTML><HEAD>\n<TITLE>{status} {phrase}</TITLE>\n</HEAD><BODY>\n"
        f"<H1>{phrase}</H1>\n</BODY></HTML>\n"
    )
    return Response(status, page.encode(), "text/html", close=True)


def inflate(body: bytes) -> bytes:
    """A gzip body inflated; empty when it is no gzip or far too large, as in the original."""
    try:
        inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        plain = inflater.decompress(body, _MOST_INFLATED)
    except (zlib.error, gzip.BadGzipFile):
        return b""
    return b"" if inflater.unconsumed_tail or not inflater.eof else plain


class _Heads:
    """Heads of replies up to their length, formatted once a second because of their date."""

    def __init__(self) -> None:
        self._second = 0
        self._heads: dict[tuple[int, str, Headers, bool], bytes] = {}

    def head(self, response: Response, close: bool) -> bytes:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._heads.clear()
        key = (response.status, response.content_type, response.headers, close)
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = self._format(response, close)
        return head

    def _format(self, response: Response, close: bool) -> bytes:
        lines = [
            f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Client Error')}",
            f"Content-Type: {response.content_type}",
            *(f"{name}: {value}" for name, value in response.headers),
            f"Date: {formatdate(self._second, usegmt=True)}",
            *(["Connection: close"] if close else []),
            "Content-Length: ",
        ]
        return "\r\n".join(lines).encode("latin-1")


_heads: Final = _Heads()


def render_response(response: Response, head_only: bool, close: bool) -> bytes:
    """The bytes of a reply.

    Args:
        response: What to send.
        head_only: Leave the body out, for HEAD.
        close: Say that the connection ends.
    """
    body = response.body
    head = _heads.head(response, close)
    return b"%b%d\r\n\r\n%b" % (head, len(body), b"" if head_only else body)
