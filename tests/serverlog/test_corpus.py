"""Logs of known set-ups are told for what they are, and healthy ones give no problem."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tfdeploy.serverlog import read_log, why_failed

HERE = Path(__file__).parent
PROBLEMS = HERE / "problems"
INDEX = yaml.safe_load((PROBLEMS / "index.yaml").read_text())
HEALTHY = sorted((HERE / "healthy").iterdir())


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.parametrize("name", INDEX)
def test_a_problem_is_found_for_what_it_is_and_nothing_else(name: str) -> None:
    reading = read_log(lines(PROBLEMS / name))
    found = [" ".join([one.code, *one.about]) for one in reading.problems]
    assert found == INDEX[name]["finds"]


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.name)
@pytest.mark.parametrize("wants_gpu", [False, None])
def test_a_healthy_log_has_no_problem(path: Path, wants_gpu: bool | None) -> None:
    reading = read_log(lines(path), wants_gpu)
    assert reading.problems == []
    assert not why_failed(lines(path))


def test_a_gpus_healthy_log_has_no_problem_for_who_asked_for_one() -> None:
    reading = read_log(lines(HERE / "healthy" / "gpu_start.log"), wants_gpu=True)
    assert reading.problems == []
    assert len(reading.findings) >= 6


def test_the_corpus_is_whole() -> None:
    assert {path.name for path in PROBLEMS.iterdir()} - {"index.yaml"} == set(INDEX)
    assert all(re.search(r"#\d+$", one["from"]) for one in INDEX.values())
    assert all(one["finds"] for one in INDEX.values())
    assert len(INDEX) >= 25
    assert len(HEALTHY) >= 4
