"""The embedded server over a folder of models, asked over REST and gRPC."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from tfdeploy import wire
from tfdeploy.savedmodel import Signature, list_versions, read_saved_model

_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int32": "int_val",
    "uint8": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "string": "string_val",
}
_DTYPES = {
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    "int32": "DT_INT32",
    "uint8": "DT_UINT8",
    "int64": "DT_INT64",
    "bool": "DT_BOOL",
    "string": "DT_STRING",
}


def _bytes(value: Any) -> Any:
    """A JSON value with ``{"b64": ...}`` turned to bytes, in lists too."""
    if isinstance(value, list):
        return [_bytes(one) for one in value]
    if isinstance(value, Mapping):
        return base64.b64decode(value["b64"])
    return value.encode() if isinstance(value, str) else value


@dataclass(frozen=True)
class Served:
    """A running server."""

    models: Path
    rest_port: int
    channel: grpc.Channel

    def post(self, model: str, verb: str, body: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rest_port}/v1/models/{model}:{verb}",
            data=json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.code}: {error.read().decode()[:500]}") from error

    def rest(
        self, model: str, rows: Sequence[Any], signature: str = "serving_default"
    ) -> dict[str, Any]:
        """Predict; every output by name, a row each."""
        found = self.post(model, "predict", {"signature_name": signature, "instances": list(rows)})[
            "predictions"
        ]
        outputs = self.signature(model, signature).outputs
        if len(outputs) == 1:
            return {next(iter(outputs)): found}
        return {name: [row[name] for row in found] for name in outputs}

    def signature(self, model: str, signature: str) -> Signature:
        return read_saved_model(list_versions(self.models / model)[-1].path).signatures[signature]

    def grpc(
        self, model: str, rows: Sequence[Any], signature: str = "serving_default"
    ) -> dict[str, Any]:
        request = wire.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, signature
        for alias, info in self.signature(model, signature).inputs.items():
            values = [_bytes(row[alias] if isinstance(row, Mapping) else row) for row in rows]
            array = np.asarray(values, object if info.dtype == "string" else info.dtype)
            tensor = request.inputs[alias]
            tensor.dtype = wire.DataType[_DTYPES[info.dtype]]
            for size in array.shape:
                tensor.tensor_shape.dim.add(size=size)
            getattr(tensor, _FIELDS[info.dtype]).extend(array.ravel().tolist())
        reply = self.call(wire.PREDICT, request, wire.PredictResponse)
        return {alias: _array(tensor) for alias, tensor in reply.outputs.items()}

    def call(self, method: str, request: Any, answer: Any) -> Any:
        ask = self.channel.unary_unary(
            method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return ask(request, timeout=60)


def _array(tensor: Any) -> Any:
    dtype = next(name for name, one in _DTYPES.items() if wire.DataType[one] == tensor.dtype)
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    values = list(getattr(tensor, _FIELDS[dtype]))
    return np.asarray(values, object if dtype == "string" else dtype).reshape(shape)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(models: Path) -> Iterator[Served]:
    """Every model below a folder, on one server; it has loaded them all."""
    config = wire.ModelServerConfig()
    for folder in sorted(models.iterdir()):
        config.model_config_list.config.add(
            name=folder.name, base_path=str(folder), model_platform="tensorflow"
        )
    file = models.parent / "models.config"
    file.write_text(wire.render_text(config))
    log = (models.parent / "server.log").open("wb")
    rest_port, grpc_port = _free_port(), _free_port()
    words = [f"--rest_api_port={rest_port}", f"--port={grpc_port}", f"--model_config_file={file}"]
    words += ["--max_num_load_retries=0"]
    server = subprocess.Popen(
        [sys.executable, "-m", "tfdeploy.server", *words],
        stdout=log,
        stderr=log,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    try:
        _wait(server, rest_port, models.parent / "server.log")
        with grpc.insecure_channel(f"127.0.0.1:{grpc_port}", options=unlimited) as channel:
            yield Served(models, rest_port, channel)
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-3000:]
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])
