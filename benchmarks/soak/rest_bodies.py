"""Bodies of well-formed REST requests, each with the check of its answer."""

from __future__ import annotations

import base64
import functools
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from soak import answers
from soak.answers import WrongAnswer
from soak.http_connection import Reply
from soak.models import FEATURES
from soak.timeline import Question

Check = Callable[[Reply], int]
Filled = tuple[bytes, Check]
_LARGE_ROWS = (120_000, 250_000, 600_000)


def predict_path(question: Question, verb: str = "predict") -> str:
    """The path that asks a question."""
    parts = {"latest": "", "label": f"/labels/{question.what}"}
    middle = parts.get(question.how, f"/versions/{question.what}")
    return f"/v1/models/{question.model}{middle}:{verb}"


def _only(document: Any, key: str) -> Any:
    if list(document) != [key]:
        raise WrongAnswer(f"keys are {list(document)}, not {key}")
    return document[key]


def line_rows(dice: random.Random, count: int) -> Filled:
    """Rows for the line."""
    x = [dice.randrange(4096) / 4 for _ in range(count)]
    body = json.dumps({"instances": x if dice.random() < 0.5 else [{"x": v} for v in x]})
    return body.encode(), lambda r: answers.line_version(x, _only(_parse(r), "predictions"))


def line_column(dice: random.Random, count: int) -> Filled:
    """A column for the line."""
    x = [dice.randrange(4096) for _ in range(count)]
    body = json.dumps({"inputs": x if dice.random() < 0.5 else {"x": x}})
    return body.encode(), lambda r: answers.line_version(x, _only(_parse(r), "outputs"))


def line_large(dice: random.Random) -> Filled:
    """A column of 1 to 5 MB for the line; few are made, because that takes time."""
    seed, count = dice.randrange(2), dice.choice(_LARGE_ROWS)
    x, body = _large_column(seed, count)
    return body, lambda r: answers.line_version(x, _only(_parse(r), "outputs"))


@functools.lru_cache(maxsize=2 * len(_LARGE_ROWS))
def _large_column(seed: int, count: int) -> tuple[Any, bytes]:
    x = np.random.default_rng(seed).integers(100_000, 999_999, count)
    return x, orjson.dumps({"inputs": {"x": x.tolist()}})


def mlp_rows(weights: Any, dice: random.Random, count: int) -> Filled:
    """Rows for the MLP, whose two outputs come as objects."""
    features = _features(dice, count)
    body = json.dumps({"instances": features})

    def check(reply: Reply) -> int:
        rows = _only(_parse(reply), "predictions")
        scores, versions = [r["scores"] for r in rows], [r["version"] for r in rows]
        return answers.mlp_version(weights, features, scores, versions)

    return body.encode(), check


def mlp_column(weights: Any, dice: random.Random, count: int) -> Filled:
    """A column for the MLP."""
    features = _features(dice, count)
    body = json.dumps({"signature_name": "serving_default", "inputs": {"features": features}})

    def check(reply: Reply) -> int:
        outputs = _only(_parse(reply), "outputs")
        return answers.mlp_version(weights, features, outputs["scores"], outputs["version"])

    return body.encode(), check


def words_rows(dice: random.Random, count: int) -> Filled:
    """Texts, some of which no JSON string can hold."""
    texts = [dice.randbytes(dice.randrange(1, 40)) for _ in range(count)]
    texts += ["träumen und 夢".encode(), b'quote " and \\ and \n']
    values: list[Any] = [{"b64": base64.b64encode(text).decode()} for text in texts[:count]]
    values += [text.decode() for text in texts[count:]]

    def check(reply: Reply) -> int:
        said = [base64.b64decode(v["b64"]) for v in _only(_parse(reply), "predictions")]
        return answers.words_version(texts, said)

    return json.dumps({"instances": values}, ensure_ascii=False).encode(), check


def kinds_examples(dice: random.Random, count: int) -> Filled:
    """Examples to classify."""
    x = [dice.randrange(1000) / 4 for _ in range(count)]

    def check(reply: Reply) -> int:
        rows = [[(str(a), float(b)) for a, b in row] for row in _only(_parse(reply), "results")]
        return answers.kinds_version(x, rows)

    return json.dumps({"examples": [{"x": value} for value in x]}).encode(), check


def _features(dice: random.Random, count: int) -> list[list[float]]:
    return [[dice.randrange(-64, 64) / 32 for _ in range(FEATURES)] for _ in range(count)]


def _parse(reply: Reply) -> Any:
    return orjson.loads(reply.body)
