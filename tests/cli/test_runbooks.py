"""Every command of the runbooks is run, as it stands there, in order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRAIN = """
import keras
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="scores")])
model.save("trained/digits.keras")
"""


def commands(page: str) -> list[str]:
    text = (ROOT / "docs" / "runbooks" / page).read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def shell(tmp_path: Path, half_versions: Path) -> dict[str, str]:
    """The environment of somebody who follows a runbook, on a machine without Docker."""
    (tmp_path / "trained").mkdir()
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", TRAIN], cwd=tmp_path, env=quiet, check=True)
    shutil.copytree(half_versions, tmp_path / "home" / "trained" / "faces")
    return {
        **quiet,
        "HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DOCKER_HOST": "unix:///nowhere/docker.sock",
    }


@pytest.mark.parametrize("page", ["first-stack.md", "change-a-flag.md"])
def test_the_runbooks_hold(page: str, tmp_path: Path, shell: dict[str, str]) -> None:
    lines = commands(page)
    assert lines[-1] == "tfdeploy down vision"
    try:
        for line in lines:
            # It goes on until it is interrupted.
            if "--follow" in line:
                line = f"timeout --signal INT 2 {line}; test $? = 124"
            done = subprocess.run(
                line, shell=True, cwd=tmp_path, env=shell, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    finally:
        subprocess.run("tfdeploy down vision", shell=True, cwd=tmp_path, env=shell, check=True)
