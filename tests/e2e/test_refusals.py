"""What `up` refuses before it changes anything."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest


def test_a_missing_image_is_named_with_the_way_out(box: Any) -> None:
    box.edit(lambda stack: stack.update(image="localhost:9/nobody/nothing:1"))
    done = box.run("up", "--runtime", "docker")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "[TFD402]" in done.stderr
    assert "localhost:9/nobody/nothing:1" in done.stderr
    assert "tfdeploy image build" in done.stderr
    assert box.containers() == {}


def test_a_port_in_use_is_refused(box: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        box.edit(lambda stack: stack["services"]["serving"].update(publish={"rest": port}))
        done = box.run("up")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "[TFD403]" in done.stderr
    assert f"Port {port} is in use" in done.stderr
    box.ok("up")
    assert "up to date" in box.ok("plan"), "its own container holds the port now"


@pytest.mark.parametrize("command", ["up", "status", "down", "logs"])
def test_an_engine_that_is_down_is_said_by_every_command(
    box: Any, command: str, tmp_path: Path
) -> None:
    dead = {"DOCKER_HOST": f"unix://{tmp_path}/dead.sock"}
    done = box.run(command, "--runtime", "docker", environment=dead)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "[TFD401]" in done.stderr
    assert "dead.sock" in done.stderr


def test_a_second_stack_of_the_same_name_is_refused_and_the_first_goes_on(
    box: Any, boxes: Any
) -> None:
    box.ok("up")
    before = box.inspect()
    with boxes() as second:
        second.give("half", 3)
        second.name = box.name
        second.write({"serving": {"models": {"half": {}}}})
        for command in ("up", "down"):
            done = second.run(command)
            assert done.returncode == 2, done.stdout + done.stderr
            assert "[TFD207]" in done.stderr
            assert str(box.folder) in done.stderr
        assert "down" in second.run("status").stdout
        second.name = "nothing-of-ours"
    assert box.inspect()["State"]["StartedAt"] == before["State"]["StartedAt"]
    assert box.ask("half", 2.0) == 2.0


def test_a_model_that_the_container_could_not_read_is_refused(box: Any) -> None:
    variables = box.root / "models" / "half" / "1" / "variables"
    box.edit(lambda stack: stack["services"]["serving"].update(user="54321:54321"))
    variables.chmod(0o700)
    done = box.run("up")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "[TFD215]" in done.stderr
    assert "chmod -R a+rX" in done.stderr
    variables.chmod(0o755)
    box.ok("up")
    assert box.inspect()["Config"]["User"] == "54321:54321"


def test_a_model_behind_a_link_out_of_models_dir_is_refused(box: Any, tmp_path: Path) -> None:
    (box.root / "models" / "half").rename(tmp_path / "half")
    os.symlink(tmp_path / "half", box.root / "models" / "half")
    done = box.run("up")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "[TFD215]" in done.stderr
    assert "link out of models_dir" in done.stderr
