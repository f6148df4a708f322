"""Which version folders go, and how they go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.files import remove_aside, remove_half_removed, tree_bytes
from tfdeploy.savedmodel import list_versions
from tfdeploy.stack import parse_stack
from tfdeploy.stack.pruning import choose_prunable, wanted_by


@pytest.fixture
def base_path(tmp_path: Path) -> Path:
    """Versions 1 to 6."""
    for number in range(1, 7):
        folder = tmp_path / "m" / str(number)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(b"12345")
    return tmp_path / "m"


def going(base_path: Path, needed: dict[int, str], keep: int) -> list[int]:
    choice = choose_prunable(list_versions(base_path), needed, keep)
    everything = {one.number for one in choice.going} | set(choice.kept)
    assert everything == {one.number for one in list_versions(base_path)}
    return [one.number for one in choice.going]


def test_the_newest_and_what_is_needed_stay(base_path: Path) -> None:
    assert going(base_path, {}, 2) == [1, 2, 3, 4]
    assert going(base_path, {3: "label stable of stack s", 1: "it serves"}, 2) == [2, 4]
    assert going(base_path, {}, 6) == going(base_path, {}, 100) == []
    choice = choose_prunable(list_versions(base_path), {4: "it serves"}, 1)
    assert choice.kept == {6: "the newest", 4: "it serves"}


def test_numbers_go_by_value_not_by_spelling(tmp_path: Path) -> None:
    for name in ("9", "10", "011"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    assert going(tmp_path, {}, 2) == [9]


def test_what_is_no_version_folder_is_left_alone(base_path: Path) -> None:
    (base_path / "2" / "saved_model.pb").unlink()
    (base_path / "7").write_text("a file")
    (base_path / "0").symlink_to(base_path / "1")
    (base_path / "notes").mkdir()
    choice = choose_prunable(list_versions(base_path), {}, 2)
    assert [one.number for one in choice.going] == [1, 3, 4, 5]
    assert (choice.kept[0], choice.kept[2]) == ("a link", "no SavedModel in it")


def test_labels_and_policies_need_versions() -> None:
    text = (
        "stack: s\nservices:\n  a:\n    models:\n"
        "      m: {versions: {specific: [2, 5]}, labels: {stable: 2}}\n      n: {}\n"
    )
    file = parse_stack(text, Path("/x/stacks/s/stack.yaml"))
    assert list(wanted_by(file, {"a": {"m": (2, 5), "n": (9,)}})) == [
        ("a", "m", 2, "label stable of stack s"),
        ("a", "m", 2, "stack s wants it"),
        ("a", "m", 5, "stack s wants it"),
        ("a", "n", 9, "stack s wants it"),
    ]


def test_a_folder_goes_whole_and_its_neighbours_stay(base_path: Path) -> None:
    remove_aside(base_path / "3")
    assert sorted(os.listdir(base_path)) == ["1", "2", "4", "5", "6"]
    with pytest.raises(TfdeployError) as caught:
        remove_aside(base_path / "3")
    assert caught.value.code == "TFD211"


def test_what_a_killed_removal_left_is_no_version_and_is_found(base_path: Path) -> None:
    aside = base_path / ".gone-3-abc"
    aside.mkdir()
    (base_path / "3").rename(aside / "3")
    assert [one.number for one in list_versions(base_path)] == [1, 2, 4, 5, 6]
    assert remove_half_removed(base_path) == [aside]
    assert remove_half_removed(base_path) == []
    assert not aside.exists()


def test_sizes_are_those_of_all_files(base_path: Path) -> None:
    (base_path / "1" / "variables").mkdir()
    (base_path / "1" / "variables" / "data").write_bytes(b"x" * 1000)
    assert tree_bytes(base_path / "1") == 1005
