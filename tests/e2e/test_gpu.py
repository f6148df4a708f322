"""GPU shares on real Compose and containers, without a GPU."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from docker.types import DeviceRequest

from tests.e2e.conftest import SERVER_IMAGE, give_up
from tfdeploy.render import Templates, render_stack
from tfdeploy.render.flags import CUDA_CACHE_DIR
from tfdeploy.runtimes.compose import find_compose
from tfdeploy.stack import parse_stack

TWO = Path(__file__).parents[1] / "golden" / "stacks" / "two_gpus.yaml"


def test_two_services_at_two_fifths_are_what_compose_understands(
    engine: Any, tmp_path: Path
) -> None:
    command = find_compose()
    assert command is not None
    rendered = render_stack(
        parse_stack(TWO.read_text(), tmp_path / "stacks" / "two" / "stack.yaml"),
        templates=Templates(),
    )
    path = tmp_path / "compose.yaml"
    path.write_text(rendered.compose or "")
    words = [*command, "--file", str(path), "config", "--format", "json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for service in json.loads(done.stdout)["services"].values():
        assert service["command"].count("--per_process_gpu_memory_fraction=0.4") == 1
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["device_ids"], device["capabilities"]) == (
            "nvidia",
            ["0"],
            ["gpu"],
        )


def test_a_service_without_a_share_sees_no_gpu(box: Any) -> None:
    box.ok("up")
    environment = box.inspect()["Config"]["Env"]
    assert "CUDA_VISIBLE_DEVICES=" in environment


def test_any_user_may_write_to_the_volume_of_the_compile_cache(
    engine: Any, server_image: str
) -> None:
    """A new volume takes over the mode of the image's folder that it is mounted on."""
    folder = str(Path(CUDA_CACHE_DIR).parent)
    volume = engine.volumes.create()
    try:
        said = engine.containers.run(
            server_image,
            ["-c", f"mkdir {CUDA_CACHE_DIR} && stat -c %a {folder}"],
            entrypoint=["bash"],
            user="1000:1000",
            read_only=True,
            cap_drop=["ALL"],
            volumes={volume.name: {"bind": folder, "mode": "rw"}},
            remove=True,
        )
    finally:
        volume.remove(force=True)
    assert said.decode().strip() == "1777"


def asking(box: Any, **share: Any) -> None:
    """The stack's service asks for two fifths of a device."""
    gpu = {"device": 0, "memory_fraction": 0.4, **share}
    # With an image of its own: the stack's has no -gpu twin here.
    box.edit(lambda stack: stack["services"]["serving"].update(gpu=gpu, image=SERVER_IMAGE))


@pytest.fixture
def gpus(engine: Any, server_image: str) -> None:
    """An engine that grants GPU reservations, by NVIDIA's own hook or the one in `nvidia/`."""
    request = DeviceRequest(driver="nvidia", count=1, capabilities=[["gpu"]])
    container = engine.containers.create(SERVER_IMAGE, device_requests=[request])
    try:
        container.start()
    except Exception as error:
        if "could not select device driver" not in str(error):
            raise
        give_up(f"the engine was started without an NVIDIA hook: {error}")
    finally:
        container.remove(force=True)


def process_environment(box: Any) -> list[str]:
    """What the server's process got; the engine adds the devices when it starts it."""
    return Path(f"/proc/{box.inspect()['State']['Pid']}/environ").read_text().split("\0")


def test_a_service_gets_the_device_and_the_share_that_it_asked_for(box: Any, gpus: None) -> None:
    asking(box, device=1, required=False)
    said = box.ok("up")
    assert "asked for a GPU and runs on the CPU" in said
    assert "NVIDIA_VISIBLE_DEVICES=1" in process_environment(box)
    assert "--per_process_gpu_memory_fraction=0.4" in box.inspect()["Args"]
    assert box.ask("half", 2.0) == 2.0
    assert "up to date" in box.ok("plan")


def test_a_service_that_fell_back_to_the_cpu_fails_the_up(box: Any, gpus: None) -> None:
    asking(box)
    done = box.run("up")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "[TFD316]" in done.stderr
    assert "asked for a GPU and runs on the CPU" in done.stderr


def test_a_device_that_is_not_there_is_said_with_the_way_out(box: Any, gpus: None) -> None:
    asking(box, device=7)
    done = box.run("up")
    assert done.returncode != 0
    assert "can't be started: nvidia-container-cli: device error: 7" in done.stderr
    assert "tfdeploy gpu list" in done.stderr
