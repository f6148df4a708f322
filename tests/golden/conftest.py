"""``pytest tests/golden --update-golden`` rewrites the golden files from what is produced now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Compare = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Rewrite the golden files, then compare."
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Compare:
    """``golden(name, text)``: the text is what the file of that name holds."""
    update = bool(request.config.getoption("--update-golden", default=False))

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        there = path.read_text(encoding="utf-8") if path.is_file() else ""
        assert text == there, f"{path} differs: `pytest tests/golden --update-golden` rewrites it"

    return compare
