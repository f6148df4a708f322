"""Files and folders are whole, or they aren't there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.files import copy_tree, open_to_readers, published_folder, rename_new, save_text


def test_saving_says_whether_the_contents_changed(tmp_path: Path) -> None:
    path = tmp_path / "far" / "a.txt"
    assert save_text(path, "é\r\n") is True
    assert path.read_bytes() == "é\r\n".encode()
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert save_text(path, "é\r\n") is False
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    assert save_text(path, "") is True
    assert [one.name for one in path.parent.iterdir()] == ["a.txt"]


def test_a_new_file_is_open_to_readers_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        save_text(tmp_path / "a", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "a").chmod(0o600)
    save_text(tmp_path / "a", "y")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_an_open_reader_goes_on_reading_the_old_file(tmp_path: Path) -> None:
    save_text(tmp_path / "a", "old")
    with (tmp_path / "a").open() as reader:
        save_text(tmp_path / "a", "new")
        assert reader.read() == "old"


def test_what_cant_be_written_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "a", tmp_path / "folder"):
        with pytest.raises(TfdeployError, match="Can't write") as caught:
            save_text(path, "x")
        assert caught.value.code == "TFD211"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_is_published_by_one_rename(tmp_path: Path) -> None:
    final = tmp_path / "models" / "3"
    with published_folder(final, rename_new) as scratch:
        assert scratch.parent == final.parent
        assert scratch.name.startswith(".tmp-3-")
        (scratch / "a").write_text("x")
        (scratch / "a").chmod(0o600)
        assert not final.exists()
    assert [one.name for one in final.parent.iterdir()] == ["3"]
    assert (final / "a").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_interrupts_the_body_leaves_nothing(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error), published_folder(tmp_path / "3", rename_new) as scratch:
        (scratch / "a").write_text("x")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("full", [True, False])
def test_a_folder_that_another_writer_published_first_stays(tmp_path: Path, full: bool) -> None:
    final = tmp_path / "3"
    with (
        pytest.raises(TfdeployError) as caught,
        published_folder(final, rename_new) as scratch,
    ):
        (scratch / "mine").write_text("")
        final.mkdir()
        if full:
            (final / "theirs").write_text("")
    assert caught.value.code == "TFD105"
    assert [one.name for one in tmp_path.iterdir()] == ["3"]
    assert not (final / "mine").exists()


def test_a_folder_that_cant_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(TfdeployError) as caught,
        published_folder(tmp_path / "file" / "3", rename_new),
    ):
        raise AssertionError
    assert caught.value.code == "TFD211"


def test_opening_a_tree_takes_no_right_away(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("")
    (tmp_path / "in" / "a").chmod(0o700)
    (tmp_path / "in").chmod(0o700)
    open_to_readers(tmp_path)
    assert (tmp_path / "in").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "in" / "a").stat().st_mode & 0o777 == 0o744


def test_a_tree_is_copied_not_linked(tmp_path: Path) -> None:
    (tmp_path / "one" / "in").mkdir(parents=True)
    (tmp_path / "one" / "in" / "a").write_text("x")
    (tmp_path / "two").mkdir()
    copy_tree(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "two" / "in" / "a").read_text() == "x"
    assert (tmp_path / "two" / "in" / "a").stat().st_nlink == 1


def test_a_file_that_cant_be_copied_is_told_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "one" / "in").mkdir(parents=True)
    (tmp_path / "one" / "in" / "a").symlink_to("gone")
    with pytest.raises(OSError, match="No such file") as caught:
        copy_tree(tmp_path / "one", tmp_path / "two")
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename == str(tmp_path / "one" / "in" / "a")


def test_a_base_path_that_was_made_for_nothing_goes(tmp_path: Path) -> None:
    with pytest.raises(ValueError), published_folder(tmp_path / "m" / "3", rename_new):
        raise ValueError
    assert not (tmp_path / "m").exists()
