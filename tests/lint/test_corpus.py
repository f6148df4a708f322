"""Every broken set-up is found for what it is, and nothing is found in the healthy ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tfdeploy.errors import CATALOGUE
from tfdeploy.lint import Finding, lint_setup, read_setup
from tfdeploy.lint.checks import CONFIG_CHECKS, SERVER_CHECKS, TOGETHER_CHECKS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BROKEN = HERE / "broken"
INDEX = yaml.safe_load((BROKEN / "index.yaml").read_text())
HEALTHY = sorted((HERE / "healthy").iterdir())
# Files of our own: what we render, and what we tell people to write.
OURS = [
    *sorted((ROOT / "tests/golden/rendered").iterdir()),
    ROOT / "templates/stack.reference.yaml",
]


def lint(path: Path) -> list[Finding]:
    return lint_setup(read_setup(path))


def in_short(one: Finding, top: Path) -> str:
    file = f"{one.place.path.relative_to(top)}:" if top.is_dir() else ""
    return f"{file}{one.place.line} {one.severity} {one.code}"


@pytest.mark.parametrize("name", INDEX)
def test_a_broken_set_up_is_found_at_its_line_and_nothing_else(name: str) -> None:
    top = BROKEN / name
    assert [in_short(one, top) for one in lint(top)] == INDEX[name]["finds"]


@pytest.mark.parametrize("path", [*HEALTHY, *OURS], ids=lambda path: path.name)
def test_nothing_is_found_in_a_healthy_set_up(path: Path) -> None:
    assert lint(path) == []


def test_the_corpus_is_whole() -> None:
    on_disk = {path.name for path in BROKEN.iterdir()} - {"index.yaml"}
    assert on_disk == set(INDEX)
    assert len(INDEX) >= 60
    assert len(HEALTHY) >= 20
    named = [one for one in INDEX.values() if re.search(r"#\d+$", one["from"])]
    assert len(named) >= 60
    assert all(one["finds"] for one in INDEX.values())


def test_every_check_finds_something_in_the_corpus_under_a_code_that_is_explained() -> None:
    checks = [*SERVER_CHECKS, *TOGETHER_CHECKS]
    checks += [one for several in CONFIG_CHECKS.values() for one in several]
    found = {text.rpartition(" ")[2] for one in INDEX.values() for text in one["finds"]}
    assert {one.code for one in checks} <= found
    assert found <= set(CATALOGUE)


def test_what_lint_finds_has_its_why_and_its_fix() -> None:
    found = {text.rpartition(" ")[2] for one in INDEX.values() for text in one["finds"]}
    for code in found & {code for code in CATALOGUE if "TFD255" <= code <= "TFD299"}:
        assert CATALOGUE[code].why.endswith("."), code
        assert CATALOGUE[code].fix.endswith("."), code
