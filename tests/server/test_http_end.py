"""How connections end: by the client's silence, or because the server stops."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.fuzz.http_connection import Wire
from tfdeploy.server.http_message import Request, Response
from tfdeploy.server.http_server import HttpProtocol
from tfdeploy.server.pending import Pending

pytestmark = pytest.mark.timeout(10)

GET = b"GET /a HTTP/1.1\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\n"


class Talk:
    """A connection to a handler that answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Pending[Response]] = []
        self.wire = Wire()
        self.connections: set[HttpProtocol] = set()
        self.protocol = HttpProtocol(self._handle, self.connections)
        self.protocol.connection_made(self.wire)

    async def _handle(self, _request: Request) -> Response:
        self.asked.append(Pending())
        return await self.asked[-1]

    def answer(self) -> None:
        self.asked[-1].set_result(Response(200, b"{}"))

    @property
    def replies(self) -> int:
        return self.wire.written.count(b"HTTP/1.1 200 OK")


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def test_an_idle_connection_ends_with_the_server() -> None:
    async def main() -> None:
        talk = Talk()
        talk.protocol.data_received(GET)
        talk.answer()
        assert not talk.wire.closing
        talk.protocol.finish()
        assert talk.wire.closing

    run(main())


@pytest.mark.parametrize("begun", [POST + b"a", POST, POST[:20], b"P"])
def test_a_request_that_has_begun_is_answered_before_the_end(begun: bytes) -> None:
    async def main() -> None:
        talk = Talk()
        talk.protocol.data_received(begun)
        talk.protocol.finish()
        assert not talk.wire.closing
        talk.protocol.data_received((POST + b"abc")[len(begun) :])
        assert not talk.wire.closing
        talk.answer()
        assert talk.wire.closing
        assert b"Connection: close" in talk.wire.written

    run(main())


def test_all_that_waits_is_answered_before_the_end() -> None:
    async def main() -> None:
        talk = Talk()
        talk.protocol.data_received(GET * 3)
        talk.protocol.finish()
        for count in (1, 2, 3):
            assert not talk.wire.closing
            talk.answer()
            assert talk.replies == count
        assert talk.wire.closing
        assert talk.wire.written.count(b"Connection: close") == 1

    run(main())


def test_a_client_that_has_said_all_gets_its_answers() -> None:
    async def main() -> None:
        talk = Talk()
        talk.protocol.data_received(GET * 2 + POST)
        assert talk.protocol.eof_received()
        talk.answer()
        talk.answer()
        assert (talk.replies, talk.wire.closing) == (2, True)
        silent = Talk()
        silent.protocol.data_received(POST)
        assert not silent.protocol.eof_received()

    run(main())


def test_an_answer_to_a_connection_that_is_gone_goes_nowhere() -> None:
    async def main() -> None:
        talk = Talk()
        talk.protocol.data_received(GET * 2)
        talk.wire.closing = True
        talk.protocol.connection_lost(ConnectionResetError())
        assert talk.connections == set()
        talk.answer()
        assert (talk.replies, len(talk.asked)) == (0, 1)

    run(main())
