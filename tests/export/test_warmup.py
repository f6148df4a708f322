"""Warm-up requests: written by an export, readable for the server, refused where they'd fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy import wire
from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.findings import Answer, Proof, Task
from tfdeploy.exporting.verify import verify
from tfdeploy.exporting.warmup import write_requests
from tfdeploy.savedmodel import WARMUP_FILE, read_saved_model
from tfdeploy.server.warmup import read_records

Publish = Callable[..., Any]


@pytest.fixture(scope="module")
def doubler(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two signatures, of numbers and of texts."""

    class Doubler(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
        def doubled(self, x: Any) -> Any:
            return {"y": x * 2.0}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def length(self, text: Any) -> Any:
            return {"length": tf.strings.length(text)}

    folder = tmp_path_factory.mktemp("doubler") / "1"
    module = Doubler()
    signatures = {"serving_default": module.doubled, "length": module.length}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


@pytest.fixture(scope="module")
def exported(publish: Publish, doubler: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return publish(doubler, tmp_path_factory.mktemp("published"))


def copy(folder: Path, to: Path) -> Path:
    for file in folder.rglob("*"):
        if file.is_file():
            (to / file.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            (to / file.relative_to(folder)).write_bytes(file.read_bytes())
    return to


def predict(signature: str = "", dtype: str = "DT_FLOAT", alias: str = "x") -> Any:
    """A request of one row, as another writer of such files would put it."""
    log = wire.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    tensor = request.inputs[alias]
    tensor.dtype = wire.DataType[dtype]
    for size in (1, 2):
        tensor.tensor_shape.dim.add(size=size)
    (tensor.float_val if dtype == "DT_FLOAT" else tensor.double_val).extend([1.0, 2.0])
    return log


def tried(tf: Any, folder: Path, records: list[bytes]) -> Proof:
    """The proof of a model that has these warm-up requests."""
    (folder / WARMUP_FILE).parent.mkdir()
    with tf.io.TFRecordWriter(str(folder / WARMUP_FILE)) as writer:
        for record in records:
            writer.write(record)
    return verify(tf, folder, lambda: Task(model="m", warm_up=True))


def test_an_export_brings_a_request_of_one_row_for_each_signature(exported: Any) -> None:
    assert exported.saved_model.warmup_records == 2
    # As the embedded server reads it while it loads.
    logs = list(map(wire.PredictionLog.FromString, read_records(str(exported.path / WARMUP_FILE))))
    requests = {one.predict_log.request.model_spec.signature_name: one for one in logs}
    assert set(requests) == {"serving_default", "length"}
    request = requests["serving_default"].predict_log.request
    assert request.model_spec.name == "m"
    tensor = request.inputs["x"]
    assert [dim.size for dim in tensor.tensor_shape.dim] == [1, 2]
    assert len(np.frombuffer(tensor.tensor_content, np.float32)) == 2
    assert list(requests["length"].predict_log.request.inputs["text"].string_val) == [b"made up"]


def test_none_are_written_where_nobody_wants_them(tf: Any, doubler: Path, tmp_path: Path) -> None:
    folder = copy(doubler, tmp_path / "1")
    proof = verify(tf, folder, lambda: Task(model="m", warm_up=False))
    assert [one.verdict for one in proof.answers] == ["serves", "serves"]
    assert not (folder / WARMUP_FILE).exists()


def test_a_large_row_is_left_out(tf: Any, doubler: Path, tmp_path: Path) -> None:
    model = read_saved_model(copy(doubler, tmp_path / "1"))
    values = {"x": np.zeros((3, 2), np.float32)}
    answer = Answer("serving_default", "serves", "", values)
    (note,) = write_requests(tf, model, "m", [answer], most_bytes=10)
    assert note.startswith("serving_default gets no warm-up request: one row takes 0.0 MiB")
    assert not (model.path / WARMUP_FILE).exists()
    assert write_requests(tf, model, "m", [answer]) == []
    assert len(list(read_records(str(model.path / WARMUP_FILE)))) == 1


def test_those_that_a_model_brings_stay_and_are_replayed(
    tf: Any, doubler: Path, tmp_path: Path
) -> None:
    records = [predict().SerializeToString(), wire.PredictionLog().SerializeToString()]
    classify = wire.PredictionLog()
    classify.classify_log.SetInParent()
    folder = copy(doubler, tmp_path / "1")
    proof = tried(tf, folder, [*records, classify.SerializeToString()])
    assert proof.warm_up_error == ""
    assert "1 warm-up requests to classify or regress weren't replayed" in proof.notes
    assert len(list(read_records(str(folder / WARMUP_FILE)))) == 3


def session_log() -> Any:
    log = wire.PredictionLog()
    log.session_run_log.SetInParent()
    return log


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (predict("gone").SerializeToString(), "request 2 fails: there is no signature 'gone'"),
        (
            predict(dtype="DT_DOUBLE").SerializeToString(),
            "request 2 fails: x is float64, and the signature takes float32",
        ),
        (
            predict(alias="z").SerializeToString(),
            "request 2 fails: 'serving_default' has no input 'z'",
        ),
        (session_log().SerializeToString(), "the server takes no session_run_log for warm-up"),
        (b"\xff\xff", "request 2 fails: it is no PredictionLog"),
    ],
    ids=["signature", "dtype", "input", "kind", "no message"],
)
def test_one_that_fails_is_found(
    tf: Any, doubler: Path, tmp_path: Path, record: bytes, why: str
) -> None:
    folder = copy(doubler, tmp_path / "1")
    assert why in tried(tf, folder, [predict().SerializeToString(), record]).warm_up_error


def test_a_thousand_are_the_most(tf: Any, doubler: Path, tmp_path: Path) -> None:
    nothing = wire.PredictionLog().SerializeToString()
    folder = copy(doubler, tmp_path / "1")
    assert tried(tf, folder, [nothing] * 1000).warm_up_error == ""
    proof = tried(tf, copy(doubler, tmp_path / "2"), [nothing] * 1001)
    assert proof.warm_up_error == "there are more than 1000 requests"


def test_a_damaged_file_isnt_published(publish: Publish, exported: Any, tmp_path: Path) -> None:
    source = copy(exported.path, tmp_path / "source")
    data = bytearray((source / WARMUP_FILE).read_bytes())
    # A bit of the first record, which its checksum tells.
    data[20] ^= 1
    (source / WARMUP_FILE).write_bytes(data)
    with pytest.raises(TfdeployError) as caught:
        publish(source, tmp_path, name="other")
    assert caught.value.code == "TFD104"
    start = "The warm-up requests would keep the server from loading the model"
    assert re.match(rf"{start}: tf_serving_warmup_requests isn't", caught.value.message)
    assert not (tmp_path / "other").exists()
