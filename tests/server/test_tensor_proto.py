"""Tensors to TensorProtos: what is written in one piece says what was written one by one."""

from typing import Any

import numpy as np
import pytest

from tfdeploy import wire
from tfdeploy.server.tensor import Tensor, storage_of
from tfdeploy.server.tensor_proto import parse_tensor_proto, write_tensor_proto
from tfdeploy.wire import DataType

pytestmark = pytest.mark.timeout(20)

_PACKED = {"DT_FLOAT": "float_val", "DT_DOUBLE": "double_val", "DT_BOOL": "bool_val"}


def written(tensor: Tensor) -> Any:
    proto = wire.TensorProto()
    write_tensor_proto(tensor, proto)
    return proto


@pytest.mark.parametrize("name", _PACKED)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (127,), (128,), (70, 300), (2, 0, 3)])
def test_packed_fields(name: str, shape: tuple[int, ...]) -> None:
    dtype = int(DataType[name])
    values = (np.arange(np.prod(shape)) % 5).reshape(shape).astype(storage_of(dtype))
    proto, expected = written(Tensor(dtype, values)), wire.TensorProto(dtype=dtype)
    expected.tensor_shape.SetInParent()
    for size in shape:
        expected.tensor_shape.dim.add(size=size)
    getattr(expected, _PACKED[name]).extend(values.reshape(-1).tolist())
    assert proto == expected
    assert proto.SerializeToString(deterministic=True) == expected.SerializeToString(
        deterministic=True
    )
    back = parse_tensor_proto(wire.TensorProto.FromString(proto.SerializeToString()))
    assert back.array.dtype == values.dtype
    assert np.array_equal(back.array, values)


def test_what_does_not_lie_in_one_piece() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    for view in (array.T, array[::2], array[:, 1:3], array[::-1]):
        assert (
            list(written(Tensor(int(DataType.DT_FLOAT), view)).float_val) == view.ravel().tolist()
        )


def test_truth_values_of_other_bytes_than_one() -> None:
    content = bytes([0, 1, 2, 127, 128, 255, 0])
    proto = wire.TensorProto(dtype=DataType.DT_BOOL, tensor_content=content)
    proto.tensor_shape.dim.add(size=len(content))
    echoed = written(parse_tensor_proto(proto))
    assert list(echoed.bool_val) == [False, True, True, True, True, True, False]
    assert echoed.SerializeToString().endswith(bytes([0, 1, 1, 1, 1, 1, 0]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.0, 1e-45])
def test_odd_numbers_keep_their_bits(value: float) -> None:
    sent = np.array([value], np.float32)
    found = np.array(written(Tensor(int(DataType.DT_FLOAT), sent)).float_val, np.float32)
    assert found.tobytes() == sent.tobytes()
