"""Any bytes as a TensorProto: a tensor that can be written back, or UnreadableTensor."""

import math
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError

from tfdeploy import wire
from tfdeploy.server.json_output import render_columns
from tfdeploy.server.predict_request import read_inputs
from tfdeploy.server.signature import Port, Signature
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import storage_of
from tfdeploy.server.tensor_proto import (
    UnreadableTensor,
    parse_tensor_proto,
    write_tensor_proto,
)

_SIGNATURE: Final = Signature("serving_default", "", {"x": Port("x:0", 1), "y": Port("y:0", 1)}, {})
_WRITTEN: Final = 2**16


def _same(left: Any, right: Any) -> bool:
    if left.dtype == object:
        return bool(left.tolist() == right.tolist())
    if left.dtype.kind in "fc":
        # A NaN's payload need not survive: Python's floats, and so the typed fields, quiet it.
        return bool(np.array_equal(left, right, equal_nan=True))
    return bool(left.tobytes() == right.tobytes())


def check_proto(proto: Any) -> None:
    """One TensorProto."""
    try:
        tensor = parse_tensor_proto(proto)
    except UnreadableTensor:
        return
    assert tensor.array.dtype == storage_of(tensor.dtype)
    assert tensor.array.shape == tuple(dim.size for dim in proto.tensor_shape.dim)
    # As JSON, and as lists on the way, (28, 28, 28, 28, 0) is 614,656 empty lists.
    if math.prod(max(size, 1) for size in tensor.array.shape) > _WRITTEN:
        return
    for as_content in (False, True):
        written = wire.TensorProto()
        write_tensor_proto(tensor, written, as_content)
        again = parse_tensor_proto(wire.TensorProto.FromString(written.SerializeToString()))
        assert again.array.shape == tensor.array.shape
        assert _same(again.array, _canonical(tensor.array)) or _same(again.array, tensor.array)
    try:
        render_columns(["y"], [tensor])
    except ServingError as error:
        assert "Failed to write JSON value" in error.message


def _canonical(array: Any) -> Any:
    # tensor_content may hold 2 as a bool; as a value it is true.
    return array.view(np.uint8).astype(np.bool_) if array.dtype == np.bool_ else array


def check_request(request: Any) -> None:
    """One PredictRequest."""
    try:
        inputs = read_inputs(request, _SIGNATURE)
    except ServingError as error:
        assert error.grpc_details
        return
    assert inputs.keys() == _SIGNATURE.inputs.keys()


def check(data: bytes) -> None:
    """The first byte chooses between a TensorProto and a PredictRequest."""
    cls = wire.PredictRequest if data[:1] == b"R" else wire.TensorProto
    try:
        message = cls.FromString(data[1:])
    except DecodeError:
        return
    if isinstance(message, wire.PredictRequest):
        check_request(message)
    else:
        check_proto(message)
