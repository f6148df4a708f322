"""What one client may make this server hold in memory.

The original has most of these limits nowhere: libevent reads heads of any length, and one value
fills a tensor of any shape (tensorflow/core/framework/tensor.cc: FromProtoField), until memory runs
out. This server refuses instead.
"""

from typing import Final

# A request's head: request line and header fields together, URL included.
LARGEST_HEAD_BYTES: Final = 64 * 2**10
MOST_HEADERS: Final = 100

# Values that were not sent but follow from what was: a tensor's shape with one value, the context
# that is copied in front of every Example.
MOST_FILLED_BYTES: Final = 256 * 2**20


# Connections over this wait in the kernel or are closed, whatever the process may open.
_MOST_CONNECTIONS: Final = 2**16


def most_connections() -> int:
    """How many HTTP connections leave descriptors for models, logs and gRPC.

    Without descriptors a model can't be loaded, and accepting fails over and over.
    """
    try:
        import resource
    except ImportError:  # Windows counts them differently
        return _MOST_CONNECTIONS
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(1, min(limit * 3 // 4, _MOST_CONNECTIONS))


class HeadTooLarge(ValueError):
    """A request's head is over a limit; the connection can't go on after it."""


class HeadMeter:
    """Measures one request's head, twice over.

    The fields are counted when they are complete, and the bytes as they arrive: a parser that hands
    out complete fields only would gather an endless one in silence.
    """

    def __init__(self) -> None:
        self._arrived = 0
        self._fields = 0
        self._field_bytes = 0
        self.complete = False

    def arrived(self, size: int) -> None:
        """That many bytes came in, and all but the last of them belong to this head.

        Not for the bytes among which it began: they may be another request's body.

        Raises:
            HeadTooLarge: the head is still not complete, and over LARGEST_HEAD_BYTES.
        """
        if self.complete:
            return
        self._arrived += size
        if self._arrived > LARGEST_HEAD_BYTES:
            raise HeadTooLarge(f"a head of more than {LARGEST_HEAD_BYTES} bytes")

    def url(self, size: int) -> None:
        """Another part of the URL, in bytes.

        Raises:
            HeadTooLarge: over LARGEST_HEAD_BYTES with what came before.
        """
        self._field_bytes += size
        if self._field_bytes > LARGEST_HEAD_BYTES:
            raise HeadTooLarge(f"a head of more than {LARGEST_HEAD_BYTES} bytes")

    def header(self, size: int) -> None:
        """Another header field: bytes of name and value.

        Raises:
            HeadTooLarge: over LARGEST_HEAD_BYTES or MOST_HEADERS with what came before.
        """
        self._fields += 1
        if self._fields > MOST_HEADERS:
            raise HeadTooLarge(f"more than {MOST_HEADERS} header fields")
        self.url(size)
