"""Any bytes on a connection: well-formed replies in order, the same however the bytes are cut."""

import asyncio
from typing import Final

from tests.fuzz.http_connection import Talk, talk_async

_ERRORS: Final = frozenset((400, 413, 501))
_LOOP: Final = asyncio.new_event_loop()


def run(*parts: bytes) -> Talk:
    """Send parts; the loop is kept, because a fuzzer asks thousands of times."""
    return _LOOP.run_until_complete(talk_async(parts))


def cut(data: bytes, size: int) -> list[bytes]:
    """Parts of a size."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def check_order(talked: Talk) -> None:
    """Numbers count up, and a page of the server's own is the last word."""
    numbers = [reply.number for reply in talked.replies if reply.number is not None]
    assert numbers == list(range(len(numbers)))
    pages = [place for place, reply in enumerate(talked.replies) if reply.number is None]
    assert pages in ([], [len(talked.replies) - 1])
    assert all(talked.replies[place].status in _ERRORS for place in pages)
    if pages:
        assert talked.wire.closing
    if not talked.wire.closing:
        assert len(numbers) == len(talked.seen)


def check_stream(data: bytes, size: int) -> Talk:
    """The same bytes in one part and in parts of a size."""
    whole, pieces = run(data), run(*cut(data, size))
    for talked in (whole, pieces):
        check_order(talked)
    answered = [len([r for r in t.replies if r.number is not None]) for t in (whole, pieces)]
    assert answered[0] == answered[1]
    assert whole.seen[: answered[0]] == pieces.seen[: answered[0]]
    # Which page it is may depend on the cut: an unknown method is known by its whole line.
    assert len(whole.replies) == len(pieces.replies)
    return whole


def check(data: bytes) -> None:
    """The first byte is the size of the parts."""
    if data:
        check_stream(data[1:], data[0] + 1)
