"""The same requests to two versions: what differs, who refused, and how time is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfdeploy.client.predict import Response
from tfdeploy.client.side_by_side import (
    Body,
    Comparison,
    compare_versions,
    read_cases,
    refusals,
    sample_cases,
)
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import Signature, TensorInfo


def signature(name: str = "serving_default", dims: tuple[int | None, ...] = (None,)) -> Signature:
    x, y = (TensorInfo(alias, alias, "float32", dims) for alias in "xy")
    return Signature(name, {"x": x}, {"y": y}, "tensorflow/serving/predict")


KNOWN = {"serving_default": signature()}
ROWS = [{"x": 1.0}, {"x": 2.0}, {"x": 4.0}]
Answer = Callable[[float], Any]


class Servers:
    """Answers each row with what a version makes of it; an answer takes as many seconds as asked
    for, and who was asked is written down."""

    def __init__(self, *versions: Answer) -> None:
        self._versions = versions
        self.asked: list[int] = []

    def send(self, version: int, body: Body) -> Response:
        self.asked.append(version)
        rows: Any = body["instances"]
        found = [self._versions[version](row["x"]) for row in rows]
        return Response({"predictions": found}, "", float(len(self.asked)))


def refuse(_: float) -> Any:
    raise TfdeployError("TFD502", "too large", where="w", hint="h")


def run(*versions: Answer, tolerance: float | None = None, rounds: int = 1) -> Comparison:
    cases = sample_cases(ROWS, signature(), "sample")
    send = Servers(*versions).send
    return compare_versions(cases, (0, 1), (KNOWN, KNOWN), send, tolerance=tolerance, rounds=rounds)


def test_differences_of_all_requests_are_added_up() -> None:
    found = run(lambda x: x, lambda x: x + x / 4, tolerance=0.25)
    (output,) = found.outputs
    assert (output.values, output.unequal, output.beyond) == (3, 3, 0)
    assert (output.largest, output.expected, output.found) == (1.0, 4.0, 5.0)
    assert found.acceptable
    assert not run(lambda x: x, lambda x: x + x / 4, tolerance=0.125).acceptable


def test_who_goes_first_takes_turns_and_the_first_answers_are_not_measured() -> None:
    servers = Servers(lambda x: x, lambda x: x)
    told: list[int] = []
    cases = sample_cases(ROWS, signature(), "sample")
    found = compare_versions(
        cases, (0, 1), (KNOWN, KNOWN), servers.send, tolerance=None, rounds=2, tell=told.append
    )
    assert servers.asked == [0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0]
    assert told == [1, 2, 3, 4, 5, 6]
    assert found.old.seconds == [4, 5, 8, 9, 12]
    assert found.new.seconds == [3, 6, 7, 10, 11]
    assert (found.old.median_seconds, found.new.quantile_seconds(0.99)) == (8, 11)
    assert found.outputs[0].values == 3


def test_a_version_that_refuses_is_not_acceptable() -> None:
    found = run(lambda x: x, lambda x: x if x < 3 else refuse(x))
    assert (found.requests, found.compared) == (3, 2)
    assert not found.acceptable
    assert list(refusals(found.new)) == ["version 1 refused sample 3: too large"]
    nothing = run(refuse, refuse)
    assert (nothing.old.median_seconds, nothing.acceptable) == (None, False)


def test_an_answer_of_another_form_is_not_acceptable() -> None:
    found = run(lambda x: x, lambda x: {"z": x})
    assert not found.acceptable
    assert "doesn't fit its signature" in found.new.refused["sample 1"]
    other = run(lambda x: x, lambda x: [x, x])
    assert other.outputs[0].form == "had the shape [1] and has [1, 2]"
    assert not other.acceptable


def test_a_signature_that_the_new_version_lacks_is_told() -> None:
    cases = sample_cases(ROWS[:1], signature("other"), "sample")
    servers = Servers(lambda x: x, lambda x: x)
    known = {"other": signature("other")}
    found = compare_versions(cases, (0, 1), (known, KNOWN), servers.send, tolerance=None)
    assert cases[0].body == {"signature_name": "other", "instances": [{"x": 1.0}]}
    assert "'other'" in found.new.refused["sample 1"]


def test_samples_without_a_batch_are_whole_tensors() -> None:
    (case,) = sample_cases([{"x": [1, 2]}], signature(dims=(2,)), "sample")
    assert case.body == {"inputs": {"x": [1, 2]}}


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        ("[1, 2]", [{"instances": [1, 2]}]),
        ('{"instances": [1]}\n\n[2]\n', [{"instances": [1]}, {"instances": [2]}]),
        ('{\n"instances":\n[1]\n}', [{"instances": [1]}]),
        ("[\n1,\n2\n]", [{"instances": [1, 2]}]),
    ],
)
def test_a_file_holds_one_document_or_one_on_each_line(
    text: str, bodies: list[Body], tmp_path: Path
) -> None:
    path = tmp_path / "requests.json"
    path.write_text(text)
    assert [case.body for case in read_cases(path, KNOWN)] == bodies
    assert [case.body for case in read_cases(Path("-"), KNOWN, text)] == bodies


def test_a_request_that_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text('[1]\n["a"]\n')
    with pytest.raises(TfdeployError) as caught:
        read_cases(path, KNOWN)
    assert (caught.value.code, f"{path}, line 2" in caught.value.where) == ("TFD503", True)
    path.write_text("[1]\n[2]\n[3\n")
    with pytest.raises(TfdeployError) as caught:
        read_cases(path, KNOWN)
    assert (caught.value.code, "line 3" in caught.value.message) == ("TFD505", True)
