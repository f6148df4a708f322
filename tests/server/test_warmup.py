"""Warm-up: TFRecord files as TensorFlow reads them, and each kind of request replayed."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeploy import wire
from tfdeploy.server.catalog import Catalog
from tfdeploy.server.configuration import Configuration
from tfdeploy.server.hub import Hub
from tfdeploy.server.lifecycle import Lifecycle, RetryPolicy
from tfdeploy.server.metrics import Metrics
from tfdeploy.server.scheduler import Scheduler
from tfdeploy.server.servable import Servable
from tfdeploy.server.source import Source
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor
from tfdeploy.server.warmup import FILE, BrokenRecord, masked_checksum, read_records, warm_up
from tfdeploy.wire import DataType

pytestmark = pytest.mark.timeout(60)
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
SIGNATURES = """
    signature_def { key: "serving_default" value {
      inputs { key: "x" value { name: "x:0" dtype: DT_FLOAT } }
      outputs { key: "y" value { name: "y:0" dtype: DT_FLOAT } } } }
    signature_def { key: "classes" value {
      inputs { key: "inputs" value { name: "examples:0" dtype: DT_STRING } }
      outputs { key: "scores" value { name: "scores:0" dtype: DT_FLOAT } } } }
    signature_def { key: "value" value {
      inputs { key: "inputs" value { name: "examples:0" dtype: DT_STRING } }
      outputs { key: "outputs" value { name: "value:0" dtype: DT_FLOAT } } } }
