"""Ask a running server one signature, over REST or gRPC, and get its outputs as arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import grpc
import numpy as np

from tfdeploy import wire
from tfdeploy.client.answer import decoded
from tfdeploy.client.documents import has_batch
from tfdeploy.client.examples import decode_b64, feature_kind, read_example
from tfdeploy.client.rest import Unreachable, exchange, model_url
from tfdeploy.client.values import FLOATS, INTEGERS, is_b64, rank_of
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import Signature

# The first request is the slowest, and nothing was said about how large the model is.
ANSWER_SECONDS = 120.0

# dtype to the name in DataType, the field of a TensorProto, and what numpy reads the values as
# (tensorflow/core/framework/tensor.proto). numpy has no bfloat16: its bits are read.
_WIRE = {
    "float16": ("DT_HALF", "half_val", "float16"),
    "bfloat16": ("DT_BFLOAT16", "half_val", "uint16"),
    "float32": ("DT_FLOAT", "float_val", "float32"),
    "float64": ("DT_DOUBLE", "double_val", "float64"),
    "int8": ("DT_INT8", "int_val", "int8"),
    "int16": ("DT_INT16", "int_val", "int16"),
    "int32": ("DT_INT32", "int_val", "int32"),
    "int64": ("DT_INT64", "int64_val", "int64"),
    "uint8": ("DT_UINT8", "int_val", "uint8"),
    "uint16": ("DT_UINT16", "int_val", "uint16"),
    "uint32": ("DT_UINT32", "uint32_val", "uint32"),
    "uint64": ("DT_UINT64", "uint64_val", "uint64"),
    "bool": ("DT_BOOL", "bool_val", "bool"),
    "string": ("DT_STRING", "string_val", "object"),
}
# What util/json_tensor.cc of TensorFlow Serving reads and writes.
_IN_JSON = frozenset({*FLOATS, *INTEGERS, "string", "bool"})

Row = Mapping[str, object]


class Refused(Exception):
    """There was no answer; the text says why."""


class Asker(Protocol):
    """A protocol to ask over; ``types`` are the dtypes that it can carry."""

    name: str
    address: str
    types: frozenset[str]

    def ask(self, signature: Signature, rows: Sequence[Row]) -> Mapping[str, Any]:
        """The outputs by alias, as something that numpy makes an array of.

        Strings are bytes where the protocol keeps them, else text.

        Raises:
            Refused: there was no answer.
        """


def _method(signature: Signature) -> str:
    """``classify``, ``regress`` or ``predict``; anything else than the first two is the third."""
    last = signature.method_name.removeprefix("tensorflow/serving/")
    return last if last in ("classify", "regress") else "predict"


def _columns(signature: Signature, rows: Sequence[Row]) -> dict[str, object]:
    """Rows as whole tensors; without a batch there is one row, which may hold them already."""
    if len(rows) == 1 and not has_batch(signature):
        inputs = signature.inputs.items()
        if all(info.shape is None or rank_of(rows[0][a]) == len(info.shape) for a, info in inputs):
            return dict(rows[0])
    return {alias: [row[alias] for row in rows] for alias in signature.inputs}


class Rest:
    """``:predict``, ``:classify`` and ``:regress`` of one model; in rows where there's a batch."""

    name = "REST"
    types = _IN_JSON

    def __init__(self, address: str, model: str) -> None:
        self.address = address
        self._url = model_url(address, model, version=None, label=None)

    def ask(self, signature: Signature, rows: Sequence[Row]) -> Mapping[str, Any]:
        """The outputs by alias; raises as ``Asker.ask``."""
        try:
            method = _method(signature)
            if method == "predict":
                return self._predict(signature, rows)
            examples = [read_example(row, index) for index, row in enumerate(rows)]
            results = self._post(method, signature, {"examples": examples})["results"]
            return _results(method, signature, results)
        except (LookupError, TypeError, ValueError) as error:
            raise Refused(f"an answer of an unknown form ({error!r})") from error
        except TfdeployError as error:
            raise Refused(error.message) from error
        except Unreachable as error:
            raise Refused(error.reason) from error

    def _predict(self, signature: Signature, rows: Sequence[Row]) -> Mapping[str, Any]:
        outputs = signature.outputs
        if has_batch(signature):
            document = self._post("predict", signature, {"instances": [dict(row) for row in rows]})
            found: Any = decoded(document["predictions"])
            if len(outputs) > 1:
                found = {alias: [row[alias] for row in found] for alias in outputs}
        else:
            document = self._post("predict", signature, {"inputs": _columns(signature, rows)})
            found = decoded(document["outputs"])
        return {next(iter(outputs)): found} if len(outputs) == 1 else found

    def _post(self, verb: str, signature: Signature, body: Mapping[str, object]) -> Any:
        data = json.dumps({"signature_name": signature.name, **body}).encode()
        url = f"{self._url}:{verb}"
        reply = exchange("POST", url, body=data, timeout_seconds=ANSWER_SECONDS)
        if reply.status != 200:
            raise reply.refused()
        return reply.document()


