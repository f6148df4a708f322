"""What export records for the gate: a sample of each signature, and what it was answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy.exporting.asked import Asked
from tfdeploy.exporting.proof import Proven
from tfdeploy.exporting.samples import Rows
from tfdeploy.savedmodel import manifest_answer, manifest_samples, read_manifest


def answers(**expected: Any) -> dict[str, dict[str, object]]:
    rows = Rows({"x": np.array([1.0, 2.0], "float32")})
    return Proven({"s": Asked(rows, expected, 1e-4)}).answers


@pytest.mark.parametrize(
    ("values", "recorded"),
    [
        (np.array([0.5, 1.0], "float32"), [0.5]),
        (np.array([[1, 2], [3, 4]]), [[1, 2]]),
        (np.array([b"cat", b"dog"], object), ["cat"]),
        (np.array([b"\xff", b"dog"], object), [{"b64": "/w=="}]),
        (np.array([True, False]), [True]),
    ],
)
def test_the_answer_to_the_sample_is_recorded_with_its_tolerance(
    values: Any, recorded: list[object]
) -> None:
    assert answers(y=values) == {"s": {"outputs": {"y": recorded}, "tolerance": 1e-4}}


def test_nan_is_recorded_as_json_writes_it() -> None:
    assert json.dumps(answers(y=np.array([np.nan, 1.0]))["s"]["outputs"]) == '{"y": [NaN]}'


def test_an_answer_by_chance_and_a_long_one_are_not_recorded() -> None:
    assert answers() == {}
    assert answers(y=np.zeros((2, 6_000), "float32")) == {}


def test_a_version_carries_its_sample_and_the_sources_answer(
    publish: Callable[..., Any], digits: Any, digits_file: Path, tmp_path: Path
) -> None:
    manifest = read_manifest(publish(digits_file, tmp_path).path)
    (row,) = manifest_samples(manifest, "serving_default")
    found = manifest_answer(manifest, "serving_default")
    assert found is not None
    outputs, tolerance = found
    expected = digits(np.array([row["pixels"]], "float32"), training=False).numpy()
    np.testing.assert_allclose(outputs["scores"], expected, rtol=tolerance)
