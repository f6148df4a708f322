"""Sending recorded requests over REST and gRPC, with this project's own messages."""

import base64
import http.client
import socket
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf import json_format
from recordings import request_body

from tfdeploy import wire

REPLY_LIMIT = 30.0
_KEPT_HEADERS = ("content-type", "access-control-allow-origin", "access-control-allow-methods",
                 "access-control-allow-headers")  # fmt: skip

_MESSAGES = {
    "Predict": (wire.PredictRequest, wire.PredictResponse),
    "Classify": (wire.ClassificationRequest, wire.ClassificationResponse),
    "Regress": (wire.RegressionRequest, wire.RegressionResponse),
    "MultiInference": (wire.MultiInferenceRequest, wire.MultiInferenceResponse),
    "GetModelMetadata": (wire.GetModelMetadataRequest, wire.GetModelMetadataResponse),
    "GetModelStatus": (wire.GetModelStatusRequest, wire.GetModelStatusResponse),
    "HandleReloadConfigRequest": (wire.ReloadConfigRequest, wire.ReloadConfigResponse),
}


def _reply(response: http.client.HTTPResponse) -> dict[str, Any]:
    data = response.read()
    headers = {k: v for k, v in response.getheaders() if k.lower() in _KEPT_HEADERS}
    reply: dict[str, Any] = {"status": response.status, "headers": headers}
    try:
        reply["body"] = data.decode("utf-8")
    except UnicodeDecodeError:
        reply["body_b64"] = base64.b64encode(data).decode()
    return reply


def _call_raw(port: int, raw: str) -> dict[str, Any]:
    with socket.create_connection(("127.0.0.1", port), timeout=REPLY_LIMIT) as connection:
        connection.sendall(raw.encode())
        response = http.client.HTTPResponse(connection, method=raw.split(" ", 1)[0])
        response.begin()
        return _reply(response)


def call_rest(port: int, request: Mapping[str, Any]) -> dict[str, Any]:
    """Send one REST request; `{"error": ...}` when no reply came."""
    try:
        if "raw" in request:
            return _call_raw(port, request["raw"])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REPLY_LIMIT)
        try:
            headers = request.get("headers", {})
            body = request_body(request)
            connection.request(request["method"], request["path"], body=body, headers=headers)
            return _reply(connection.getresponse())
        finally:
            connection.close()
    except (http.client.HTTPException, OSError) as error:
        return {"error": type(error).__name__}


def _wrap_versions(value: Any, inside_spec: bool = False) -> Any:
    """The standard JSON mapping writes a wrapped number bare; our own wrapper is a message."""
    if isinstance(value, list):
        return [_wrap_versions(item) for item in value]
    if not isinstance(value, dict):
        return value
    done = {key: _wrap_versions(item, key == "model_spec") for key, item in value.items()}
    if inside_spec and "version" in done:
        done["version"] = {"value": done["version"]}
    return done


def _unwrap_versions(value: Any, inside_spec: bool = False) -> Any:
    if isinstance(value, list):
        return [_unwrap_versions(item) for item in value]
    if not isinstance(value, dict):
        return value
    done = {key: _unwrap_versions(item, key == "model_spec") for key, item in value.items()}
    if inside_spec and "version" in done:
        done["version"] = done["version"].get("value", "0")
    return done


def _to_json(message: Any) -> Any:
    done = _unwrap_versions(json_format.MessageToDict(message, preserving_proto_field_name=True))
    if isinstance(message, wire.GetModelMetadataResponse):
        for name, packed in message.metadata.items():
            inner = wire.SignatureDefMap.FromString(packed.value)
            done["metadata"][name] = {"@type": packed.type_url, **_to_json(inner)}
    return done


class GrpcCaller:
    """A channel to one server."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def close(self) -> None:
        self._channel.close()

    def call(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request; the reply as code, message and JSON or bytes."""
        known = _MESSAGES.get(request["method"]) if "bytes_b64" not in request else None
        if known:
            message = json_format.ParseDict(_wrap_versions(request["json"]), known[0]())
            raw = message.SerializeToString()
        else:
            raw = base64.b64decode(request["bytes_b64"])
        method = self._channel.unary_unary(f"/{request['service']}/{request['method']}")
        try:
            answer = method(raw, timeout=request.get("timeout", REPLY_LIMIT))
        except grpc.RpcError as error:
            return {"code": error.code().name, "message": error.details()}
        reply = {"code": "OK", "message": ""}
        if known:
            return {**reply, "json": _to_json(known[1].FromString(answer))}
        return {**reply, "bytes_b64": base64.b64encode(answer).decode()}
