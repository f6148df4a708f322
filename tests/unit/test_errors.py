"""Every error has a code, a story and an exit code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tfdeploy
from tfdeploy.errors import CATALOGUE, Exit, SeveralErrors, TfdeployError, raise_all

SOURCES = [
    path for path in Path(tfdeploy.__file__).parent.rglob("*.py") if path.parent.name != "errors"
]


def error(code: str, message: str = "m") -> TfdeployError:
    return TfdeployError(code, message, where="w", hint="h")


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_code_tells_its_story(code: str) -> None:
    entry = CATALOGUE[code]
    assert re.fullmatch(r"TFD[1-7]\d\d", code)
    assert entry.title[0].isupper()
    assert not entry.title.endswith(".")
    assert entry.story.endswith(".")
    assert error(code).exit_code is entry.exit_code is not Exit.OK


def test_every_code_in_the_sources_is_in_the_catalogue() -> None:
    used = {code for path in SOURCES for code in re.findall(r'"(TFD\d+)"', path.read_text())}
    assert used <= set(CATALOGUE)
    assert len(used) > 40


def test_exit_codes_are_the_documented_ones() -> None:
    assert {one.name: one.value for one in Exit} == {
        "OK": 0,
        "NO": 1,
        "USAGE": 2,
        "MODEL": 3,
        "RUNTIME": 4,
        "DEPLOY": 5,
        "REQUEST": 6,
        "BUG": 70,
        "INTERRUPTED": 130,
    }


def test_nothing_one_or_all_problems_are_raised() -> None:
    raise_all([])
    one, two = error("TFD203", "one"), error("TFD410", "two")
    with pytest.raises(TfdeployError) as caught:
        raise_all(iter([one]))
    assert caught.value is one
    assert one.all() == [one]
    with pytest.raises(SeveralErrors) as several:
        raise_all([one, SeveralErrors([two, one])])
    assert several.value.all() == [one, two, one]
    assert (several.value.exit_code, str(several.value)) == (Exit.USAGE, "one")
