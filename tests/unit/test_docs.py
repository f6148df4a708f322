"""The generated pages say what the code says, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import generate

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", ["stack-file.md", "errors.md", "doctor-checks.md"])
def test_a_generated_page_is_up_to_date(page: str) -> None:
    assert (ROOT / "docs" / page).read_text() == generate.PAGES[page](), "run `make docs`"


def test_every_command_has_its_help_in_the_docs() -> None:
    written = re.findall(r"^## tfdeploy .+$", (ROOT / "docs/commands.md").read_text(), re.M)
    made = re.findall(r"^## tfdeploy .+$", generate.commands(), re.M)
    assert written == made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", text, re.M)
    assert phony
    described = set(re.findall(r"^([a-z0-9-]+):.*##", text, re.M))
    assert set(phony[1].split()) == described
