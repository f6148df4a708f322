"""Reload calls against a gRPC server in this process, and against nobody."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest

from tfdeploy import wire
from tfdeploy.client import Unreachable
from tfdeploy.client.reload import reload_config
from tfdeploy.errors import TfdeployError

CONFIG = """
model_config_list {
  config {
    name: "m"
    base_path: "/models/m"
    model_platform: "tensorflow"
    version_labels { key: "stable" value: 3 }
  }
}
"""
Answer = Callable[[Any, grpc.ServicerContext], Any]


def ok(_request: Any, _context: grpc.ServicerContext) -> Any:
    return wire.ReloadConfigResponse()


@pytest.fixture
def serving() -> Iterator[Callable[[Answer], str]]:
    servers = []

    def start(answer: Answer) -> str:
        method = grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=wire.ReloadConfigRequest.FromString,
            response_serializer=wire.ReloadConfigResponse.SerializeToString,
        )
        _, service, name = wire.RELOAD_CONFIG.split("/")
        server = grpc.server(futures.ThreadPoolExecutor(2))
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {name: method}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(None)


def test_the_whole_config_is_sent(serving: Callable[[Answer], str]) -> None:
    seen = []

    def keep(request: Any, context: grpc.ServicerContext) -> Any:
        seen.append(request)
        return ok(request, context)

    reload_config(serving(keep), CONFIG, 5)
    (request,) = seen
    assert request.config == wire.parse_text(wire.ModelServerConfig, CONFIG)
    assert request.config.model_config_list.config[0].version_labels["stable"] == 3


def test_an_empty_list_is_a_list(serving: Callable[[Answer], str]) -> None:
    seen = []

    def keep(request: Any, context: grpc.ServicerContext) -> Any:
        seen.append(request.config.WhichOneof("config"))
        return ok(request, context)

    reload_config(serving(keep), "model_config_list {}", 5)
    assert seen == ["model_config_list"]


def test_a_refusal_carries_code_and_message(serving: Callable[[Answer], str]) -> None:
    said = "Illegal to list model m multiple times in config list"

    def refuse(_request: Any, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, said)

    with pytest.raises(TfdeployError) as caught:
        reload_config(serving(refuse), CONFIG, 5)
    assert caught.value.code == "TFD411"
    assert caught.value.message == f"INVALID_ARGUMENT: {said}. It is listed twice in one config."
    assert "`tfdeploy explain TFD277`" in caught.value.hint


def test_a_refusal_inside_the_response_counts_too(serving: Callable[[Answer], str]) -> None:
    def refuse(_request: Any, _context: grpc.ServicerContext) -> Any:
        status = wire.StatusProto(error_code=wire.Code.UNKNOWN, error_message="bad")
        return wire.ReloadConfigResponse(status=status)

    with pytest.raises(TfdeployError) as caught:
        reload_config(serving(refuse), CONFIG, 5)
    assert caught.value.message == "UNKNOWN: bad"


def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(Unreachable) as caught:
        reload_config(address, CONFIG, 5)
    assert (caught.value.reason, caught.value.timed_out) == ("connection refused", False)


def test_a_deadline_is_told_apart(serving: Callable[[Answer], str]) -> None:
    released = threading.Event()

    def hang(request: Any, context: grpc.ServicerContext) -> Any:
        released.wait(10)
        return ok(request, context)

    address = serving(hang)
    with pytest.raises(Unreachable) as caught:
        reload_config(address, CONFIG, 0.2)
    released.set()
    assert caught.value.timed_out
    assert caught.value.reason == "no answer within 0.2 s"


def test_a_server_without_the_service_refuses() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(TfdeployError) as caught:
        reload_config(f"127.0.0.1:{port}", CONFIG, 5)
    server.stop(None)
    assert caught.value.message.startswith("UNIMPLEMENTED")


def test_a_text_that_is_no_config_is_not_sent() -> None:
    with pytest.raises(TfdeployError) as caught:
        reload_config("127.0.0.1:1", "model_config_list {", 5)
    assert caught.value.code == "TFD411"
    assert "not sent" in caught.value.message


def test_a_config_over_four_mebibytes_is_sent(serving: Callable[[Answer], str]) -> None:
    def refuse(_request: Any, context: grpc.ServicerContext) -> Any:
        return wire.ReloadConfigResponse(status=wire.StatusProto(error_message="x" * 5_000_000))

    reload_config(serving(refuse), CONFIG, 5)
