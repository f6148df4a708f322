"""Well-formed REST requests in all their ways of arriving."""

from __future__ import annotations

import gzip
import itertools
import time
from collections.abc import Callable
from typing import Final

import orjson

from soak import rest_bodies
from soak.answers import WrongAnswer
from soak.http_connection import Lost, Reply, render_chunked, render_request
from soak.observation import Observation
from soak.rest_bodies import Filled, predict_path
from soak.rest_client import RestClient, shown
from soak.timeline import Question

METRICS_PATH: Final = "/monitoring/prometheus/metrics"
_MODELS: Final = ("line", "mlp", "words", "kinds", "guest")


def _fill(client: RestClient) -> tuple[str, Filled]:
    """A small request to any model."""
    dice = client.random
    model = dice.choice(_MODELS)
    if model == "mlp":
        make = dice.choice([rest_bodies.mlp_rows, rest_bodies.mlp_column])
        return model, make(client.weights, dice, dice.randrange(1, 4))
    if model == "words":
        return model, rest_bodies.words_rows(dice, dice.randrange(1, 4))
    if model == "kinds":
        return model, rest_bodies.kinds_examples(dice, dice.randrange(1, 4))
    return model, rest_bodies.line_rows(dice, dice.randrange(1, 5))


def _path(question: Question) -> str:
    return predict_path(question, "classify" if question.model == "kinds" else "predict")


def rows(client: RestClient) -> list[Observation]:
    """A few rows to any model."""
    model, (body, check) = _fill(client)
    question = client.question(model)
    raw = render_request("POST", _path(question), body)
    return [client.ask("rest rows", question, check, raw)]


def column(client: RestClient) -> list[Observation]:
    """A short column for the line."""
    question = client.question("line")
    body, check = rest_bodies.line_column(client.random, client.random.randrange(1, 5))
    raw = render_request("POST", predict_path(question), body)
    return [client.ask("rest column", question, check, raw)]


def batch(client: RestClient) -> list[Observation]:
    """32 rows for the MLP."""
    question = client.question("mlp")
    body, check = rest_bodies.mlp_rows(client.weights, client.random, 32)
    raw = render_request("POST", predict_path(question), body)
    return [client.ask("rest 32 rows", question, check, raw)]


def large(client: RestClient) -> list[Observation]:
    """1 to 5 MB, sometimes announced with `Expect`, as curl does."""
    question = client.question("line")
    body, check = rest_bodies.line_large(client.random)
    headers = ["Expect: 100-continue"] if client.random.random() < 0.5 else []
    raw = render_request("POST", predict_path(question), body, headers)
    return [client.ask("rest large", question, check, raw)]


def gzipped(client: RestClient) -> list[Observation]:
    """A compressed body."""
    model, (body, check) = _fill(client)
    question = client.question(model)
    packed = gzip.compress(body, 1)
    raw = render_request("POST", _path(question), packed, ["Content-Encoding: gzip"])
    return [client.ask("rest gzip", question, check, raw)]


def chunked(client: RestClient) -> list[Observation]:
    """A body in chunks, without a length."""
    model, (body, check) = _fill(client)
    question = client.question(model)
    raw = render_chunked(_path(question), body, client.random.randrange(5, 50))
    return [client.ask("rest chunked", question, check, raw)]


def fresh(client: RestClient) -> list[Observation]:
    """A connection for one request, closed by either side."""
    client.disconnect()
    model, (body, check) = _fill(client)
    question = client.question(model)
    headers = ["Connection: close"] if client.random.random() < 0.5 else []
    raw = render_request("POST", _path(question), body, headers)
    seen = client.ask("rest fresh connection", question, check, raw)
    client.disconnect()
    return [seen]


def slow(client: RestClient) -> list[Observation]:
    """A writer that dawdles, in the head and in the body."""
    model, (body, check) = _fill(client)
    question = client.question(model)
    raw = render_request("POST", _path(question), body)
    cuts = [0, *sorted(client.random.sample(range(1, len(raw)), 4)), len(raw)]
    pieces = [raw[a:b] for a, b in itertools.pairwise(cuts)]
    pause = client.random.uniform(0.005, 0.08)
    return [client.ask("rest slow writer", question, check, *pieces, pause_seconds=pause)]


