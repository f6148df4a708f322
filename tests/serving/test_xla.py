"""Functions with jit_compile run only when a flag lets them."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def jit_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jit")
    script = Path(__file__).with_name("jit_model.py")
    words = [sys.executable, str(script), str(folder / "1")]
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    return folder


def predict(port: int) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{port}/v1/models/jit:predict"
    request = urllib.request.Request(url, data=b'{"instances": [1.0, 2.0]}')
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("engine", ["capi", "session"])
def test_off_by_default(serve: Any, jit_model: Path, engine: str) -> None:
    server = serve("--model_name=jit", f"--model_base_path={jit_model}", f"--engine={engine}")
    status, reply = predict(server.rest_port)
    assert status == 500
    assert "XLA compilation disabled" in reply["error"]


def test_on_with_a_flag(serve: Any, jit_model: Path) -> None:
    server = serve(
        "--model_name=jit", f"--model_base_path={jit_model}", "--xla_cpu_compilation_enabled"
    )
    assert predict(server.rest_port) == (200, {"predictions": [3.0, 5.0]})
