"""What `render --check` and `make help` say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tfdeploy.cli.main import run

ROOT = Path(__file__).parents[2]


def test_one_file_differs_and_two_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "stacks" / "s"
    folder.mkdir(parents=True)
    (folder / "stack.yaml").write_text("stack: s\nservices: {a: {models: {m: {}}}}\n")
    assert run(["render", "s"]) == 0
    first, second, *_ = sorted(one for one in (folder / "rendered").rglob("*") if one.is_file())
    for path, words in (
        (first, "1 rendered file differs: "),
        (second, "2 rendered files differ: "),
    ):
        path.write_text("other")
        assert run(["render", "s", "--check"]) == 1
        assert f"error: {words}" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_help_shows_whole_lines() -> None:
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    targets = [line for line in (ROOT / "Makefile").read_text().splitlines() if ":  ##" in line]
    assert targets
    assert "(RUNTIME=docker|process)" in shown
