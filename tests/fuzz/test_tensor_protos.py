"""TensorProtos of any shape: a tensor or a refusal, within memory."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.cost import peak_bytes
from tests.fuzz.profile import bounded
from tests.fuzz.proto_strategies import messages
from tests.fuzz.tensor_target import check, check_proto, check_request
from tfdeploy import wire
from tfdeploy.server.inference import read_examples
from tfdeploy.server.limits import MOST_FILLED_BYTES
from tfdeploy.server.predict_request import read_inputs
from tfdeploy.server.signature import Port, Signature
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor_proto import TooLargeTensor, UnreadableTensor, parse_tensor_proto
from tfdeploy.wire import Code, DataType

pytestmark = pytest.mark.timeout(120)

_SMALL_SHAPES = st.lists(st.integers(0, 4), max_size=4)
_SHAPES = _SMALL_SHAPES | st.lists(st.integers(-1, 2**63 - 1), max_size=3)
_SHAPES |= st.integers(0, 300).map(lambda rank: [1] * rank)


def shaped(proto: Any, shape: list[int]) -> Any:
    """The proto with another shape."""
    proto.tensor_shape.Clear()
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


PROTOS = st.builds(shaped, messages(wire.TensorProto), _SHAPES)


@st.composite
def likely_protos(draw: st.DrawFn) -> Any:
    """A known dtype, a small shape, and values in some field or as content."""
    proto = draw(messages(wire.TensorProto))
    proto.dtype = draw(st.sampled_from([int(dtype) for dtype in DataType]))
    if draw(st.booleans()):
        proto.tensor_content = b""
    return shaped(proto, draw(_SMALL_SHAPES))


@bounded(200)
@given(PROTOS | likely_protos())
def test_any_proto_is_a_tensor_or_refused(proto: Any) -> None:
    check_proto(proto)


@bounded(100)
@given(st.dictionaries(st.sampled_from(["x", "y", "z"]), PROTOS | likely_protos(), max_size=3))
def test_any_request_has_inputs_or_is_refused(inputs: dict[str, Any]) -> None:
    request = wire.PredictRequest()
    for alias, proto in inputs.items():
        request.inputs[alias].CopyFrom(proto)
    check_request(request)


@bounded(200)
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    check(data)


def float_proto(*shape: int) -> Any:
    return shaped(wire.TensorProto(dtype=DataType.DT_FLOAT, float_val=[1.5]), list(shape))


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        (DataType.DT_FLOAT, 2**40),
        (DataType.DT_FLOAT, MOST_FILLED_BYTES // 4 + 2),
        (DataType.DT_STRING, MOST_FILLED_BYTES // 24 + 2),
        (DataType.DT_COMPLEX128, MOST_FILLED_BYTES // 16 + 2),
    ],
)
def test_one_value_does_not_fill_the_memory(dtype: int, size: int) -> None:
    proto = shaped(wire.TensorProto(dtype=dtype, float_val=[1]), [size])

    def refused() -> None:
        with pytest.raises(TooLargeTensor):
            parse_tensor_proto(proto)

    assert peak_bytes(refused) < 2**20


def test_up_to_the_limit_one_value_is_repeated() -> None:
    tensor = parse_tensor_proto(float_proto(1000, 1000))
    assert tensor.array.shape == (1000, 1000)
    assert (tensor.array == 1.5).all()


@pytest.mark.parametrize("shape", [[1] * 65, [0, 2**62, 2**62], [2**62, 2**62, 0], [0, -1]])
def test_shapes_that_no_array_can_have(shape: list[int]) -> None:
    with pytest.raises(UnreadableTensor):
        parse_tensor_proto(float_proto(*shape))


def test_a_client_is_told_that_its_tensor_is_too_large() -> None:
    request = wire.PredictRequest()
    request.inputs["x"].CopyFrom(float_proto(2**40))
    with pytest.raises(ServingError) as caught:
        read_inputs(request, Signature("", "", {"x": Port("x:0", 1)}, {}))
    assert caught.value.code == Code.RESOURCE_EXHAUSTED


def test_copies_of_a_context_do_not_fill_the_memory() -> None:
    request = wire.Input()
    many = request.example_list_with_context
    many.context.features.feature["a"].bytes_list.value.append(b"x" * 100_000)
    for _ in range(10_000):
        many.examples.add()

    def refused() -> None:
        with pytest.raises(ServingError, match="too large for 10000 examples"):
            read_examples(request)

    assert peak_bytes(refused) < 2**20
