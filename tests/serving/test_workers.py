"""Several processes on one port, seen by clients as one server."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from tests.serving.conftest import environment, free_port
from tfdeploy import wire

pytestmark = pytest.mark.timeout(240)

CALL_SECONDS = 60
FAILED = 255
BODY = b'{"instances": [2.0]}'


def start(serve: Any, versions: Path, tmp_path: Path, *flags: str) -> Any:
    monitoring = tmp_path / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    return serve(
        *("--model_name=half", f"--model_base_path={versions}", "--workers=2"),
        f"--monitoring_config_file={monitoring}",
        *flags,
    )


def ask(server: Any, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """One request over a connection of its own."""
    client = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=CALL_SECONDS)
    try:
        client.request(method, path, body)
        reply = client.getresponse()
        return reply.status, reply.read()
    finally:
        client.close()


def predict(server: Any, model: str = "half") -> Any:
    status, body = ask(server, "POST", f"/v1/models/{model}:predict", BODY)
    return json.loads(body)["predictions"] if status == 200 else status


def states(server: Any, model: str = "half") -> list[tuple[str, str]]:
    status, body = ask(server, "GET", f"/v1/models/{model}")
    assert status in (200, 404), body
    found = json.loads(body).get("model_version_status", ())
    return [(one["version"], one["state"]) for one in found]


def counted(server: Any) -> int:
    _, page = ask(server, "GET", "/monitoring/prometheus/metrics")
    found = re.search(r'request_count\{model_name="half",status="OK"\} (\d+)', page.decode())
    return int(found[1]) if found else 0


def until(condition: Callable[[], bool]) -> None:
    """Until something holds; the test's time limit ends it otherwise."""
    while not condition():
        time.sleep(0.05)


