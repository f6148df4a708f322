"""What the models must answer: each function reads the version out of a checked answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from soak.models import KINDS

TOLERANCE = 1e-3


class WrongAnswer(Exception):
    """An answer that no version of the model can have given."""


def line_version(x: Any, y: Any) -> int:
    """The version n of y = 2 * x + n.

    Raises:
        WrongAnswer: the shapes differ, or rows disagree.
    """
    inputs, outputs = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if inputs.shape != outputs.shape:
        raise WrongAnswer(f"{inputs.shape} went in, {outputs.shape} came out")
    return _one_version(outputs - 2 * inputs)


def mlp_version(weights: Mapping[str, Any], features: Any, scores: Any, versions: Any) -> int:
    """The version of an MLP's answer whose scores are those that numpy computes.

    Raises:
        WrongAnswer: a score is off by more than `TOLERANCE`, or rows disagree.
    """
    check_scores(weights, features, scores)
    numbers = np.asarray(versions, np.float64)
    if numbers.shape != (len(features),):
        raise WrongAnswer(f"{len(features)} rows went in, versions are {numbers.shape}")
    return _one_version(numbers)


def check_scores(weights: Mapping[str, Any], features: Any, scores: Any) -> None:
    """Compare an MLP's scores with numpy's.

    Raises:
        WrongAnswer: they differ by more than `TOLERANCE`.
    """
    hidden = np.maximum(np.asarray(features, np.float32) @ weights["w1"] + weights["b1"], 0)
    wanted = hidden @ weights["w2"] + weights["b2"]
    got = np.asarray(scores, np.float32)
    if got.shape != wanted.shape or not np.allclose(got, wanted, TOLERANCE, TOLERANCE):
        raise WrongAnswer("scores are not those of the weights")


def words_version(texts: Sequence[bytes], said: Sequence[bytes]) -> int:
    """The version n of `text|n`.

    Raises:
        WrongAnswer: another text, or rows disagree.
    """
    if len(texts) != len(said):
        raise WrongAnswer(f"{len(texts)} texts went in, {len(said)} came out")
    numbers = []
    for text, answer in zip(texts, said, strict=True):
        start, _, number = answer.rpartition(b"|")
        if start != text or not number.isdigit():
            raise WrongAnswer(f"{text[:80]!r} became {answer[:80]!r}")
        numbers.append(int(number))
    return _one_version(np.asarray(numbers, np.float64))


def kinds_version(x: Sequence[float], results: Sequence[Sequence[tuple[str, float]]]) -> int:
    """The version n of a classification whose scores are x, 2x, 3x, plus n.

    Raises:
        WrongAnswer: other classes, or rows disagree.
    """
    if [tuple(label for label, _ in row) for row in results] != [KINDS] * len(x):
        raise WrongAnswer(f"classes {results!r:.200}")
    scores = np.asarray([[score for _, score in row] for row in results], np.float64)
    return _one_version(scores - np.outer(np.asarray(x, np.float64), [1.0, 2.0, 3.0]))


def _one_version(numbers: Any) -> int:
    first = float(numbers.flat[0]) if numbers.size else 0.0
    if first < 1 or first != int(first) or not np.all(numbers == first):
        raise WrongAnswer(f"no one version: {np.unique(numbers)[:5]}")
    return int(first)
