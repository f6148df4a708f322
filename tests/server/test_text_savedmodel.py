"""A SavedModel in text form is served like any other: TensorFlow's reader takes both."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TO_TEXT = """
import os, sys
from pathlib import Path
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2
binary = Path(sys.argv[1])
text = text_format.MessageToString(saved_model_pb2.SavedModel.FromString(binary.read_bytes()))
binary.with_suffix(".pbtxt").write_text(text)
binary.unlink()
"""


@pytest.fixture
def address(half_versions: Path, tmp_path: Path) -> Iterator[str]:
    """The REST address of an embedded server with one model, in text."""
    base_path = tmp_path / "half"
    shutil.copytree(half_versions / "2", base_path / "2")
    words = [sys.executable, "-c", TO_TEXT, str(base_path / "2" / "saved_model.pb")]
    subprocess.run(words, check=True, timeout=120)
    grpc_port, port = unused_ports()
    flags = [f"--port={grpc_port}", f"--rest_api_port={port}", "--model_name=half"]
    words = [sys.executable, "-m", "tfdeploy.server", *flags, f"--model_base_path={base_path}"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            wait(f"http://127.0.0.1:{port}/v1/models/half", server, tmp_path / "log")
            yield f"http://127.0.0.1:{port}/v1/models/half"
        finally:
            server.terminate()
            server.wait(30)


def unused_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert server.poll() is None and time.monotonic() < deadline, log.read_text()
        try:
            if call(url)["model_version_status"][0]["state"] == "AVAILABLE":
                return
        except urllib.error.URLError:
            pass
        time.sleep(0.05)


def call(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(url, data, timeout=30) as reply:
        return json.load(reply)


def test_a_text_savedmodel_answers_and_tells_its_signatures(address: str) -> None:
    assert call(f"{address}:predict", {"instances": [2.0, 4.0]}) == {"predictions": [3.0, 4.0]}
    metadata = call(f"{address}/metadata")["metadata"]["signature_def"]["signature_def"]
    assert list(metadata["serving_default"]["inputs"]) == ["x"]
