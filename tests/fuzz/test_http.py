"""The HTTP front, fed with bytes: replies are well-formed and in order, and memory is bounded."""

import asyncio
import gzip
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.cost import peak_bytes
from tests.fuzz.http_connection import Server, Wire, make_protocol
from tests.fuzz.http_target import check_order, check_stream, cut, run
from tests.fuzz.profile import bounded

pytestmark = pytest.mark.timeout(120)

_TOKENS = (
    *(
        b"GET ",
        b"POST ",
        b"HEAD ",
        b"OPTIONS ",
        b"BREW ",
        b"CONNECT ",
        b"get ",
        b"PRI * HTTP/2.0\r\n",
    ),
    *(
        b"/ HTTP/1.1\r\n",
        b"/v1/models/m:predict HTTP/1.1\r\n",
        b"/%zz HTTP/1.1\r\n",
        b"* HTTP/1.0\r\n",
    ),
    *(
        b"http://h/a?b HTTP/1.1\r\n",
        b"/\xff HTTP/1.1\r\n",
        b" HTTP/9.9\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
    ),
    *(
        b"Host: a\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 4\r\n",
        b"Content-Length: -1\r\n",
    ),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Connection: close\r\n"),
    *(
        b"Connection: keep-alive\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\n",
        b"Expect: 100-continue\r\n",
    ),
    *(
        b"Content-Encoding: gzip\r\n",
        b"X:\t\xff \r\n",
        b" folded\r\n",
        b"No-Colon\r\n",
        b": none\r\n",
    ),
    *(
        b"abc",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"ffffffffffffffffff\r\n",
        b"\0",
        b"3;x=y\r\n",
        b"-1\r\n",
    ),
)
SOUP = st.lists(st.sampled_from(_TOKENS), max_size=12).map(b"".join)
_NAMES = st.sampled_from(["X-A", "x-a", "Accept", "A!#$%&'*+.^_`|~", "Content-Type", "Cookie"])
_TEXTS = st.text('abc ,;:="\t\x80\xff', max_size=8)


class Sent(NamedTuple):
    """A request that must be understood."""

    method: str
    path: str
    body: bytes
    data: bytes


def chunked(body: bytes, size: int) -> bytes:
    """The body in chunks, with an extension and a trailer."""
    chunks = [b"%x;n=1\r\n%s\r\n" % (len(part), part) for part in cut(body, size)]
    return b"".join(chunks) + b"0\r\nX-Trailer: t\r\n\r\n"


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """A valid request with odd headers, and a body in one of the forms that there are."""
    method = draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"]))
    path = "/" + draw(st.text("abz09/:?=&%25.~", max_size=12)).replace("%", "%25")
    body = draw(st.binary(max_size=40))
    names = draw(st.lists(st.tuples(_NAMES, _TEXTS), max_size=4))
    head = [f"{method} {path} HTTP/1.1".encode()]
    head += [f"{name}: {text}".encode("latin-1") for name, text in names]
    plain = body
    if body and draw(st.booleans()):
        head.append(b"Content-Encoding: gzip")
        body = gzip.compress(body, mtime=0)
    if draw(st.booleans()):
        head.append(b"tRANSFER-eNCODING: chunked")
        body = chunked(body, draw(st.integers(1, 20)))
    else:
        head.append(b"Content-Length: %d" % len(body))
    return Sent(method, path, plain, b"\r\n".join(head) + b"\r\n\r\n" + body)


@bounded(100)
@given(st.lists(requests(), max_size=5), st.integers(1, 200))
def test_valid_requests_are_understood_however_they_are_cut(sent: list[Sent], size: int) -> None:
    talked = check_stream(b"".join(one.data for one in sent), size)
    assert [(seen.method, seen.path, seen.body) for seen in talked.seen] == [
        one[:3] for one in sent
    ]
    assert [reply.status for reply in talked.replies] == [200] * len(sent)


@bounded(250)
@given(SOUP | st.binary(max_size=60), st.integers(1, 40))
def test_any_bytes_get_well_formed_replies_in_order(data: bytes, size: int) -> None:
    check_stream(data, size)


@bounded(100)
@given(requests(), SOUP, st.integers(1, 40))
def test_what_follows_a_request_does_not_spoil_its_reply(
    first: Sent, rest: bytes, size: int
) -> None:
    talked = check_stream(first.data + rest, size)
    assert talked.seen[0].body == first.body
    assert (talked.replies[0].status, talked.replies[0].number) == (200, 0)


def test_many_pipelined_requests_are_all_answered_in_order() -> None:
    talked = run(*cut(b"GET /a HTTP/1.1\r\n\r\n" * 3_000, 4_096))
    check_order(talked)
    assert len(talked.replies) == 3_000


def test_reading_stops_while_many_requests_wait() -> None:
    async def flood() -> int:
        never = asyncio.Event()

        async def handle(_request: Any) -> Any:
            await never.wait()

        wire = Wire()
        protocol = make_protocol(handle, set())
        protocol.connection_made(wire)
        sent = 0
        while not wire.paused and sent < 10_000:
            protocol.data_received(b"GET /a HTTP/1.1\r\n\r\n")
            sent += 1
        protocol.connection_lost(None)
        await asyncio.sleep(0)
        return sent

    assert asyncio.run(flood()) <= 128


@bounded(40)
@given(st.lists(SOUP, min_size=2, max_size=4))
def test_a_bad_connection_does_not_touch_another(streams: list[bytes]) -> None:
    async def together() -> list[int | None]:
        server, connections = Server(), set[Any]()
        good = Wire()
        healthy = make_protocol(server.handle, connections)
        healthy.connection_made(good)
        for stream in streams:
            bad = make_protocol(Server().handle, connections)
            bad.connection_made(Wire())
            bad.data_received(stream)
            healthy.data_received(b"GET /a HTTP/1.1\r\n\r\n")
            bad.connection_lost(ConnectionResetError())
        for _ in range(100):
            await asyncio.sleep(0)
        assert connections == {healthy}
        assert not good.closing
        return [int(part[:1]) for part in bytes(good.written).split(b"X-Number: ")[1:]]

    assert asyncio.run(together()) == list(range(len(streams)))


def test_a_body_costs_a_few_times_its_size() -> None:
    body = b"x" * 2**20
    head = b"POST /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    parts = [head, *cut(body, 2**16)]
    assert peak_bytes(lambda: run(*parts)) < 4 * len(body)


def test_the_absolute_form_is_a_url_s_beginning() -> None:
    # Looked for anywhere, it also costs the square of the URL's length: seconds for 64 KiB.
    assert run(b"GET http://h/b HTTP/1.1\r\n\r\n").seen[0].path == "/b"
    assert run(b"GET /a/http://h/b HTTP/1.1\r\n\r\n").seen[0].path == "/a/http://h/b"


@pytest.mark.parametrize("body", [b"", b"abc"])
def test_an_offer_to_upgrade_is_ignored(body: bytes) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
    head = b"POST /a HTTP/1.1\r\n" + upgrade + b"Content-Length: %d\r\n\r\n" % len(body)
    talked = run(head + body, b"GET /b HTTP/1.1\r\n\r\n")
    assert [reply.status for reply in talked.replies] == [200, 200]
    assert talked.seen[0].body == body
