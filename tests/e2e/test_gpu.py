"""GPU shares on real Compose and containers, without a GPU."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

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
