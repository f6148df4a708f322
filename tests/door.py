"""The door of a gateway, as clients meet it; on any runtime."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from tests.steady_load import PREDICT, predict_request
from tfdeploy import wire

RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
KEY = "k3y-of-tests-0123456789"
MINE = {"x-api-key": KEY}


def post(
    address: str, x: list[float], headers: dict[str, str] | None = None, **options: Any
) -> tuple[int, Any, Any]:
    """Status, document and headers of a prediction."""
    body = json.dumps({"instances": x}).encode()
    request = urllib.request.Request(f"{address}/v1/models/half:predict", body, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=20, **options) as reply:
            return reply.status, json.load(reply), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), error.headers


def call(address: str, method: str, data: bytes, metadata: dict[str, str] | None = None) -> bytes:
    with grpc.insecure_channel(address.removeprefix("http://")) as channel:
        reply: bytes = channel.unary_unary(method)(
            data, timeout=20, metadata=tuple((metadata or {}).items())
        )
        return reply


def refusal(*words: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call(*words)
    code: grpc.StatusCode = caught.value.code()
    return code


def check_keys_and_sizes(at: str) -> None:
    """Behind `api_keys:` with a line `alice KEY`, and `body_limit: 2KiB`."""
    status, document, headers = post(at, [2.0])
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "API key" in document["error"]
    assert post(at, [2.0], {"x-api-key": KEY.upper()})[0] == 401
    assert post(at, [2.0], MINE)[:2] == (200, {"predictions": [2.0]})
    assert post(at, [2.0], {"Authorization": f"Bearer {KEY}"})[0] == 200
    status, document, _ = post(at, [2.0] * 1000, MINE)
    assert (status, "larger than 2048 bytes" in document["error"]) == (413, True)

    assert refusal(at, PREDICT, predict_request()) == grpc.StatusCode.UNAUTHENTICATED
    assert call(at, PREDICT, predict_request(), MINE)
    large = predict_request(1000)
    assert refusal(at, PREDICT, large, MINE) == grpc.StatusCode.RESOURCE_EXHAUSTED
    empty = wire.ReloadConfigRequest().SerializeToString()
    assert refusal(at, RELOAD, empty, MINE) == grpc.StatusCode.PERMISSION_DENIED


def check_the_limit(at: str, headers: dict[str, str] | None = None) -> None:
    """Behind `concurrency: 1` and `retry_after_seconds: 7`."""
    many = [2.0] * 200_000
    with ThreadPoolExecutor(16) as pool:
        ask = lambda _: post(at, many, headers)  # noqa: E731
        answers = [one for _ in range(3) for one in pool.map(ask, range(16))]
    assert {status for status, _, _ in answers} == {200, 503}
    busy = next(headers for status, _, headers in answers if status == 503)
    assert busy["Retry-After"] == "7"
