"""The gateway on Docker: a changed flag and a changed image, of which no client notices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.e2e.conftest import BASE_IMAGE, SERVER_IMAGE, tfdeploy
from tests.steady_load import PREDICT, predict_request
from tfdeploy.runtimes.containers import host_address
from tfdeploy.runtimes.image import DEFAULT_BASE_IMAGE

GATEWAY_IMAGE = "tfdeploy-gateway:test"
OTHER_IMAGE = "tfdeploy-server:test-other"
LOAD = Path(__file__).parents[1] / "steady_load.py"
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
INSIDE = """
import urllib.request
print(urllib.request.urlopen("http://serving:8501/v1/models/half", timeout=10).status)
"""


@pytest.fixture(scope="module")
def images(engine: Any, server_image: str) -> Iterator[None]:
    """The gateway's image, and the server's under another name."""
    base = BASE_IMAGE or DEFAULT_BASE_IMAGE
    built = tfdeploy("image", "build", "--gateway", "--tag", GATEWAY_IMAGE, "--base-image", base)
    assert built.returncode == 0, built.stdout + built.stderr
    engine.images.get(SERVER_IMAGE).tag(OTHER_IMAGE)
    yield
    engine.images.remove(OTHER_IMAGE)


@contextmanager
def steady_load(address: str) -> Iterator[dict[str, Any]]:
    argv = [sys.executable, str(LOAD), address, "120"]
    counted: dict[str, Any] = {}
    environment = {**os.environ, "PYTHONPATH": str(LOAD.parents[1]), "GRPC_VERBOSITY": "NONE"}
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "going\n"
            yield counted
            printed, _ = child.communicate("\n", timeout=60)
            counted.update(json.loads(printed))
        finally:
            child.kill()


def units(box: Any) -> set[str]:
    return set(box.containers())


def test_flag_and_image_change_lose_no_request(box: Any, images: None) -> None:
    gateway = {"drain_seconds": 1, "image": GATEWAY_IMAGE}
    box.write({"serving": {"models": {"half": {}}}}, gateway=gateway)
    # The load expects y = 0.5 * x + 1 at x = 2.
    box.ok("up")
    assert units(box) == {"serving_a", "gateway"}
    before = box.inspect("gateway")
    address = host_address(before, 8080)
    with steady_load(address) as counted:
        flags = {"file_system_poll_wait_seconds": 2}
        box.edit(lambda stack: stack["services"]["serving"].update(flags=flags))
        assert "switch serving" in box.ok("up")
        assert units(box) == {"serving_b", "gateway"}
        box.edit(lambda stack: stack.update(image=OTHER_IMAGE))
        assert "switch serving" in box.ok("up")
        assert units(box) == {"serving_a", "gateway"}
        box.edit(lambda stack: stack["gateway"].update(body_limit="1MiB"))
        assert "reload gateway" in box.ok("up")
    assert counted["failures"] == []
    assert set(counted["counts"]) == {"rest kept", "rest fresh", "grpc"}
    assert box.inspect("gateway")["Id"] == before["Id"]
    assert box.inspect("serving_a")["Config"]["Image"] == OTHER_IMAGE
    assert "up to date" in box.ok("plan")

    inside = box.client.containers.run(
        OTHER_IMAGE, ["-c", INSIDE], entrypoint="python3", network=box.name, remove=True
    )
    assert inside.decode().strip() == "200"
    with grpc.insecure_channel(address) as channel:
        assert channel.unary_unary(PREDICT)(predict_request(), timeout=20)
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(RELOAD)(b"", timeout=20)
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert '"model":"half"' in box.ok("logs", "gateway", "--tail", "20")
    assert "stopped gateway, serving" in box.ok("down").replace(
        "serving, gateway", "gateway, serving"
    )
    assert units(box) == set()
