"""Heads of requests that come whole: parsed once, and looked up when they come again.

A client sends the same head with every request to one model, and parsing it costs more than all
else that HTTP is here. What the head says about the body is plain in nearly every request: so many
bytes. The rest (chunked bodies, offers to upgrade, `Expect`, heads in pieces or with faults in
them) goes through the parser that reads a connection as a stream.
"""

import functools
import re
from dataclasses import dataclass
from typing import Any, Final

import httptools

from tfdeploy.server.limits import LARGEST_BODY_BYTES, MOST_HEADERS

READ_HEADERS: Final = frozenset(
    (
        b"connection",
        b"content-encoding",
        b"content-length",
        b"expect",
        b"origin",
        b"transfer-encoding",
    )
)
_LONGEST_KNOWN_HEAD: Final = 2**12
_PLAIN_METHODS: Final = (b"GET", b"POST")
_ABSOLUTE: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")
_END: Final = b"\r\n\r\n"


class BadTarget(ValueError):
    """A request target that libevent refuses."""


def read_target(url: bytes) -> str:
    """The path of a request line, without scheme and host.

    Raises:
        BadTarget: an escape in it is none.
    """
    path = url.decode("utf-8", "surrogateescape")
    absolute = _ABSOLUTE.match(path)
    if absolute is not None:
        path = path[absolute.end() :]
    if _BAD_ESCAPE.search(path):
        raise BadTarget(path)
    return path


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head, and how many bytes of body follow it."""

    method: str
    path: str
    headers: dict[str, str]
    body_size: int
    keeps_alive: bool
    size: int


class _Collector:
    """What the parser says of one head."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}
        self.fields = 0
        self.is_complete = False
        self.keeps_alive = False
        self.parser: Any = None

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields += 1
        lowered = name.lower()
        if lowered in READ_HEADERS:
            self.headers[lowered.decode("latin-1")] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.is_complete = True
        # Once a request without a body is complete, the parser has forgotten what its head said.
        self.keeps_alive = self.parser.should_keep_alive()
        self.parser = None


@functools.lru_cache(maxsize=1024)
def _parse(text: bytes) -> Head | None:
    found = _Collector()
    parser: Any = httptools.HttpRequestParser(found)
    found.parser = parser
    try:
        parser.feed_data(text[:-1])
        if found.is_complete:
            return None  # the parser sees its end elsewhere
        parser.feed_data(text[-1:])
        path = read_target(found.url)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade, BadTarget):
        return None
    method = parser.get_method()
    if not found.is_complete or method not in _PLAIN_METHODS or found.fields > MOST_HEADERS:
        return None
    headers = found.headers
    size = headers.get("content-length", "0")
    if "transfer-encoding" in headers or "expect" in headers or not size.isdecimal():
        return None
    if int(size) > LARGEST_BODY_BYTES:
        return None
    return Head(method.decode("latin-1"), path, headers, int(size), found.keeps_alive, len(text))


def find_head(data: bytes) -> Head | None:
    """The head that received bytes begin with, if it is whole and plain."""
    end = data.find(_END, 0, _LONGEST_KNOWN_HEAD)
    return _parse(data[: end + len(_END)]) if end > 0 else None
