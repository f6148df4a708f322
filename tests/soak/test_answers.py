"""Whether wrong answers of models are noticed."""

from typing import Any

import numpy as np
import pytest
from soak import answers
from soak.answers import WrongAnswer
from soak.models import FEATURES, KINDS, SCORES, make_weights


def scores_of(weights: dict[str, Any], features: Any) -> Any:
    return np.maximum(features @ weights["w1"] + weights["b1"], 0) @ weights["w2"] + weights["b2"]


def test_a_line_tells_its_version() -> None:
    assert answers.line_version([0, 1.5, 7], [9.0, 12.0, 23.0]) == 9


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1, 2], [5.0]),
        ([1, 2], [5.0, 8.0]),
        ([1, 2], [7.0, 5.0]),
        ([1], [2.0]),
        ([1], [2.5]),
        ([], []),
        ([1], [[5.0]]),
    ],
    ids=["too few", "two versions", "swapped", "version 0", "half a version", "empty", "rank"],
)
def test_a_line_that_no_version_gave_is_wrong(x: list[float], y: list[Any]) -> None:
    with pytest.raises(WrongAnswer):
        answers.line_version(x, y)


def test_an_mlp_is_compared_with_numpy() -> None:
    weights = make_weights()
    features = np.random.default_rng(1).normal(size=(3, FEATURES)).astype(np.float32)
    scores = scores_of(weights, features)
    assert answers.mlp_version(weights, features, scores, [4, 4, 4]) == 4
    with pytest.raises(WrongAnswer, match="scores"):
        answers.mlp_version(weights, features, scores[::-1], [4, 4, 4])
    with pytest.raises(WrongAnswer, match="version"):
        answers.mlp_version(weights, features, scores, [4, 4, 5])
    with pytest.raises(WrongAnswer, match="versions are"):
        answers.mlp_version(weights, features, scores, [4])
    assert scores.shape == (3, SCORES)


def test_words_come_back_whole() -> None:
    assert answers.words_version([b"a|b", b"\xff"], [b"a|b|12", b"\xff|12"]) == 12
    for said in ([b"a|12"], [b"b|12", b"\xff|12"], [b"a|b|12", b"\xff|13"], [b"a|b|", b"\xff|"]):
        with pytest.raises(WrongAnswer):
            answers.words_version([b"a|b", b"\xff"], said)


def test_kinds_are_ranked_by_the_models_own_scores() -> None:
    row = list(zip(KINDS, [5.0, 7.0, 9.0], strict=True))
    assert answers.kinds_version([2.0], [row]) == 3
    for wrong in ([], [row[::-1]], [row, row], [[(KINDS[0], 5.0), (KINDS[1], 7.0), (KINDS[2], 8)]]):
        with pytest.raises(WrongAnswer):
            answers.kinds_version([2.0], wrong)