def pipelined(client: RestClient) -> list[Observation]:
    """Several requests at once on one connection: as many answers, in the same order."""
    filled = [_fill(client) for _ in range(client.random.randrange(2, 9))]
    questions = [client.question(model) for model, _ in filled]
    raws = [
        render_request("POST", _path(question), body)
        for question, (_, (body, _)) in zip(questions, filled, strict=True)
    ]
    started = time.monotonic()
    seen: list[Observation] = []
    try:
        client.connect().send(b"".join(raws))
        for question, (_, (_, check)), raw in zip(questions, filled, raws, strict=True):
            reply = client.connect().read_reply()
            seen.append(client.judge("rest pipelined", question, check, reply, started, raw))
    except Lost as problem:
        client.disconnect()
        times = (started, time.monotonic())
        missing = range(len(seen), len(raws))
        seen += [
            Observation(
                "rest pipelined", "lost", questions[i], *times, (), str(problem), shown(raws[i])
            )
            for i in missing
        ]
    return seen


def status(client: RestClient) -> list[Observation]:
    """The states of a model's versions."""
    question = Question(client.random.choice(_MODELS))
    raw = render_request("GET", f"/v1/models/{question.model}")
    listed: set[int] = set()

    def check(reply: Reply) -> int:
        entries = orjson.loads(reply.body)["model_version_status"]
        listed.update(int(e["version"]) for e in entries if e["state"] == "AVAILABLE")
        if [int(e["version"]) for e in entries] != sorted(
            (int(e["version"]) for e in entries), reverse=True
        ):
            raise WrongAnswer("versions are not in descending order")
        return 0

    seen = client.ask("rest status", question, check, raw)
    if seen.outcome != "answered":
        return [seen]
    return [seen._replace(outcome="listed", versions=tuple(listed))]


def metadata(client: RestClient) -> list[Observation]:
    """The signatures of a version."""
    question = client.question(client.random.choice(_MODELS))
    path = predict_path(question).removesuffix(":predict") + "/metadata"

    def check(reply: Reply) -> int:
        document = orjson.loads(reply.body)
        signatures = document["metadata"]["signature_def"]["signature_def"]
        if "serving_default" not in signatures:
            raise WrongAnswer(f"signatures are {list(signatures)}")
        return int(document["model_spec"]["version"])

    return [client.ask("rest metadata", question, check, render_request("GET", path))]


def metrics(client: RestClient) -> list[Observation]:
    """The Prometheus page: numbers, and counters that never fall."""
    started = time.monotonic()
    raw = render_request("GET", METRICS_PATH)
    try:
        reply = client.exchange([raw])
        total = _request_count(reply)
    except (Lost, ValueError) as problem:
        times = (started, time.monotonic())
        return [Observation("metrics", "lost", None, *times, (), repr(problem), raw)]
    before, client.request_count = client.request_count, total
    if total < before:
        note = f"request_count fell from {before:g} to {total:g}"
        return [Observation("metrics", "wrong", None, started, time.monotonic(), (), note, raw)]
    return [Observation("metrics", "answered", None, started, time.monotonic())]


def _request_count(reply: Reply) -> float:
    total = 0.0
    for line in reply.body.decode().splitlines():
        if not line.startswith("#"):
            number = float(line.rpartition(" ")[2])
            total += number if line.startswith(":tensorflow:serving:request_count") else 0
    if reply.status != 200 or not total:
        raise ValueError(f"{reply.status} {reply.body[:200]!r}")
    return total


# How often each comes, in parts of the whole.
REQUESTS: Final[dict[Callable[[RestClient], list[Observation]], float]] = {
    rows: 30, column: 14, batch: 8, large: 0.8, gzipped: 5, chunked: 4, fresh: 4, slow: 2,
    pipelined: 3, status: 5, metadata: 3, metrics: 0.6,
}  # fmt: skip
