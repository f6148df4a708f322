"""The programs that ask a model server, with their values written into them."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from string import Template

from tfdeploy.client.examples import decode_b64, feature_kind
from tfdeploy.client.misfit import misfit
from tfdeploy.client.values import is_b64
from tfdeploy.savedmodel import Signature

# dtype to numpy's name, the name in DataType, and the field of a TensorProto
# (tensorflow/core/framework/tensor.proto).
_TYPES = {
    "float16": ("np.float16", "DT_HALF", "half_val"),
    "float32": ("np.float32", "DT_FLOAT", "float_val"),
    "float64": ("np.float64", "DT_DOUBLE", "double_val"),
    "int8": ("np.int8", "DT_INT8", "int_val"),
    "int16": ("np.int16", "DT_INT16", "int_val"),
    "int32": ("np.int32", "DT_INT32", "int_val"),
    "int64": ("np.int64", "DT_INT64", "int64_val"),
    "uint8": ("np.uint8", "DT_UINT8", "int_val"),
    "uint16": ("np.uint16", "DT_UINT16", "int_val"),
    "uint32": ("np.uint32", "DT_UINT32", "uint32_val"),
    "uint64": ("np.uint64", "DT_UINT64", "uint64_val"),
    "bool": ("np.bool_", "DT_BOOL", "bool_val"),
    "string": ("object", "DT_STRING", "string_val"),
}

_REST = Template('''\
"""Asks a model server over REST; needs Python alone."""

import json
import sys
import urllib.error
import urllib.request

URL = $url
BODY = $body

request = urllib.request.Request(
    URL, json.dumps(BODY).encode(), {"Content-Type": "application/json"}
)
try:
    with urllib.request.urlopen(request) as reply:
        answer = json.load(reply)
except urllib.error.HTTPError as error:
    sys.exit(error.read().decode())
print(json.dumps(answer, indent=2))
''')

_HEAD = """\
ADDRESS = $address
# gRPC takes no more than 4 MiB unless it is told to.
OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
"""

_PREDICT = Template(
    '''\
"""Asks a model server over gRPC; needs grpcio, numpy and tfdeploy."""

${base64}import grpc
import numpy as np

from tfdeploy import wire

'''
    + _HEAD
    + '''
# Alias to the values and their type on the wire.
INPUTS = {
$inputs}
# Alias to the field that the values come in, and their type here.
OUTPUTS = {
$outputs}


def to_proto(array, data_type):
    """A TensorProto; all but strings travel as raw bytes."""
    proto = wire.TensorProto(dtype=data_type)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if data_type == wire.DataType.DT_STRING:
        proto.string_val.extend(array.ravel())
    else:
        proto.tensor_content = array.tobytes()
    return proto


def to_array(proto, field, dtype):
    """The values of a TensorProto, which come in a field of their type or as raw bytes."""
    if proto.tensor_content:
        values = np.frombuffer(proto.tensor_content, dtype)
$half    else:
        values = np.array(list(getattr(proto, field)), dtype)
    return values.reshape([dim.size for dim in proto.tensor_shape.dim])


request = wire.PredictRequest()
request.model_spec.name = $model
request.model_spec.signature_name = $signature
for alias, (array, data_type) in INPUTS.items():
    request.inputs[alias].CopyFrom(to_proto(array, data_type))

with grpc.insecure_channel(ADDRESS, options=OPTIONS) as channel:
    predict = channel.unary_unary(
        wire.PREDICT,
        request_serializer=wire.PredictRequest.SerializeToString,
        response_deserializer=wire.PredictResponse.FromString,
    )
    response = predict(request, timeout=60)

for alias, (field, dtype) in OUTPUTS.items():
    print(f"{alias}: {to_array(response.outputs[alias], field, dtype)}")
'''
)

_HALF = """\
    elif field == "half_val":
        values = np.array(proto.half_val, np.uint16).view(dtype)
"""

_EXAMPLES = Template(
    '''\
"""Asks a model server over gRPC; needs grpcio and tfdeploy."""

${base64}import grpc

from tfdeploy import wire

'''
    + _HEAD
    + """
# One tf.Example each: feature to its field and values.
EXAMPLES = [
$examples]

request = wire.${kind}Request()
request.model_spec.name = $model
request.model_spec.signature_name = $signature
for features in EXAMPLES:
    example = request.input.example_list.examples.add()
    for name, (field, values) in features.items():
        getattr(example.features.feature[name], field).value.extend(values)