def workers(server: Any) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def reload(server: Any, *models: tuple[str, Path]) -> str:
    request = wire.ReloadConfigRequest()
    request.config.model_config_list.SetInParent()
    for name, path in models:
        request.config.model_config_list.config.add(
            name=name, base_path=str(path), model_platform="tensorflow"
        )
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        method = channel.unary_unary(
            wire.RELOAD_CONFIG,
            wire.ReloadConfigRequest.SerializeToString,
            wire.ReloadConfigResponse.FromString,
        )
        try:
            method(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def test_clients_see_one_server(serve: Any, half_versions: Path, tmp_path: Path) -> None:
    server = start(serve, half_versions, tmp_path)
    assert len(workers(server)) == 2
    assert [predict(server) for _ in range(40)] == [[4.0]] * 40
    assert {counted(server) for _ in range(10)} == {40}
    assert [states(server) for _ in range(10)] == [[("3", "AVAILABLE")]] * 10

    assert reload(server, ("other", half_versions)) == "OK"
    assert [predict(server, "other") for _ in range(20)] == [[4.0]] * 20
    assert [predict(server) for _ in range(20)] == [404] * 20
    until(lambda: states(server) == [("3", "END")])
    assert reload(server, *[("twice", half_versions)] * 2) == "INVALID_ARGUMENT"

    (first, _) = before = workers(server)
    first.kill()
    until(lambda: len(workers(server)) == 2 and first not in workers(server))
    until(lambda: states(server, "other") == [("3", "AVAILABLE")])
    assert [predict(server, "other") for _ in range(40)] == [[4.0]] * 40
    assert [predict(server) for _ in range(20)] == [404] * 20

    all_of_them = {*before, *workers(server)}
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait() == 128 + signal.SIGTERM
    assert not any(process.is_running() for process in all_of_them)


def test_requests_go_on_while_a_worker_is_replaced(
    serve: Any, half_versions: Path, tmp_path: Path
) -> None:
    server = start(serve, half_versions, tmp_path)
    old = workers(server)[0]
    old.kill()
    failed = 0
    # As soon as the port has one owner less, every connection goes to the other one.
    while len(workers(server)) < 2 or old in workers(server):
        try:
            failed += predict(server) != [4.0]
        except (ConnectionError, http.client.HTTPException):
            failed += 1
    assert failed <= 1
    until(lambda: states(server) == [("3", "AVAILABLE")])
    assert [predict(server) for _ in range(40)] == [[4.0]] * 40


def test_a_worker_that_hangs_does_not_hold_up_status_and_metrics(
    serve: Any, half_versions: Path, tmp_path: Path
) -> None:
    server = start(serve, half_versions, tmp_path)
    with socket.create_connection(("127.0.0.1", server.rest_port)) as connection:
        connection.sendall(b"GET /v1/models/half HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"AVAILABLE" in connection.recv(4096)
        owner = [one for one in workers(server) if has_connection(one, connection)]
        (other,) = [one for one in workers(server) if one not in owner]
        other.suspend()
        try:
            connection.sendall(b"GET /v1/models/half HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"AVAILABLE" in connection.recv(4096)
        finally:
            other.resume()


def has_connection(process: psutil.Process, connection: socket.socket) -> bool:
    port = connection.getsockname()[1]
    return any(one.raddr and one.raddr.port == port for one in process.net_connections())


def test_workers_do_not_outlive_the_supervisor(
    serve: Any, half_versions: Path, tmp_path: Path
) -> None:
    server = start(serve, half_versions, tmp_path)
    orphans = workers(server)
    server.process.kill()
    until(lambda: not any(process.is_running() for process in orphans))


def test_a_request_under_way_is_answered_by_a_worker_that_drains(
    serve: Any, half_versions: Path, tmp_path: Path
) -> None:
    server = start(serve, half_versions, tmp_path, "--drain_seconds=100000")
    head = b"POST /v1/models/half:predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    with socket.create_connection(("127.0.0.1", server.rest_port)) as connection:
        connection.sendall(head + BODY + head)
        assert b"predictions" in connection.recv(4096)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: len(workers(server)) == 1)
        connection.sendall(BODY)
        assert b"predictions" in connection.recv(4096)
    assert server.process.wait() == 128 + signal.SIGTERM


def run_to_its_end(*flags: str) -> tuple[int, str]:
    words = [sys.executable, "-m", "tfdeploy.server", "--workers=2", *flags]
    done = subprocess.run(
        words, env=environment(), capture_output=True, text=True, timeout=200, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_grpc_port_that_is_taken_ends_the_server(half_versions: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, output = run_to_its_end(
            f"--port={taken.getsockname()[1]}", f"--model_base_path={half_versions}"
        )
    assert code == FAILED
    assert output.count("Failed to BuildAndStart gRPC server") == 1


def test_without_its_rest_port_the_server_answers_over_grpc(
    half_versions: Path, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "log"
    with socket.socket() as taken, log.open("wb") as out:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        flags = [f"--port={port}", f"--rest_api_port={taken.getsockname()[1]}", "--workers=2"]
        process = subprocess.Popen(
            [sys.executable, "-m", "tfdeploy.server", f"--model_base_path={half_versions}", *flags],
            env=environment(),
            stdout=out,
            stderr=out,
        )
        try:
            until(lambda: log.read_text().count("Running gRPC ModelServer") == 2)
            assert "Failed to start HTTP Server" in log.read_text()
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                status = channel.unary_unary(wire.GET_MODEL_STATUS, None, None)
                request = wire.GetModelStatusRequest()
                request.model_spec.name = "default"
                assert status(request.SerializeToString(), timeout=CALL_SECONDS)
        finally:
            process.terminate()
            assert process.wait() == 128 + signal.SIGTERM


def test_a_config_that_is_refused_is_said_once(half_versions: Path, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    path = half_versions
    entry = f'config {{ name: "m" base_path: "{path}" model_platform: "tensorflow" }}'
    config.write_text(f"model_config_list {{ {entry} {entry} }}")
    code, output = run_to_its_end(f"--port={free_port()}", f"--model_config_file={config}")
    assert code == FAILED
    assert output.count("Failed to start server. Error: ") == 1


def test_a_model_that_cannot_be_loaded_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "saved_model.pb").write_bytes(b"\xff")
    code, output = run_to_its_end(
        f"--port={free_port()}",
        f"--model_base_path={tmp_path / 'broken'}",
        "--max_num_load_retries=0",
    )
    assert code == FAILED
    assert output.count("Failed to start server. Error: ") == 1
    assert "did not become available" in output
    assert os.listdir(tmp_path / "broken") == ["1"]
