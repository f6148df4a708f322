"""Hand a running server a new model config over gRPC; there is no REST call for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfdeploy.client.rest import Unreachable
from tfdeploy.errors import TfdeployError
from tfdeploy.serverlog import cause_of

if TYPE_CHECKING:
    import grpc
    from google.protobuf.message import Message

# gRPC clients take 4 MiB by default, a config of many models can be longer; and a proxy named in
# the environment must not stand between tfdeploy and a server on this host.
CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
)


def reload_config(grpc_address: str, models_config_text: str, timeout_seconds: float) -> None:
    """Replace the server's whole model config; models that the text doesn't name are unloaded.

    Returns when the models that are new by name are available. New versions of known models
    load later (core/server_core.cc, AddModelsViaModelConfigList): ask ``get_status`` for them.

    Args:
        grpc_address: host:port.
        models_config_text: a ModelServerConfig in protobuf text format.
        timeout_seconds: how long to wait. The server goes on with the change after that.

    Raises:
        Unreachable: nobody listens, or no answer came in time (``timed_out``). Whether the
            config is in force is then unknown; a server that polls its config file gets there.
        TfdeployError: TFD411 with the server's own code and message, or when the text can't be
            read.
    """
    import grpc

    from tfdeploy import wire

    request = _request(grpc_address, models_config_text)
    with grpc.insecure_channel(grpc_address, options=CHANNEL_OPTIONS) as channel:
        call = channel.unary_unary(
            wire.RELOAD_CONFIG,
            request_serializer=wire.ReloadConfigRequest.SerializeToString,
            response_deserializer=wire.ReloadConfigResponse.FromString,
        )
        try:
            status = call(request, timeout=timeout_seconds).status
        except grpc.RpcError as error:
            raise _failure(grpc_address, error, timeout_seconds) from error
    if status.error_code != wire.Code.OK:
        raise _refused(grpc_address, wire.Code(status.error_code).name, status.error_message)


def _request(grpc_address: str, models_config_text: str) -> Message:
    from google.protobuf import text_format

    from tfdeploy import wire

    try:
        config = wire.parse_text(wire.ModelServerConfig, models_config_text)
    except text_format.ParseError as error:
        raise _refused(grpc_address, "not sent", f"the config can't be read: {error}") from error
    request: Message = wire.ReloadConfigRequest(config=config)
    return request


def _failure(address: str, error: grpc.RpcError, timeout_seconds: float) -> Exception:
    code, details = error.code(), error.details() or ""
    if code.name == "DEADLINE_EXCEEDED":
        return Unreachable(address, f"no answer within {timeout_seconds:g} s", timed_out=True)
    if code.name == "UNAVAILABLE":
        refused = "connection refused"
        return Unreachable(address, refused if refused in details.lower() else details)
    return _refused(address, code.name, details)


def _refused(address: str, code: str, message: str) -> TfdeployError:
    said = f"{code}: {message or 'no message'}"
    cause = cause_of(said)
    more = cause.hint or "the server's log says more."
    return TfdeployError(
        "TFD411",
        cause.explain(said),
        where=f"HandleReloadConfigRequest to {address}",
        hint=f"{more} Models that were served and are still listed go on.",
    )
