"""The server answers as the real `tensorflow_model_server` was recorded to answer."""

from typing import Any

import pytest
from recordings import cases, not_yet
from replaying import Replayer

# Whole groups that are not even tried, each with the reason. Single cases are in not_yet.txt.
OUT_OF_SCOPE: dict[str, str] = {}


def _parameters() -> list[Any]:
    parameters = []
    for name, case in cases().items():
        marks = [pytest.mark.timeout(240)]
        if case["group"] in OUT_OF_SCOPE:
            marks.append(pytest.mark.skip(reason=OUT_OF_SCOPE[case["group"]]))
        if name in not_yet():
            marks.append(pytest.mark.xfail(strict=True, reason=not_yet()[name]))
        parameters.append(pytest.param(name, id=name, marks=marks))
    return parameters


@pytest.mark.parametrize("case_id", _parameters())
def test_recorded(case_id: str, replayer: Replayer) -> None:
    problem = replayer.result(case_id)
    assert problem is None, problem


@pytest.mark.timeout(10)
def test_every_known_failure_is_a_case() -> None:
    assert not not_yet().keys() - cases().keys()
