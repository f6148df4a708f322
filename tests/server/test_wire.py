"""The project's own messages read and write what TensorFlow's do."""

import subprocess
import sys

import numpy as np
import pytest

from tfdeploy import wire
from tfdeploy.server.tensor import Tensor
from tfdeploy.server.tensor_proto import (
    UnreadableTensor,
    parse_tensor_proto,
    write_tensor_proto,
)

pytestmark = pytest.mark.timeout(120)


def test_text_round_trip() -> None:
    text = 'model_config_list {\n  config {\n    name: "ü"\n    base_path: "/m"\n  }\n}\n'
    assert wire.render_text(wire.parse_text(wire.ModelServerConfig, text)) == text


def test_importing_it_loads_neither_tensorflow_nor_grpc() -> None:
    code = (
        "import sys, tfdeploy.wire as w; w.PredictRequest();"
        "print({'tensorflow', 'grpc', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, -2]], np.float32),
        np.array([1, 2], np.int64),
        np.array([True, False]),
        np.array([1 + 2j], np.complex64),
        np.array(0.5, np.float16),
        np.zeros((0, 3), np.float64),
        np.array([b"a", b"\xff"], np.object_),
    ],
)
def test_tensor_protos_are_tensorflows(array: np.ndarray) -> None:
    tf = pytest.importorskip("tensorflow")
    theirs = tf.make_tensor_proto(array)
    ours = parse_tensor_proto(wire.TensorProto.FromString(theirs.SerializeToString()))
    assert ours.array.tolist() == array.tolist()
    back = type(theirs).FromString(written(ours).SerializeToString())
    assert tf.make_ndarray(back).tolist() == array.tolist()


def written(tensor: Tensor) -> object:
    proto = wire.TensorProto()
    write_tensor_proto(tensor, proto)
    return proto


def float_proto(dims: list[int], values: list[float]) -> object:
    proto = wire.TensorProto(dtype=wire.DataType.DT_FLOAT, float_val=values)
    for size in dims:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize(
    ("values", "stored"),
    [([], [0, 0, 0]), ([5], [5, 5, 5]), ([1, 2], [1, 2, 2]), ([1, 2, 3, 4], [1, 2, 3])],
)
def test_value_lists_are_stretched_or_cut(values: list[float], stored: list[float]) -> None:
    assert parse_tensor_proto(float_proto([3], values)).array.tolist() == stored


@pytest.mark.parametrize("dims", [[-1], [2**62, 2**62], [1] * 300])
def test_bad_shapes(dims: list[int]) -> None:
    with pytest.raises(UnreadableTensor):
        parse_tensor_proto(float_proto(dims, [1]))


def test_wrong_content_size() -> None:
    proto = wire.TensorProto(dtype=1, tensor_content=b"1234")
    proto.tensor_shape.dim.add(size=2)
    with pytest.raises(UnreadableTensor):
        parse_tensor_proto(proto)


def test_strings_are_written_as_bytes() -> None:
    tensor = Tensor(wire.DataType.DT_STRING, np.array([b"x"], np.object_))
    assert list(written(tensor).string_val) == [b"x"]
