"""HTTP requests and replies as the REST API sees them, and the pages that libevent makes."""

import functools
import gzip
import zlib
from dataclasses import dataclass, field
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


@dataclass
class Request:
    """One request.

    Attributes:
        method: Such as `GET`.
        path: As sent, query included, without scheme and host.
        headers: By lower-case name.
        body: Inflated already.
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Response:
    """One reply. `close` ends the connection after it."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
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


@functools.lru_cache(maxsize=256)
def _head(status: int, content_type: str, extra: tuple[tuple[str, str], ...]) -> str:
    lines = [f"{status} {_PHRASES.get(status, 'Client Error')}", f"Content-Type: {content_type}"]
    return "\r\n".join(lines + [f"{name}: {value}" for name, value in extra])


def render_response(response: Response, date: str, head_only: bool, close: bool) -> bytes:
    """The bytes of a reply.

    Args:
        response: What to send.
        date: The Date header's value.
        head_only: Leave the body out, for HEAD.
        close: Say that the connection ends.
    """
    head = _head(response.status, response.content_type, response.headers)
    connection = "Connection: close\r\n" if close else ""
    text = (
        f"HTTP/1.1 {head}\r\nDate: {date}\r\nContent-Length: {len(response.body)}\r\n"
        f"{connection}\r\n"
    )
    return text.encode("latin-1") + (b"" if head_only else response.body)
