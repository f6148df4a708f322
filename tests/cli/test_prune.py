"""prune: old versions go; what anybody needs stays."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from tests.cli.conftest import WriteStack
from tests.conftest import Cli

STACK = """\
stack: s
runtime: process
services:
  one:
    models:
      half: {versions: {specific: [3, 4]}, labels: {stable: 3}}
"""
OTHER = """\
stack: other
runtime: process
services: {two: {models: {mine: {path: half, versions: {specific: [2]}}}}}
"""


def fill(half: Path, half_versions: Path, *numbers: int) -> None:
    for number in numbers:
        shutil.copytree(half_versions / "1", half / str(number))


def kept(document: Any) -> dict[int, str]:
    return {one["version"]: one["because"] for one in document["kept"]}


def write_other(cli: Cli, text: str) -> None:
    path = cli.cwd / "stacks" / "other" / "stack.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_old_versions_go_and_what_is_needed_stays(
    cli: Cli, stack: WriteStack, half: Path, half_versions: Path
) -> None:
    fill(half, half_versions, 4, 5, 6, 7)
    stack(STACK)
    write_other(cli, OTHER)
    cli("up", "s").succeeded()
    # Only the undo of this goes back to 3 and 4.
    cli("add-model", "s", "half", "--versions", "5", "--label", "stable=5", "--up").succeeded()
    (half / "0").mkdir()
    (half / "notes.txt").touch()

    dry = cli("prune", "s", "--keep", "1", "--dry-run", "--json").succeeded().document
    assert [one["version"] for one in dry["would_delete"]] == [1, 6]
    assert dry["bytes"] == sum(one["bytes"] for one in dry["would_delete"]) > 1000
    reasons = kept(dry)
    assert reasons[0] == "no SavedModel in it"
    assert reasons[2] == "stack other wants it"
    assert reasons[3].startswith("undo of change #")
    assert reasons[4].startswith("undo of change #")
    assert (reasons[5], reasons[7]) == ("label stable of stack s", "the newest")
    everything = sorted(os.listdir(half))

    refused = cli("prune", "s", "--keep", "1")
    assert (refused.exit_code, "TFD452" in refused.stderr) == (2, True)
    assert sorted(os.listdir(half)) == everything

    done = cli("prune", "s", "--keep", "1", "--yes").succeeded().stdout
    assert "2 versions, " in done
    assert "half keeps 0 (no SavedModel in it), 2 (stack other wants it)" in done
    assert sorted(os.listdir(half)) == ["0", "2", "3", "4", "5", "7", "notes.txt"]
    assert cli("prune", "s", "--keep", "1", "--yes", "--json").document["deleted"] == []
    (half / "0").rmdir()
    cli("status", "s").succeeded()


def test_what_serves_stays_though_the_stack_file_has_forgotten_it(
    cli: Cli, stack: WriteStack, half: Path, half_versions: Path
) -> None:
    fill(half, half_versions, 4, 5)
    path = stack(STACK)
    cli("up", "s").succeeded()
    path.write_text(STACK.replace("[3, 4]", "[5]").replace("stable: 3", "stable: 5"))
    found = cli("prune", "s", "--keep", "1", "--dry-run", "--json").document
    assert [one["version"] for one in found["would_delete"]] == [1, 2]
    assert kept(found)[3] == kept(found)[4] == "it serves in stack s"


def test_a_stack_beside_that_cannot_be_read_stops_it(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK.replace("[3, 4]", "[3]"))
    write_other(cli, "stack: other\nservices: 7\n")
    for words in (["--yes"], ["--dry-run"]):
        ran = cli("prune", "s", "--keep", "1", *words)
        assert (ran.exit_code, "TFD453" in ran.stderr) == (2, True)
    assert sorted(os.listdir(half)) == ["1", "2", "3"]
    assert cli("prune", "s", "--keep", "0", "--yes").exit_code == 2
