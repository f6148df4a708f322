"""Predict requests over REST never keep the parser's memory, whatever becomes of them."""

import asyncio
import gc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import simdjson

from tests.server.fake_graph import column
from tfdeploy.server import json_arrays
from tfdeploy.server.http_message import Request, Response
from tfdeploy.server.metrics import Metrics
from tfdeploy.server.pending import Pending, drive
from tfdeploy.server.predict_body import _MOST_INLINE_BYTES
from tfdeploy.server.rest_api import RestApi, RestOptions
from tfdeploy.server.signature import Port, Signature
from tfdeploy.server.status import ServingError
from tfdeploy.wire import Code, DataType

pytestmark = pytest.mark.timeout(30)

GOOD = b'{"instances": [1, 2]}'
RAGGED = b'{"instances": [[1], [2, 3]]}'


class Hub:
    """A hub whose runs end when the test says so."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        port = Port("x:0", int(DataType.DT_FLOAT))
        signature = Signature("serving_default", "", {"x": port}, {"y": port})
        self.given_back = 0
        self.signatures = {"serving_default": signature}
        self.runs: list[Pending[Any]] = []

    def take(self, target: Any) -> Any:
        if target.model != "m":
            raise ServingError(Code.NOT_FOUND, "no such model")
        return SimpleNamespace(signatures=self.signatures, give_back=self._give_back)

    def _give_back(self) -> None:
        self.given_back += 1

    def predict(self, *_: Any) -> Pending[Any]:
        self.runs.append(Pending())
        return self.runs[-1]


class Asked:
    """A request that was sent, and its reply."""

    def __init__(self, hub: Any, body: bytes, model: str = "m") -> None:
        self.status: int | None = None
        request = Request("POST", f"/v1/models/{model}:predict", {}, body)
        drive(RestApi(hub, RestOptions()).handle(request), self._answered)

    def _answered(self, response: Response | None, error: BaseException | None) -> None:
        assert response is not None, error
        self.status = response.status


def is_parser_free() -> bool:
    parser = json_arrays._parser
    return json_arrays.read_numeric_body(GOOD) is not None and json_arrays._parser is parser


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """As in a server under load: it comes by rarely."""
    json_arrays._parser = simdjson.Parser()  # tests that ran before may hold the last one
    gc.disable()
    yield
    gc.enable()


def test_the_next_request_is_read_fast_while_one_runs() -> None:
    hub = Hub()
    asked = Asked(hub, GOOD)
    assert hub.given_back == 0
    assert is_parser_free()
    hub.runs[0].set_result(column(1, 2))
    assert (asked.status, hub.given_back) == (200, 1)


@pytest.mark.parametrize(
    ("body", "model", "status"),
    [
        (RAGGED, "m", 400),
        (b'{"instances": [1], "signature_name": "other"}', "m", 400),
        (GOOD, "nobody", 404),
        (b"{", "m", 400),
    ],
)
def test_an_error_keeps_nothing(body: bytes, model: str, status: int) -> None:
    hub = Hub()
    assert Asked(hub, body, model).status == status
    assert is_parser_free()
    assert hub.given_back == (model == "m" and body != b"{")


def test_an_error_of_a_run_gives_the_version_back() -> None:
    hub = Hub()
    asked = Asked(hub, GOOD)
    hub.runs[0].set_error(ServingError(Code.RESOURCE_EXHAUSTED, "late"))
    assert (asked.status, hub.given_back) == (429, 1)


def test_a_large_body_that_is_read_in_a_thread_does_not_slow_others_down() -> None:
    large = b'{"instances": [[1], [2, 3]], "x": "%b"}' % (b"x" * _MOST_INLINE_BYTES)

    async def main() -> None:
        hub = Hub()
        asked = Asked(hub, large)
        assert asked.status is None
        assert is_parser_free()
        while asked.status is None:
            await asyncio.sleep(0.001)
        assert (asked.status, hub.given_back) == (400, 1)

    asyncio.run(main())
