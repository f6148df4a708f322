"""What one connection may hold in memory, and how it is told."""

import gzip

import pytest

from tests.fuzz.cost import peak_bytes
from tests.fuzz.http_connection import Server, Wire, make_protocol
from tests.fuzz.http_target import check_order, cut, run
from tfdeploy.server.http_message import inflate
from tfdeploy.server.limits import (
    LARGEST_HEAD_BYTES,
    most_connections,
)

pytestmark = pytest.mark.timeout(120)
_PART = 2**14


def head_of(kind: str, size: int) -> bytes:
    """A request whose head is too large in one way, when the size is over a limit."""
    if kind == "url":
        return b"GET /" + b"%61" * (size // 3) + b" HTTP/1.1\r\n\r\n"
    if kind == "value":
        return b"GET / HTTP/1.1\r\nA: " + b"a" * size + b"\r\n\r\n"
    if kind == "name":
        return b"GET / HTTP/1.1\r\n" + b"a" * size + b": a\r\n\r\n"
    return b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (size // 6) + b"\r\n"


@pytest.mark.parametrize("kind", ["url", "value", "name", "many"])
@pytest.mark.parametrize("part", [_PART, 2**20])
def test_a_head_that_is_too_large_is_400_and_the_end(kind: str, part: int) -> None:
    first = b"GET /first HTTP/1.1\r\n\r\n"
    talked = run(first, *cut(head_of(kind, 2 * LARGEST_HEAD_BYTES), part))
    check_order(talked)
    assert [reply.status for reply in talked.replies] == [200, 400]
    assert talked.wire.closing


@pytest.mark.parametrize("kind", ["url", "value", "name"])
def test_a_head_without_an_end_is_not_gathered(kind: str) -> None:
    endless = cut(head_of(kind, 4 * 2**20), _PART)[:-1]
    assert peak_bytes(lambda: run(*endless)) < 2**20


@pytest.mark.parametrize("kind", ["url", "value", "name"])
def test_a_head_just_within_the_limit_is_served(kind: str) -> None:
    talked = run(*cut(head_of(kind, LARGEST_HEAD_BYTES - 200), _PART))
    assert [reply.status for reply in talked.replies] == [200]


def test_a_head_that_begins_behind_a_long_body_is_not_charged_with_it() -> None:
    body = b"x" * (4 * LARGEST_HEAD_BYTES)
    first = b"POST /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    talked = run(first + body + b"GET /b HTTP/1.1\r\nA: ", b"b\r\n\r\n")
    assert [reply.status for reply in talked.replies] == [200, 200]


def test_a_body_that_announces_too_much_is_413_before_it_is_read() -> None:
    head = b"POST /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (2**30 + 1)
    assert [reply.status for reply in run(head).replies] == [413]


def test_an_inflated_body_is_bounded() -> None:
    bomb = gzip.compress(bytes(101 * 2**20), compresslevel=1, mtime=0)
    assert inflate(bomb) == b""
    assert peak_bytes(lambda: inflate(bomb)) < 256 * 2**20
    head = b"POST /a HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    assert run(head + bomb).seen[0].body == b""


def test_connections_leave_descriptors_for_models() -> None:
    resource = pytest.importorskip("resource")
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most_connections() >= 1
    if allowed != resource.RLIM_INFINITY and allowed >= 4:
        assert most_connections() < allowed


def test_a_connection_over_the_limit_is_closed_and_not_counted() -> None:
    others = set(range(most_connections()))
    wire = Wire()
    protocol = make_protocol(Server().handle, others)
    protocol.connection_made(wire)
    assert wire.closing
    protocol.connection_lost(None)
    assert len(others) == most_connections()


def test_a_head_that_ends_in_front_of_a_long_body_is_not_charged_with_it() -> None:
    body = b"x" * (4 * LARGEST_HEAD_BYTES)
    head = b"POST /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    talked = run(head[:30], head[30:] + body)
    assert [reply.status for reply in talked.replies] == [200]
