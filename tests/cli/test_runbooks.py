"""Every command of the runbooks is run, as it stands there, in order."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
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


FIRST = """
tfdeploy new vision
tfdeploy export trained/digits.keras --name digits --to models/
tfdeploy add-model vision digits --label stable=1
tfdeploy up vision
"""


def test_the_runbooks_of_versions_hold(tmp_path: Path, shell: dict[str, str]) -> None:
    pages = [commands(page) for page in ("roll-out.md", "canary.md", "roll-back.md")]
    said = {}
    try:
        for line in [*FIRST.split("\n")[1:-1], *(line for page in pages for line in page)]:
            done = subprocess.run(
                line, shell=True, cwd=tmp_path, env=shell, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            said[line] = done.stdout
    finally:
        subprocess.run("tfdeploy down vision", shell=True, cwd=tmp_path, env=shell, check=True)
    # What export recorded is what is asked.
    assert "digits 2 answers 1 request" in said["tfdeploy promote vision digits 2"]
    assert "digits 3 answers 1 request" in said["tfdeploy canary vision digits 3"]
    assert "moves from 3 to 2: it pointed" in said["tfdeploy rollback vision digits"]


def follow(page: str, cwd: Path, shell: dict[str, str]) -> list[str]:
    """Run every command of a page; what each printed."""
    printed = []
    for line in commands(page):
        # These go on until they are interrupted.
        if "--follow" in line:
            line = f"timeout --signal INT 2 {line}; test $? = 124"
        elif "--watch" in line:
            line = f"timeout --signal INT 4 {line}; test $? = 124"
        done = subprocess.run(line, shell=True, cwd=cwd, env=shell, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        printed.append(done.stdout)
    return printed


@pytest.mark.parametrize("page", ["first-stack.md", "change-a-flag.md"])
def test_the_runbook_of_a_whole_stack_holds(
    page: str, tmp_path: Path, shell: dict[str, str]
) -> None:
    assert commands(page)[-1] == "tfdeploy down vision"
    try:
        follow(page, tmp_path, shell)
    finally:
        subprocess.run("tfdeploy down vision", shell=True, cwd=tmp_path, env=shell, check=True)


STACK = """\
stack: vision
runtime: process
services: {serving: {models: {digits: {}}}}
"""


@pytest.fixture
def vision(tmp_path: Path, half_versions: Path) -> Iterator[dict[str, str]]:
    """The environment of a machine on which the stack of the runbooks is up."""
    shutil.copytree(half_versions, tmp_path / "models" / "digits")
    (tmp_path / "stacks" / "vision").mkdir(parents=True)
    (tmp_path / "stacks" / "vision" / "stack.yaml").write_text(STACK)
    shell = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run("tfdeploy up vision", shell=True, cwd=tmp_path, env=shell, check=True)
    yield shell
    down = "tfdeploy down vision --drain-seconds 0"
    subprocess.run(down, shell=True, cwd=tmp_path, env=shell, check=True)


def kill_everything(tmp_path: Path) -> None:
    """As a power cut does it: every server with -9, its files in .run as they are."""
    (path,) = (tmp_path / "stacks/vision/.run").glob("*.pid.json")
    pid = json.loads(path.read_text())["pid"]
    os.killpg(pid, signal.SIGKILL)


def test_the_runbook_of_an_unhealthy_service_holds(tmp_path: Path, vision: dict[str, str]) -> None:
    kill_everything(tmp_path)
    before, *_, after = follow("service-unhealthy.md", tmp_path, vision)
    assert "serving: exited" in before
    assert "EXITED" in before
    assert "all as wanted" in after


def test_the_runbook_of_a_full_disk_holds(tmp_path: Path, vision: dict[str, str]) -> None:
    follow("disk-full.md", tmp_path, vision)
    assert sorted(os.listdir(tmp_path / "models" / "digits")) == ["2", "3"]


def test_the_runbook_of_a_reboot_holds(tmp_path: Path, vision: dict[str, str]) -> None:
    kill_everything(tmp_path)
    # Another process has the number of the server by now.
    (path,) = (tmp_path / "stacks/vision/.run").glob("*.pid.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": os.getpid()}))
    before, *_, after, history = follow("machine-rebooted.md", tmp_path, vision)
    assert "serving: exited" in before
    assert "all as wanted" in after
    assert "tfdeploy up vision" in history


def test_a_reboot_in_the_middle_of_a_change_is_mended(
    tmp_path: Path, vision: dict[str, str]
) -> None:
    words = [sys.executable, "-m", "tfdeploy", "down", "vision"]
    with subprocess.Popen(words, cwd=tmp_path, env=vision, stdout=subprocess.PIPE) as down:
        assert down.stdout is not None
        down.stdout.readline()
        down.kill()
    kill_everything(tmp_path)
    follow("machine-rebooted.md", tmp_path, vision)
