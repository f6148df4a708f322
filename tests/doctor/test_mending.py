"""What --fix does, what it leaves alone, and that it is done then."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from tfdeploy.doctor.finding import Finding, Mend
from tfdeploy.doctor.gather.stack import leftovers
from tfdeploy.doctor.mend import Repair, mend
from tfdeploy.journal import changing
from tfdeploy.stack import StackFile, parse_stack

TEXT = "stack: s\nmodels_dir: ../../models\nservices: {one: {models: {half: {}}}}\n"
COMMAND = ("tfdeploy", "doctor", "s", "--fix")


@pytest.fixture
def file(tmp_path: Path) -> StackFile:
    path = tmp_path / "stacks" / "s" / "stack.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    (tmp_path / "models" / "half" / "1").mkdir(parents=True)
    return parse_stack(TEXT, path)


def finding(verb: str, path: Path) -> Finding:
    wish = Mend(verb, str(path))  # type: ignore[arg-type]
    return Finding("TFD471", "warning", "stack", "leftovers", "m.", "c.", "f.", mend=wish)


def fix(file: StackFile, verb: str, *paths: Path) -> list[Repair]:
    return mend(file, [finding(verb, path) for path in paths], COMMAND)


def old(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    os.utime(path, (time.time() - 7200,) * 2)
    return path


def test_leftovers_are_removed_and_nothing_else(file: StackFile) -> None:
    note = old(file.folder / ".run" / "holder.json")
    beside = old(file.folder / "rendered" / ".compose.yaml.abcd1234")
    kept = old(file.folder / "rendered" / "compose.yaml")
    scratch = file.models_root / "half" / ".tmp-2-xyz"
    scratch.mkdir()
    os.utime(scratch, (time.time() - 7200,) * 2)
    filled = file.models_root / "half" / ".tmp-3-xyz"
    old(filled / "part").touch()
    done = fix(file, "remove", note, beside, scratch, filled, kept, file.path)
    assert [str(one) for one in done] == [f"removed {one}" for one in (note, beside, scratch)]
    assert not note.exists()
    assert not beside.exists()
    assert not scratch.exists()
    assert filled.exists()
    assert kept.exists()
    assert file.path.exists()
    assert list(leftovers(file)) == []


def test_a_stack_that_somebody_holds_is_left_alone(file: StackFile) -> None:
    beside = old(file.folder / "rendered" / ".compose.yaml.abcd1234")
    with changing(file.folder, ("tfdeploy", "up", "s")):
        (left,) = fix(file, "remove", beside)
    assert beside.exists()
    assert str(left).startswith(f"left {beside} alone: Another command is changing this stack")
    assert left.as_data()["why_not"] == left.why_not


def test_a_model_is_opened_to_readers(file: StackFile) -> None:
    base = file.models_root / "half"
    weights = old(base / "1" / "variables" / "variables.index")
    weights.chmod(0o600)
    (base / "1").chmod(0o700)
    link = base / "1" / "link"
    link.symlink_to(old(file.models_root.parent / "elsewhere"))
    (file.models_root.parent / "elsewhere").chmod(0o600)
    (done,) = fix(file, "open", base)
    assert str(done) == f"opened {base} to readers (chmod a+rX)"
    assert stat.S_IMODE(weights.stat().st_mode) == 0o644
    assert stat.S_IMODE((base / "1").stat().st_mode) == 0o755
    # What a link leads to may be anybody's secret.
    assert stat.S_IMODE(link.stat().st_mode) == 0o600


def test_a_folder_gets_its_owners_leave_back(file: StackFile) -> None:
    folder = file.folder / "rendered"
    folder.mkdir(mode=0o500)
    (done,) = fix(file, "write", folder)
    assert str(done).startswith("gave its owner leave")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_modes_dont_close_is_left_alone(file: StackFile) -> None:
    folder = file.folder / "rendered"
    folder.mkdir(mode=0o755)
    (left,) = fix(file, "write", folder)
    assert str(left) == (
        f"left {folder} alone: it is writable by mode, and still can't be written (read-only file "
        "system, immutable flag, or another user's)"
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_what_cant_be_mended_is_said(file: StackFile) -> None:
    (left,) = fix(file, "write", file.folder / "nowhere")
    assert left.why_not == "No such file or directory"
