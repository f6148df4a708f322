"""Heads that are looked up, and streams of requests however they are cut.

The way of one byte at a time never sees a whole head, so that it is httptools alone: the oracle.
"""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.http_connection import Talk, talk
from tests.fuzz.profile import bounded
from tfdeploy.server import http_head
from tfdeploy.server.http_head import find_head
from tfdeploy.server.limits import LARGEST_BODY_BYTES, MOST_HEADERS

pytestmark = pytest.mark.timeout(60)

GET = b"GET /v1/models/m HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"


def test_a_plain_head_and_what_follows_it() -> None:
    head = find_head(POST + b"abcGET /")
    assert head is not None
    assert (head.method, head.path, head.body_size) == ("POST", "/v1/models/m:predict", 3)
    assert head.size == len(POST)
    assert head.keeps_alive
    bare = find_head(GET + GET)
    assert bare is not None
    assert (bare.method, bare.body_size, bare.size) == ("GET", 0, len(GET))


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        (b"GET / HTTP/1.1", b"Connection: close", False),
        (b"GET / HTTP/1.1", b"Connection: keep-alive", True),
        (b"GET / HTTP/1.1", b"X: y", True),
        (b"GET / HTTP/1.0", b"X: y", False),
        (b"GET / HTTP/1.0", b"Connection: keep-alive", True),
        (b"POST / HTTP/1.1", b"Connection: close", False),
        (b"POST / HTTP/1.1", b"Content-Length: 2\r\nConnection: close", False),
        (b"POST / HTTP/1.0", b"Content-Length: 2\r\nConnection: keep-alive", True),
    ],
)
def test_whether_the_connection_stays_open(line: bytes, field: bytes, expected: bool) -> None:
    text = line + b"\r\n" + field + b"\r\n\r\n"
    head = find_head(text)
    assert head is not None
    assert head.keeps_alive is expected
    talked = talk(text + b"ab" * (b"Length" in field))
    assert talked.wire.closing is not expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"HEAD / HTTP/1.1\r\n\r\n",
        b"OPTIONS / HTTP/1.1\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (LARGEST_BODY_BYTES + 1),
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 4000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MOST_HEADERS + 1) + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 4096 + b"\r\n\r\n",
        b"GET / HTTP/1.1\n\nGET / HTTP/1.1\r\n\r\n",
    ],
)
def test_all_others_go_through_the_parser(text: bytes) -> None:
    assert find_head(text) is None


def test_the_same_head_is_parsed_once() -> None:
    text = b"GET /parsed/once HTTP/1.1\r\n\r\n"
    before = http_head._parse.cache_info()
    assert find_head(text) is find_head(text + b"more")
    after = http_head._parse.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 1)


def test_heads_that_clients_make_up_are_forgotten() -> None:
    info = http_head._parse.cache_info()
    assert info.maxsize is not None
    for number in range(info.maxsize + 10):
        find_head(b"GET /%d HTTP/1.1\r\n\r\n" % number)
    assert http_head._parse.cache_info().currsize == info.maxsize


def outcome(talked: Talk) -> list[object]:
    requests = [(one.method, one.path, one.headers, one.body) for one in talked.seen]
    replies = [(one.status, one.number, one.body) for one in talked.replies]
    return [requests, replies, talked.wire.closing]


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:stop] for start, stop in itertools.pairwise(edges)]


def check(data: bytes, cuts: list[int]) -> None:
    slowly = talk(*[data[at : at + 1] for at in range(len(data))])
    assert outcome(talk(*pieces(data, cuts))) == outcome(slowly)


@pytest.mark.parametrize("cut", [0, 10, len(POST), len(POST) + 1, len(POST) + 3, len(POST) + 9])
def test_two_requests_in_one_read_or_in_pieces(cut: int) -> None:
    data = POST + b"abc" + POST + b"def" + GET
    check(data, [cut])
    assert [one.body for one in talk(*pieces(data, [cut])).seen] == [b"abc", b"def", b""]


_REQUESTS = st.sampled_from(
    [
        GET,
        POST + b"abc",
        POST + b"\r\n\r",
        POST.replace(b": 3", b": 0"),
        b"GET /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nxy",
        b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /a HTTP/1.0\r\n\r\n",
        b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"POST /e HTTP/1.1\r\nExpect: 100-Continue-not\r\nContent-Length: 1\r\n\r\nz",
        b"HEAD /h HTTP/1.1\r\n\r\n",
        b"\r\n",
        b"GET /b%zz HTTP/1.1\r\n\r\n",
        b"POST /z HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno",
        b"GET /lf HTTP/1.1\n\n",
        b"nonsense\r\n\r\n",
    ]
)


@bounded(300)
@given(st.lists(_REQUESTS, max_size=5), st.lists(st.integers(0, 10**6), max_size=6))
def test_any_cut_gets_the_replies_of_one_byte_at_a_time(
    requests: list[bytes], cuts: list[int]
) -> None:
    check(b"".join(requests), cuts)
