"""What becomes of requests and connections when a server is told to stop."""

from __future__ import annotations

import http.client
import signal
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

pytestmark = pytest.mark.timeout(180)

BODY = b'{"instances": [2.0]}'
HEAD = b"POST /v1/models/half:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(BODY)
FOREVER = "--drain_seconds=100000"  # a test that waits for it to pass runs into its time limit


def start(serve: Any, versions: Path, *flags: str) -> Any:
    return serve("--model_name=half", f"--model_base_path={versions}", *flags)


def connect(server: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.rest_port), timeout=60)


def send_half(connection: socket.socket) -> None:
    """A request of which the server has the head and knows that it has it."""
    connection.sendall(HEAD + BODY + HEAD)
    assert b"predictions" in connection.recv(4096)


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while part := connection.recv(4096):
        data += part
    return data


def stop(server: Any) -> None:
    server.process.send_signal(signal.SIGTERM)
    while True:
        try:
            connect(server).close()
        except ConnectionError:
            return


def test_a_request_under_way_is_answered(serve: Any, half_versions: Path) -> None:
    server = start(serve, half_versions, FOREVER)
    with connect(server) as idle, connect(server) as busy:
        idle.sendall(HEAD + BODY)
        assert b"predictions" in idle.recv(4096)
        send_half(busy)
        stop(server)
        assert read_all(idle) == b""
        busy.sendall(BODY)
        reply = read_all(busy)
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in reply
    assert server.process.wait() == 128 + signal.SIGTERM


def test_without_the_flag_nothing_is_waited_for(serve: Any, half_versions: Path) -> None:
    server = start(serve, half_versions)
    with connect(server) as busy:
        send_half(busy)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait() == 128 + signal.SIGINT
        with pytest.raises(ConnectionError):
            busy.sendall(BODY)
            if not busy.recv(4096):
                raise ConnectionResetError


def test_who_watches_health_does_not_hold_the_drain_up(serve: Any, half_versions: Path) -> None:
    server = start(serve, half_versions, FOREVER, "--enable_grpc_healthcheck_service")
    states = health_pb2.HealthCheckResponse
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        known = stub.Watch(health_pb2.HealthCheckRequest())
        unknown = stub.Watch(health_pb2.HealthCheckRequest(service="nobody"))
        assert next(known).status == states.SERVING
        assert next(unknown).status == states.SERVICE_UNKNOWN
        server.process.send_signal(signal.SIGTERM)
        assert [one.status for one in known] == [states.NOT_SERVING]
        assert list(unknown) == []
    assert server.process.wait() == 128 + signal.SIGTERM


def test_a_client_that_stalls_is_waited_for_no_longer_than_said(
    serve: Any, half_versions: Path
) -> None:
    server = start(serve, half_versions, "--drain_seconds=0.5")
    with connect(server) as busy:
        send_half(busy)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait() == 128 + signal.SIGTERM


def test_a_client_that_has_said_all_gets_its_answers(serve: Any, half_versions: Path) -> None:
    server = start(serve, half_versions)
    with connect(server) as connection:
        connection.sendall((HEAD + BODY) * 3 + HEAD)
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).count(b'"predictions": [4.0') == 3
    client = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)
    client.request("GET", "/v1/models/half", headers={"Connection": "close"})
    reply = client.getresponse()
    assert reply.status == 200
    assert reply.getheader("Connection") == "close"
    client.close()
