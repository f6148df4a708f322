"""Opening the gRPC port: credentials and channel arguments.

Source: tensorflow_serving/model_servers/server.cc (BuildServerCredentials, parseGrpcChannelArgs).
"""

from typing import Any

import grpc
import grpc.aio

from tfdeploy import wire
from tfdeploy.server import log
from tfdeploy.server.address import listen_address
from tfdeploy.server.config_files import load_text_proto
from tfdeploy.server.flag_values import parse_value
from tfdeploy.server.flags import Flags
from tfdeploy.server.grpc_api import GrpcApi
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.wire import Code

_NO_LIMIT = -1


def parse_channel_arguments(text: str) -> list[tuple[str, int | str]]:
    """`a=1,b=x` as gRPC options. What follows a second `=` of an entry is dropped.

    Raises:
        ServingError: an entry has no value. The original crashes there.
    """
    options: list[tuple[str, int | str]] = []
    for entry in filter(None, text.split(",")):
        name, *values = entry.split("=")
        if not values:
            invalid(f"--grpc_channel_arguments: '{entry}' is not key=value")
        options.append((name, _number_or_text(values[0])))
    return options


def _number_or_text(value: str) -> int | str:
    try:
        number: int = parse_value("int32", value)
    except ValueError:
        return value
    return number


def _options(flags: Flags) -> list[tuple[str, int | str]]:
    # gRPC takes the first of two. The original's message limits can't be lowered, the rest can be
    # set. Without so_reuseport=0 a second server on the port starts, and the two share its clients.
    return [
        ("grpc.max_receive_message_length", _NO_LIMIT),
        ("grpc.max_send_message_length", _NO_LIMIT),
        *([("grpc.so_reuseport", 1)] if flags.workers > 1 else []),
        *parse_channel_arguments(flags.grpc_channel_arguments),
        ("grpc.so_reuseport", 0),
    ]


def _credentials(flags: Flags) -> Any:
    if not flags.ssl_config_file:
        return None
    config = load_text_proto(flags.ssl_config_file, wire.SSLConfig, "tensorflow.serving.SSLConfig")
    if config.client_verify and not config.custom_ca:
        # The original takes the system's authorities then; grpcio can't.
        invalid(f"{flags.ssl_config_file}: client_verify needs a custom_ca")
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )


def _add_port(server: Any, address: str, credentials: Any) -> None:
    try:
        if credentials is None:
            server.add_insecure_port(address)
        else:
            server.add_secure_port(address, credentials)
    except RuntimeError as error:
        log.error(str(error))
        raise ServingError(Code.INVALID_ARGUMENT, "Failed to BuildAndStart gRPC server") from None


async def start_grpc_server(flags: Flags, api: GrpcApi) -> Any:
    """Listen on TCP, a UNIX socket, or both.

    Raises:
        ServingError: a port is taken, or a file is wrong.
    """
    server: Any = grpc.aio.server(options=_options(flags))
    server.add_generic_rpc_handlers((api,))
    credentials = _credentials(flags)
    if flags.port < 0:
        raise ServingError(Code.INVALID_ARGUMENT, "Failed to BuildAndStart gRPC server")
    if flags.port:
        # A number over 65535 wraps in the original, which takes it for 16 bits.
        _add_port(server, f"{listen_address() or '[::]'}:{flags.port % 65536}", credentials)
    if flags.grpc_socket_path:
        _add_port(server, f"unix:{flags.grpc_socket_path}", credentials)
    await server.start()
    if flags.port:
        address = listen_address() or "0.0.0.0"  # noqa: S104 - the original's words
        log.info(f"Running gRPC ModelServer at {address}:{flags.port} ...")
    if flags.grpc_socket_path:
        log.info(f"Running gRPC ModelServer at UNIX socket {flags.grpc_socket_path} ...")
    return server
