"""REST requests that are malformed, ask for what isn't there, or are given up by their client."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from typing import Final

from soak import rest_bodies
from soak.http_connection import Connection, Lost, render_request
from soak.observation import Observation
from soak.rest_bodies import predict_path
from soak.rest_client import RestClient, shown
from soak.timeline import Question

_LINE: Final = "/v1/models/line:predict"
_MALFORMED: Final = (
    b"",
    b"{",
    b'{"instances": [1.0, 2.0',
    b'{"instances": [1.0,, 2.0]}',
    b'{"instances": ["a"]}',
    b'{"instances": [{"y": 1}]}',
    b'{"instances": [[1], [2, 3]]}',
    b'{"instances": []}',
    b'{"instances": [1], "inputs": [1]}',
    b'{"instances": [nan]}',
    b'{"signature_name": "none", "instances": [1]}',
    b'{"signature_name": 3, "instances": [1]}',
    b"[1, 2]",
    b"\xff\xfe\x00",
    b'{"instances": "' + b"x" * 5000,
)
_ELSEWHERE: Final = (
    ("POST", "/v1/models/nobody:predict", 404),
    ("POST", "/v1/models/line/versions/99999999:predict", 404),
    ("POST", "/v1/models/line/labels/none:predict", 400),
    ("POST", "/v1/models/line:explode", 400),
    ("POST", "/v1/models/line/versions/99999999999999999999:predict", 400),
    ("PUT", "/v1/models/line", 400),
    ("GET", "/v1/models", 400),
    ("GET", "/v1/models/nobody", 404),
    ("GET", "/v1/models/line/versions/99999999", 404),
    ("GET", "/v1/models/line?x=1", 404),
    ("GET", "/nothing", 404),
    ("POST", "/v1/models/line%zz:predict", 400),
)
_NO_HTTP: Final = (
    b"GARBAGE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    b"POST /v1/models/line:predict HTTP/1.1\r\nContent-Length: ten\r\n\r\n",
    b"POST /v1/models/line:predict HTTP/1.1\r\nno colon here\r\n\r\n",
    b"GET /v1/models/line HTTP/9.7\r\n\r\n",
    b"GET /v1/models/line HTTP/1.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
)


def malformed(client: RestClient) -> list[Observation]:
    """A body that no model can take."""
    body = client.random.choice(_MALFORMED)
    return [client.ask_in_vain("bad body", [400], render_request("POST", _LINE, body))]


def malformed_large(client: RestClient) -> list[Observation]:
    """A megabyte of brackets, or of numbers with a fault at the end."""
    bodies = (
        b'{"instances": ' + b"[" * 500_000,
        b'{"instances": [' + b"1.5," * 250_000 + b"}",
        gzip.compress(b'{"instances": [' + b"1," * 2_000_000, 1),
    )
    body = client.random.choice(bodies)
    headers = ["Content-Encoding: gzip"] if body[:2] == b"\x1f\x8b" else []
    raw = render_request("POST", _LINE, body, headers)
    return [client.ask_in_vain("bad large body", [400], raw)]


def no_gzip(client: RestClient) -> list[Observation]:
    """A body that isn't what its header says."""
    body, _ = rest_bodies.line_rows(client.random, 2)
    raw = render_request("POST", _LINE, body, ["Content-Encoding: gzip"])
    return [client.ask_in_vain("bad gzip", [400], raw)]


def elsewhere(client: RestClient) -> list[Observation]:
    """A path, model, version or label that isn't there."""
    method, path, status = client.random.choice(_ELSEWHERE)
    body = rest_bodies.line_rows(client.random, 1)[0] if method == "POST" else None
    return [client.ask_in_vain("bad path", [status], render_request(method, path, body))]


def no_http(client: RestClient) -> list[Observation]:
    """What isn't HTTP: an error page or a closed connection, but no answer of a model."""
    data = client.random.choice(_NO_HTTP)
    started = time.monotonic()
    outcome, note = "refused", ""
    try:
        connection = Connection(client.port)
        connection.send(data)
        connection.finish_sending()
        reply = connection.read_reply()
        if reply.status == 500 or b"predictions" in reply.body:
            outcome, note = "wrong", f"{reply.status} {reply.body[:200]!r}"
        connection.close()
    except Lost as problem:
        outcome, note = _silence(problem)
    sent = shown(data)
    return [Observation("bad http", outcome, None, started, time.monotonic(), (), note, sent)]


def hang_up(client: RestClient) -> list[Observation]:
    """Leave in the middle of a request, or before its answer; politely, or as if killed."""
    dice = client.random
    makes: list[Callable[[], rest_bodies.Filled]] = [
        lambda: rest_bodies.line_rows(dice, 3),
        lambda: rest_bodies.mlp_rows(client.weights, dice, 32),
        lambda: rest_bodies.line_large(dice),
    ]
    body, _ = dice.choices(makes, [10, 5, 0.5])[0]()
    model = "mlp" if b"[[" in body[:20] else "line"
    raw = render_request("POST", predict_path(Question(model)), body)
    until = len(raw) if dice.random() < 0.5 else dice.randrange(1, len(raw))
    started = time.monotonic()
    try:
        connection = Connection(client.port)
        connection.send(raw[:until])
        time.sleep(dice.choice([0, 0, 0.002, 0.02]))
        if dice.random() < 0.5:
            connection.reset()
        else:
            connection.close()
    except Lost as problem:
        times = (started, time.monotonic())
        return [Observation("hang up", "lost", None, *times, (), str(problem), shown(raw))]
    return [Observation("hang up", "left", None, started, time.monotonic())]


def truncated(client: RestClient) -> list[Observation]:
    """A body that is shorter than it says, and a client that waits: no answer of a model."""
    body, _ = rest_bodies.line_rows(client.random, 20)
    raw = render_request("POST", _LINE, body)[: -client.random.randrange(1, 20)]
    started = time.monotonic()
    outcome, note = "refused", ""
    try:
        connection = Connection(client.port)
        connection.send(raw)
        connection.finish_sending()
        reply = connection.read_reply()
        if reply.status == 200 or reply.status >= 500:
            outcome, note = "wrong", f"{reply.status} {reply.body[:200]!r}"
        connection.close()
    except Lost as problem:
        outcome, note = _silence(problem)
    sent = shown(raw)
    return [Observation("bad truncated", outcome, None, started, time.monotonic(), (), note, sent)]


def _silence(problem: Lost) -> tuple[str, str]:
    """What to say when nonsense got no answer: a closed connection is one, too."""
    text = str(problem)
    if text.startswith("connecting"):
        return "lost", text
    return ("wrong", "no end of the connection") if "timed out" in text else ("refused", text)


ABUSE: Final[dict[Callable[[RestClient], list[Observation]], float]] = {
    malformed: 5, malformed_large: 0.3, no_gzip: 1, elsewhere: 4, no_http: 2, hang_up: 4,
    truncated: 1,
}  # fmt: skip
