"""Every form of a ready request, run as a user runs it, against the embedded server."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tfdeploy import wire
from tfdeploy.client.rest import Unreachable, exchange, model_url
from tfdeploy.client.sample import made_up_rows, render_sample
from tfdeploy.client.status import get_status
from tfdeploy.savedmodel import Signature, read_saved_model

HERE = Path(__file__).parent
MODELS = ("pictures", "table")
ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "NO_PROXY": "*", "no_proxy": "*"}
TABLE_ROWS = [{"key": 7, "x": [1, 2.5, 3]}, {"key": -(2**40), "x": [0.5, 0.25, 0]}]
TABLE_ANSWERS = [{"label": "key 7", "total": 6.5}, {"label": "key -1099511627776", "total": 0.75}]

Render = Callable[..., str]


def finished(*argv: str) -> str:
    done = subprocess.run(
        argv, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    finished(sys.executable, str(HERE / "write_sample_models.py"), str(folder))
    return folder


@pytest.fixture(scope="module")
def signatures(models: Path) -> dict[str, Mapping[str, Signature]]:
    return {name: read_saved_model(models / name / "1").signatures for name in MODELS}


@pytest.fixture(scope="module")
def ports(models: Path) -> Iterator[tuple[int, int]]:
    """REST and gRPC port of a server that has loaded both models."""
    with ExitStack() as probes:
        sockets = [probes.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        rest_port, grpc_port = (one.getsockname()[1] for one in sockets)
    config = models / "models.config"
    line = "config {{ name: '{}' base_path: '{}' model_platform: 'tensorflow' }}"
    entries = (line.format(name, models / name) for name in MODELS)
    config.write_text(f"model_config_list {{ {' '.join(entries)} }}")
    words = [f"--rest_api_port={rest_port}", f"--port={grpc_port}", f"--model_config_file={config}"]
    with (models / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tfdeploy.server", *words],
            stdout=log,
            stderr=log,
            env=ENVIRONMENT,
        )
    try:
        wait_until_available(process, rest_port, models / "server.log")
        yield rest_port, grpc_port
    finally:
        process.terminate()
        process.wait(20)


def wait_until_available(process: subprocess.Popen[bytes], rest_port: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if all(
                any(version.available for version in get_status(f"127.0.0.1:{rest_port}", name))
                for name in MODELS
            ):
                return
        except Unreachable:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def render(ports: tuple[int, int]) -> Render:
    rest_port, grpc_port = ports

    def call(form: str, model: str, signature: Signature, rows: list[dict[str, Any]]) -> str:
        return render_sample(
            form,
            model=model,
            signature=signature,
            rows=rows,
            address="127.0.0.1",
            rest_port=rest_port,
            grpc_port=grpc_port,
        )

    return call


def run_program(text: str, folder: Path) -> str:
    path = folder / "ask.py"
    path.write_text(text, encoding="ascii")
    return finished(sys.executable, str(path))


def posted(ports: tuple[int, int], model: str, body: str) -> Any:
    url = model_url(f"127.0.0.1:{ports[0]}", model, version=None, label=None)
    reply = exchange("POST", f"{url}:predict", timeout_seconds=60, body=body.encode())
    assert reply.status == 200, reply.text
    return reply.document()


def test_bodies_are_answered(
    render: Render, ports: tuple[int, int], signatures: dict[str, Mapping[str, Signature]]
) -> None:
    table = signatures["table"]["serving_default"]
    assert posted(ports, "table", render("row", "table", table, TABLE_ROWS)) == {
        "predictions": TABLE_ANSWERS
    }
    assert posted(ports, "table", render("column", "table", table, TABLE_ROWS)) == {
        "outputs": {
            "label": [one["label"] for one in TABLE_ANSWERS],
            "total": [one["total"] for one in TABLE_ANSWERS],
        }
    }
    scalar = signatures["table"]["scalar"]
    assert posted(ports, "table", render("column", "table", scalar, [{"x": 4}])) == {"outputs": 8.0}


def test_curl_is_answered(
    render: Render, tmp_path: Path, signatures: dict[str, Mapping[str, Signature]]
) -> None:
    table = signatures["table"]["serving_default"]
    command = render("curl", "table", table, TABLE_ROWS)
    assert json.loads(finished("sh", "-c", command)) == {"predictions": TABLE_ANSWERS}
    # No command takes an argument of this size.
    script = tmp_path / "ask.sh"
    script.write_text(render("curl", "table", table, TABLE_ROWS * 5000))
    assert json.loads(finished("sh", str(script))) == {"predictions": TABLE_ANSWERS * 5000}


def test_pictures_that_are_made_up_are_answered(
    render: Render, tmp_path: Path, signatures: dict[str, Mapping[str, Signature]]
) -> None:
    pictures = signatures["pictures"]["serving_default"]
    rows = made_up_rows(pictures, 2)
    wanted = {"predictions": [128.0, 128.0]}
    assert json.loads(finished("sh", "-c", render("curl", "pictures", pictures, rows))) == wanted
    answer = run_program(render("python", "pictures", pictures, rows), tmp_path)
    assert json.loads(answer) == wanted
    answer = run_program(render("grpc", "pictures", pictures, rows), tmp_path)
    assert answer == "mean: [128. 128.]\n"


def test_programs_are_answered(
    render: Render, tmp_path: Path, signatures: dict[str, Mapping[str, Signature]]
) -> None:
    table = signatures["table"]
    answer = run_program(render("python", "table", table["serving_default"], TABLE_ROWS), tmp_path)
    assert json.loads(answer) == {"predictions": TABLE_ANSWERS}
    answer = run_program(render("grpc", "table", table["serving_default"], TABLE_ROWS), tmp_path)
    assert sorted(answer.splitlines()) == [
        "label: [b'key 7' b'key -1099511627776']",
        "total: [6.5  0.75]",
    ]
    answer = run_program(render("grpc", "table", table["scalar"], [{"x": 4}]), tmp_path)
    assert answer == "y: 8.0\n"


def test_grpc_carries_what_rest_does_not(
    render: Render, tmp_path: Path, signatures: dict[str, Mapping[str, Signature]]
) -> None:
    rows = [{"x": 3, "n": 100}, {"x": 0.5, "n": 7}]
    answer = run_program(render("grpc", "table", signatures["table"]["narrow"], rows), tmp_path)
    assert sorted(answer.splitlines()) == [
        "m: [100   7]",
        "on: [ True False]",
        "small: [100   7]",
        "y: [1.5  0.25]",
    ]


def test_a_server_that_refuses_is_quoted(
    render: Render, tmp_path: Path, signatures: dict[str, Mapping[str, Signature]]
) -> None:
    path = tmp_path / "ask.py"
    path.write_text(render("python", "nobody", signatures["table"]["scalar"], [{"x": 4}]))
    done = subprocess.run(
        [sys.executable, str(path)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"].startswith("Servable not found for request")


def test_examples_are_answered(
    render: Render, tmp_path: Path, signatures: dict[str, Mapping[str, Signature]]
) -> None:
    # TensorFlow 2 writes the predict method for every signature; servers go by the URL.
    classify, regress = (
        replace(signatures["table"][name], method_name=f"tensorflow/serving/{name}")
        for name in ("classify", "regress")
    )
    example = wire.Example()
    example.features.feature["age"].int64_list.value.append(2)
    example.features.feature["weight"].float_list.value.extend([0.5, 3])
    example.features.feature["name"].bytes_list.value.append(b"b")
    serialized = base64.b64encode(example.SerializeToString()).decode()
    rows = [{"age": 40, "weight": [1.5, 2.0], "name": "a'b"}, {"inputs": {"b64": serialized}}]
    answer = json.loads(finished("sh", "-c", render("curl", "table", classify, rows)))
    assert answer == {"results": [[["a'b", 43.5]], [["b", 5.5]]]}
    answer = json.loads(run_program(render("python", "table", regress, rows), tmp_path))
    assert answer == {"results": [43.5, 5.5]}
    answer = run_program(render("grpc", "table", classify, rows), tmp_path)
    assert answer.count("label:") == 2
    assert "score: 43.5" in answer
    assert "score: 5.5" in answer
    answer = run_program(render("grpc", "table", regress, rows), tmp_path)
    assert [line.strip() for line in answer.splitlines() if "value" in line] == [
        "value: 43.5",
        "value: 5.5",
    ]
