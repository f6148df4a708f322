"""What a version is asked before a label moves to it, read from the stack file and the export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import manifest_answer
from tfdeploy.stack import StackFile, check_models, parse_stack
from tfdeploy.stack.checks import DEFAULT_TOLERANCE, CheckRequest, check_requests

HEAD = "stack: s\nservices:\n  a:\n    models:\n      m:\n"


def stack(folder: Path, checks: str = "") -> StackFile:
    (folder / "models" / "m" / "1").mkdir(parents=True, exist_ok=True)
    text = HEAD + (f"        checks:\n{checks}" if checks else "        labels: {}\n")
    return parse_stack(text, folder / "stacks" / "s" / "stack.yaml")


def recorded(folder: Path, manifest: object) -> tuple[CheckRequest, ...]:
    file = stack(folder)
    (folder / "models" / "m" / "1" / "tfdeploy.json").write_text(json.dumps(manifest))
    return check_requests(file, "a", "m", 1)


def test_requests_stand_in_the_stack_file(tmp_path: Path) -> None:
    file = stack(
        tmp_path,
        "          - request: [[1.0, 2.0]]\n"
        "            expected: {y: [0.5]}\n"
        "            tolerance: 0.1\n"
        "          - {request: {instances: [1]}, signature: other}\n",
    )
    assert check_requests(file, "a", "m", 1) == (
        CheckRequest("checks.0", None, [[1.0, 2.0]], {"y": [0.5]}, 0.1),
        CheckRequest("checks.1", "other", {"instances": [1]}, None, 1e-3),
    )


def test_requests_and_answers_may_be_files_beside_the_stack_file(tmp_path: Path) -> None:
    file = stack(tmp_path, "          - {request: checks/in.json, expected: checks/out.json}\n")
    (file.folder / "checks").mkdir(parents=True)
    (file.folder / "checks" / "in.json").write_text('{"instances": [1.0]}')
    (file.folder / "checks" / "out.json").write_text('{"predictions": [NaN]}')
    (one,) = check_requests(file, "a", "m", 1)
    assert one.document == {"instances": [1.0]}
    assert str(one.expected) == "{'predictions': [nan]}"


@pytest.mark.parametrize("text", [None, "{", '"\xff"'])
def test_a_file_that_cant_be_read_is_found_before_anything_changes(
    tmp_path: Path, text: str | None
) -> None:
    file = stack(tmp_path, "          - {request: in.json}\n")
    file.folder.mkdir(parents=True)
    if text is not None:
        (file.folder / "in.json").write_bytes(text.encode("latin-1"))
    errors = [one for one in check_models(file) if one.code == "TFD230"]
    assert len(errors) == 1
    assert "in.json" in errors[0].message
    assert "checks.0" in errors[0].where


@pytest.mark.parametrize(
    "check",
    [
        "{expected: [1]}",
        "{request: 3}",
        "{request: [.nan]}",
        "{request: [2020-01-01]}",
        "{request: [1], tolerance: -1}",
        "{request: [1], tolerance: .inf}",
        "{request: [1], expect: [1]}",
    ],
)
def test_a_check_that_is_none_is_refused(tmp_path: Path, check: str) -> None:
    with pytest.raises(TfdeployError) as caught:
        stack(tmp_path, f"          - {check}\n")
    assert caught.value.code == "TFD203"


def test_without_checks_the_exports_samples_are_asked(tmp_path: Path) -> None:
    manifest = {
        "samples": {"serving_default": [{"x": 1.0}], "other": [{"x": 2.0}]},
        "answers": {"serving_default": {"outputs": {"y": [1.5]}, "tolerance": 1e-4}},
    }
    assert recorded(tmp_path, manifest) == (
        CheckRequest(
            "the recorded sample of 'serving_default'",
            "serving_default",
            {"instances": [{"x": 1.0}]},
            {"y": [1.5]},
            1e-4,
        ),
        CheckRequest(
            "the recorded sample of 'other'",
            "other",
            {"instances": [{"x": 2.0}]},
            None,
            DEFAULT_TOLERANCE,
        ),
    )


@pytest.mark.parametrize(
    "manifest", [[], {}, {"samples": []}, {"samples": {"a": []}}, {"samples": {"a": "x"}}]
)
def test_a_version_without_usable_samples_is_asked_nothing(
    tmp_path: Path, manifest: object
) -> None:
    assert recorded(tmp_path, manifest) == ()


def test_a_version_that_isnt_on_disk_is_asked_nothing(tmp_path: Path) -> None:
    assert check_requests(stack(tmp_path), "a", "m", 9) == ()


@pytest.mark.parametrize(
    "answers",
    [
        None,
        [],
        {"s": 1},
        {"s": {}},
        {"s": {"outputs": {}, "tolerance": 1}},
        {"s": {"outputs": {"y": [1]}, "tolerance": "x"}},
        {"s": {"outputs": [1], "tolerance": 1}},
    ],
)
def test_an_answer_of_another_form_is_none(answers: object) -> None:
    assert manifest_answer({"answers": answers}, "s") is None


def test_an_answer_is_outputs_and_a_tolerance() -> None:
    manifest = {"answers": {"s": {"outputs": {"y": [1]}, "tolerance": 1}}}
    assert manifest_answer(manifest, "s") == ({"y": [1]}, 1.0)