with grpc.insecure_channel(ADDRESS, options=OPTIONS) as channel:
    ask = channel.unary_unary(
        wire.$method,
        request_serializer=wire.${kind}Request.SerializeToString,
        response_deserializer=wire.${kind}Response.FromString,
    )
    response = ask(request, timeout=60)

print(response.result)
"""
)


def rest_program(url: str, body: Mapping[str, object]) -> str:
    """A program that posts ``body`` to ``url`` and prints the answer as JSON.

    It needs the standard library alone, and ends with the server's own words when the server
    refuses.
    """
    return _REST.substitute(url=ascii(url), body=_source(body, in_json=True))


def check_types(signature: Signature) -> None:
    """Whether numpy has a type for every input and output.

    Raises:
        TfdeployError: TFD503 with the first for which it has none.
    """
    for info in (*signature.inputs.values(), *signature.outputs.values()):
        if info.dtype not in _TYPES:
            raise misfit(
                f"'{info.alias}' is of type {info.dtype}, which numpy doesn't have.",
                where=str(info),
                hint="export the model with a cast to float32 or another common type.",
            )


def predict_program(
    address: str, model: str, signature: Signature, values: Mapping[str, object]
) -> str:
    """A program that sends a PredictRequest and prints every output as an array.

    Args:
        address: host:port.
        model: the name that the server knows the model by.
        signature: tells the types.
        values: alias to the whole tensor as JSON; they and the types have been checked.
    """
    inputs = "".join(
        f"    {alias!a}: {_input(values[alias], *_TYPES[info.dtype][:2])},\n"
        for alias, info in signature.inputs.items()
    )
    outputs = {alias: _TYPES[info.dtype] for alias, info in signature.outputs.items()}
    return _PREDICT.substitute(
        base64=_import_base64(inputs),
        address=ascii(address),
        model=ascii(model),
        signature=ascii(signature.name),
        inputs=inputs,
        outputs="".join(
            f"    {alias!a}: ({field!a}, {dtype}),\n"
            for alias, (dtype, _, field) in outputs.items()
        ),
        half=_HALF if any(field == "half_val" for _, _, field in outputs.values()) else "",
    )


def examples_program(
    address: str,
    model: str,
    signature_name: str,
    method: str,
    examples: Sequence[Mapping[str, object]],
) -> str:
    """A program that sends tf.Examples to be classified or regressed and prints the result.

    Args:
        address: host:port.
        model: the name that the server knows the model by.
        signature_name: a signature of that method.
        method: ``classify`` or ``regress``.
        examples: feature to a value or a list of values as JSON; they have been checked.
    """
    lines = "".join(f"    {_features(example)},\n" for example in examples)
    return _EXAMPLES.substitute(
        base64=_import_base64(lines),
        address=ascii(address),
        model=ascii(model),
        signature=ascii(signature_name),
        method=method.upper(),
        kind={"classify": "Classification", "regress": "Regression"}[method],
        examples=lines,
    )


def _input(value: object, numpy_type: str, data_type: str) -> str:
    return f"(np.array({_source(value, in_json=False)}, {numpy_type}), wire.DataType.{data_type})"


def _features(example: Mapping[str, object]) -> str:
    pairs = (
        f"{name!a}: ({feature_kind(value, name)!a}, "
        f"{_source(value if isinstance(value, list) else [value], in_json=False)})"
        for name, value in example.items()
    )
    return f"{{{', '.join(pairs)}}}"


def _import_base64(source: str) -> str:
    return "import base64\n\n" if "base64.b64decode(" in source else ""


def _source(value: object, *, in_json: bool) -> str:
    """A JSON value as a Python expression in ASCII.

    JSON knows no bytes, so there ``{"b64": ...}`` stays; else every string is its bytes.
    """
    if isinstance(value, list):
        return f"[{', '.join(_source(one, in_json=in_json) for one in value)}]"
    if isinstance(value, dict) and not in_json and is_b64(value):
        text = base64.b64encode(decode_b64(value["b64"])).decode("ascii")
        return f"base64.b64decode({text!a})"
    if isinstance(value, Mapping):
        pairs = (f"{key!a}: {_source(one, in_json=in_json)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return ascii(value.encode()) if isinstance(value, str) and not in_json else ascii(value)
