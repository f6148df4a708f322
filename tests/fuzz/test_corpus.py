"""Every input of the corpus still gives an answer."""

import importlib

import pytest

from tests.fuzz.corpus_files import CORPUS, TARGETS, inputs

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("target", TARGETS)
def test_replay(target: str) -> None:
    check = importlib.import_module(TARGETS[target]).check
    files = inputs(target)
    assert files, "the corpus is gone"
    for file in files:
        try:
            check(file.read_bytes())
        except BaseException as problem:
            problem.add_note(f"input: {file}")
            raise


def test_the_corpus_is_small() -> None:
    files = [file for target in TARGETS for file in inputs(target)]
    assert len(files) < 200
    assert sum(file.stat().st_size for file in files) < 2**20
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