def _results(method: str, signature: Signature, results: Any) -> dict[str, Any]:
    """Outputs from what classify and regress answer: (label, score) for each class, or a number."""
    if method == "regress":
        # [rows, 1] is answered as [rows].
        (alias, info), *_ = signature.outputs.items()
        values = np.asarray(results, np.float32)
        return {alias: values[:, None] if len(info.shape or ()) == 2 else values}
    found = {
        "classes": [[label for label, _ in row] for row in results],
        "scores": [[score for _, score in row] for row in results],
    }
    return {alias: found[alias] for alias in signature.outputs if alias in found}


class Grpc:
    """Predict, Classify and Regress of one model."""

    name = "gRPC"
    types = frozenset(_WIRE)

    def __init__(self, channel: grpc.Channel, address: str, model: str) -> None:
        self.address = address
        self._channel = channel
        self._model = model

    def ask(self, signature: Signature, rows: Sequence[Row]) -> Mapping[str, Any]:
        """The outputs by alias; raises as ``Asker.ask``."""
        try:
            if _method(signature) == "predict":
                return self._predict(signature, rows)
            return self._infer(_method(signature), signature, rows)
        except grpc.RpcError as error:
            raise Refused(f"{error.code().name}: {error.details()}") from error
        except (LookupError, TypeError, ValueError) as error:
            raise Refused(f"a request or an answer of an unknown form ({error!r})") from error
        except TfdeployError as error:
            raise Refused(error.message) from error

    def _predict(self, signature: Signature, rows: Sequence[Row]) -> Mapping[str, Any]:
        request = self._named(wire.PredictRequest(), signature)
        for alias, values in _columns(signature, rows).items():
            _write_tensor(request.inputs[alias], values, signature.inputs[alias].dtype)
        reply = self._call(wire.PREDICT, request, wire.PredictResponse)
        outputs = signature.outputs.items()
        return {
            alias: _read_tensor(reply.outputs[alias], info.dtype)
            for alias, info in outputs
            if alias in reply.outputs
        }

    def _infer(self, method: str, signature: Signature, rows: Sequence[Row]) -> dict[str, Any]:
        regress = method == "regress"
        kind = wire.RegressionRequest if regress else wire.ClassificationRequest
        request = self._named(kind(), signature)
        for index, row in enumerate(rows):
            _write_example(request.input.example_list.examples.add(), read_example(row, index))
        if regress:
            reply = self._call(wire.REGRESS, request, wire.RegressionResponse)
            return _results(method, signature, [one.value for one in reply.result.regressions])
        reply = self._call(wire.CLASSIFY, request, wire.ClassificationResponse)
        rows_of = [one.classes for one in reply.result.classifications]
        return _results(
            method, signature, [[(one.label, one.score) for one in classes] for classes in rows_of]
        )

    def _named(self, request: Any, signature: Signature) -> Any:
        request.model_spec.name = self._model
        request.model_spec.signature_name = signature.name
        return request

    def _call(self, method: str, request: Any, reply: Any) -> Any:
        call = self._channel.unary_unary(
            method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=reply.FromString,
        )
        return call(request, timeout=ANSWER_SECONDS)


def _bytes(value: Any) -> Any:
    """JSON strings, and bytes that JSON holds in base64, as bytes; in lists too."""
    if isinstance(value, list):
        return [_bytes(one) for one in value]
    if is_b64(value):
        return decode_b64(value["b64"])
    return value.encode() if isinstance(value, str) else value


def _write_tensor(proto: Any, values: object, dtype: str) -> None:
    data_type, _, stored = _WIRE[dtype]
    array = np.array(_bytes(values), "float32" if dtype == "bfloat16" else stored)
    if dtype == "bfloat16":
        # To the nearest, ties to even, as TensorFlow rounds (tensorflow/core/platform/bfloat16.h).
        bits = array.view(np.uint32)
        array = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    proto.dtype = wire.DataType[data_type]
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if dtype == "string":
        proto.string_val.extend(array.ravel().tolist())
    else:
        proto.tensor_content = array.tobytes()


def _read_tensor(proto: Any, dtype: str) -> Any:
    """A TensorProto's values, which come in a field of their type or as raw bytes."""
    _, field, stored = _WIRE[dtype]
    if proto.tensor_content:
        values = np.frombuffer(proto.tensor_content, stored)
    elif field == "half_val":
        values = np.array(proto.half_val, np.uint16).view(stored)
    else:
        values = np.array(list(getattr(proto, field)), stored)
    if dtype == "bfloat16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.reshape([dim.size for dim in proto.tensor_shape.dim])


def _write_example(example: Any, features: Mapping[str, object]) -> None:
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        field = getattr(example.features.feature[name], feature_kind(value, name))
        field.value.extend(_bytes(values))
