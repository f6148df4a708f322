"""Whether a server without capabilities may read what lies in models_dir."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.runtimes.readable import check_readable, may_read, parse_user
from tfdeploy.stack import parse_stack


def found(mode: int, uid: int, gid: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "readable"),
    [
        (0o600, 1000, 1000, True),
        (0o600, 0, 0, False),
        (0o040, 0, 1000, True),
        (0o004, 0, 0, True),
        # The owner's bits decide for the owner, even when others may.
        (0o044, 1000, 1000, False),
    ],
)
def test_modes_decide_when_there_are_no_capabilities(
    mode: int, uid: int, gid: int, readable: bool
) -> None:
    assert may_read(found(stat.S_IFREG | mode, uid, gid), (1000, 1000)) is readable


def test_a_folder_must_be_entered_too() -> None:
    assert may_read(found(stat.S_IFDIR | 0o755, 0, 0), (1000, 1000))
    assert not may_read(found(stat.S_IFDIR | 0o744, 0, 0), (1000, 1000))


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        (None, (0, 0)),
        ("1000", (1000, 0)),
        ("1000:2000", (1000, 2000)),
        ("nobody", None),
        ("1000:staff", None),
    ],
)
def test_a_name_of_the_images_own_is_left_to_the_image(
    user: str | None, ids: tuple[int, int] | None
) -> None:
    assert parse_user(user) == ids


def check(folder: Path, user: str = "") -> list[TfdeployError]:
    text = "stack: one\nmodels_dir: ../models\nservices:\n  a:\n    models: {m: {}}\n"
    file = parse_stack(f"{text}    user: '{user or '54321'}'\n", folder / "one" / "stack.yaml")
    return check_readable(file, {"a": {"m": (1,)}})


def make_version(folder: Path) -> Path:
    variables = folder / "models" / "m" / "1" / "variables"
    variables.mkdir(parents=True)
    (variables / "variables.index").write_bytes(b"")
    (variables.parent / "saved_model.pb").write_bytes(b"")
    return variables.parent


def test_a_closed_file_is_named_with_the_chmod_that_opens_it(tmp_path: Path) -> None:
    version = make_version(tmp_path)
    assert check(tmp_path) == []

    (version / "variables" / "variables.index").chmod(0o600)
    [error] = check(tmp_path)
    assert error.code == "TFD215"
    assert "variables.index" in error.message
    assert "-rw-------" in error.where
    assert f"chmod -R a+rX {tmp_path / 'models' / 'm'}" in error.hint
    assert check(tmp_path, user=f"{os.getuid()}:{os.getgid()}") == []
    assert check(tmp_path, user="nobody") == []


def test_a_version_that_is_not_served_may_be_closed(tmp_path: Path) -> None:
    version = make_version(tmp_path)
    (version.parent / "2").mkdir(mode=0o700)
    assert check(tmp_path) == []


def test_a_link_may_lead_anywhere_below_models_dir_but_not_out(tmp_path: Path) -> None:
    base = make_version(tmp_path).parent
    elsewhere = tmp_path / "models" / "archive"
    base.rename(elsewhere)
    base.symlink_to("archive")
    assert check(tmp_path) == []

    base.unlink()
    elsewhere.rename(tmp_path / "archive")
    base.symlink_to(tmp_path / "archive")
    [error] = check(tmp_path)
    assert "link out of models_dir" in error.message