"""


class Recorder:
    """A session that answers with as many rows of zeros, and notes what it is asked."""

    def __init__(self) -> None:
        self.meta_graph = wire.parse_text(wire.MetaGraphDef, SIGNATURES).SerializeToString()
        self.runs: list[tuple[tuple[str, ...], tuple[str, ...]]] = []

    def prepare(self, feeds: Sequence[str], fetches: Sequence[str]) -> "RecordedCall":
        return RecordedCall(self, tuple(feeds), tuple(fetches))

    def close(self) -> None:
        pass


class RecordedCall:
    def __init__(self, session: Recorder, feeds: tuple[str, ...], fetches: tuple[str, ...]) -> None:
        self._session = session
        self._feeds = feeds
        self._fetches = fetches

    def run(self, feeds: Sequence[Sequence[Tensor]], inline: bool, timeout_ms: int) -> list[Tensor]:
        self._session.runs.append((self._feeds, self._fetches))
        zeros = np.zeros((len(feeds[0][0].array), 1), np.float32)
        return [Tensor(DataType.DT_FLOAT, zeros) for _ in self._fetches]


def make_hub() -> Hub:
    catalog, metrics = Catalog(), Metrics()
    source = Source(Lifecycle(catalog, RetryPolicy(0, 0)), 1)
    scheduler = Scheduler(1, metrics)
    return Hub(catalog, Configuration(catalog, source, False), scheduler, metrics)


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + masked_checksum(length) + data + masked_checksum(data)


def write(folder: Path, content: bytes) -> str:
    file = folder / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return str(file)


def log_of(text: str) -> bytes:
    return framed(wire.parse_text(wire.PredictionLog, text).SerializeToString())


PREDICT = (
    "predict_log { request { inputs { key: 'x' value { dtype: DT_FLOAT float_val: 1 %s } } } }"
)
SHAPE = "tensor_shape { dim { size: 1 } }"
INPUT = "input { example_list { examples { } } }"


def test_checksum_of_the_published_vector() -> None:
    # CRC-32C of 32 zero bytes is 8a9136aa (RFC 3720, B.4).
    crc = 0x8A9136AA
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert masked_checksum(bytes(32)) == struct.pack("<I", masked)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=5), st.binary(max_size=11))
def test_records_come_back(tmp_path_factory: Any, records: list[bytes], scrap: bytes) -> None:
    file = write(tmp_path_factory.mktemp("r"), b"".join(map(framed, records)) + scrap)
    assert list(read_records(file)) == records


FIRST = framed(b"hello")
SECOND = framed(b"world!")


@pytest.mark.parametrize(
    ("content", "message", "before"),
    [
        (b"this is no tfrecord at all", "corrupted record at 0 (Is this even a TFRecord file?)", 0),
        (FIRST + SECOND[:12], "truncated record at 21' failed with Read less bytes", 1),
        (FIRST + SECOND[:-4], "truncated record at 21' failed with Read less bytes", 1),
        (FIRST + SECOND[:-1], "truncated record at 21' failed with Read less bytes", 1),
        (FIRST + b"x" + SECOND[1:], "corrupted record at 21.", 1),
        (FIRST + SECOND[:-5] + b"?" + SECOND[-4:], "corrupted record at 33.", 1),
        (FIRST[:-5] + b"?" + FIRST[-4:], "corrupted record at 12.", 0),
        (framed(b"x")[:0] + struct.pack("<Q", 2**63) + masked_checksum(struct.pack("<Q", 2**63)),
         "truncated record at 0", 0),
    ],
)  # fmt: skip
def test_broken_files(tmp_path: Path, content: bytes, message: str, before: int) -> None:
    reader = read_records(write(tmp_path, content))
    assert len([next(reader) for _ in range(before)]) == before
    with pytest.raises(BrokenRecord) as caught:
        next(reader)
    assert str(caught.value).startswith("DATA_LOSS: " + message)
    assert str(caught.value).endswith("Please verify your warmup data is in TFRecord format.")


def runs_of(folder: Path, text: str, iterations: int = 1) -> list[Any]:
    session = Recorder()
    write(folder, log_of(text))
    warm_up(Servable("m", 1, session), str(folder), iterations, make_hub, Metrics().loads)
    return session.runs


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        (PREDICT % SHAPE, [(("x:0",), ("y:0",))]),
        (
            "classify_log { request { model_spec { name: 'other' signature_name: 'classes' } "
            + INPUT + "} }",
            [(("examples:0",), ("scores:0",))],
        ),
        (
            "regress_log { request { model_spec { signature_name: 'value' } " + INPUT + "} }",
            [(("examples:0",), ("value:0",))],
        ),
        (
            "multi_inference_log { request { "
            "tasks { model_spec { name: 'o' signature_name: 'classes' } "
            f"method_name: '{CLASSIFY}' }}"
            "tasks { model_spec { name: 'o' signature_name: 'value' } "
            f"method_name: '{REGRESS}' }}"
            + INPUT + "} }",
            [(("examples:0",), ("scores:0",)), (("examples:0",), ("value:0",))],
        ),
        ("", []),
    ],
)  # fmt: skip
def test_each_kind_is_run(tmp_path: Path, text: str, runs: list[Any]) -> None:
    assert runs_of(tmp_path, text) == runs


@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_iterations(tmp_path: Path, iterations: int) -> None:
    assert len(runs_of(tmp_path, PREDICT % SHAPE, iterations)) == iterations


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("session_run_log { }", "UNIMPLEMENTED: Unsupported log_type for warmup: 5"),
        ("predict_streamed_log { }", "UNIMPLEMENTED: Unsupported log_type for warmup: 7"),
        (
            "predict_log { request { model_spec { signature_name: 'q' } } }",
            'FAILED_PRECONDITION: Serving signature key "q" not found.',
        ),
        (
            "classify_log { request { model_spec { signature_name: 'q' } } }",
            "INVALID_ARGUMENT: No signature was found with the name: q",
        ),
        (
            "regress_log { request { model_spec { signature_name: 'value' } } }",
            "INVALID_ARGUMENT: Input is empty.",
        ),
        (
            "multi_inference_log { request { tasks { } " + INPUT + "} }",
            "INVALID_ARGUMENT: Found ModelSpec with an empty model name.",
        ),
        (
            "multi_inference_log { request { tasks { model_spec { name: 'a' signature_name: "
            "'value' } method_name: 'x' } } }",
            "UNIMPLEMENTED: Unsupported signature method_name: x",
        ),
    ],
)
def test_failures(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(ServingError) as caught:
        runs_of(tmp_path, text)
    assert str(caught.value) == error


def test_record_that_is_no_message(tmp_path: Path) -> None:
    write(tmp_path, framed(b"\xff\xff"))
    with pytest.raises(ServingError, match="INVALID_ARGUMENT: Failed to parse warmup record: "):
        warm_up(Servable("m", 1, Recorder()), str(tmp_path), 1, make_hub, Metrics().loads)


@pytest.mark.parametrize(("count", "fails"), [(1000, False), (1001, True)])
def test_most_records(tmp_path: Path, count: int, fails: bool) -> None:
    session = Recorder()
    file = write(tmp_path, log_of(PREDICT % SHAPE) * count)
    servable = Servable("m", 1, session)
    if fails:
        with pytest.raises(ServingError) as caught:
            warm_up(servable, str(tmp_path), 1, make_hub, Metrics().loads)
        text = f"Number of warmup records exceeds the maximum (1000) at {file}"
        assert caught.value.message == text
    else:
        warm_up(servable, str(tmp_path), 1, make_hub, Metrics().loads)
    assert len(session.runs) == count


def test_without_a_file_nothing_happens(tmp_path: Path) -> None:
    warm_up(Servable("m", 1, Recorder()), str(tmp_path), 1, make_hub, Metrics().loads)
