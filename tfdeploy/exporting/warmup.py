"""Warm-up requests: written from what a model was proven with, and replayed as the server does.

The server runs every record of ``assets.extra/tf_serving_warmup_requests`` while it loads a
version, and one that fails fails the whole load (TensorFlow Serving, servables/tensorflow/
saved_model_warmup{,_util}.cc).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tfdeploy import wire
from tfdeploy.exporting.asking import NotTaken, first_row
from tfdeploy.exporting.findings import Answer, Values
from tfdeploy.savedmodel import WARMUP_FILE, SavedModel, Signature
from tfdeploy.savedmodel.signatures import dtype_name

MOST_RECORDS = 1000
# A file that is read at every start of a server stays small.
MOST_BYTES = 1 << 20
_DEFAULT = "serving_default"
# The server knows these and the messages inside them aren't looked into here.
_OTHER_METHODS = ("classify_log", "regress_log", "multi_inference_log")
# Takes a signature and arrays by alias; raises NotTaken.
Call = Callable[[Signature, Values], object]


class BrokenWarmup(Exception):
    """The server couldn't load the model with this file; the text says why."""


def write_requests(
    tf: Any, model: SavedModel, name: str, answers: Iterable[Answer], most_bytes: int = MOST_BYTES
) -> list[str]:
    """Write one request of one row for each signature that answered; say what was left out.

    Classify and regress signatures get a predict request too: the server takes it for any method,
    and it runs the same part of the graph.

    Args:
        tf: TensorFlow.
        model: the version, as ``read_saved_model`` gives it.
        name: the model's name.
        answers: what its signatures did; those without values are passed over.
        most_bytes: of one record.
    """
    records, notes = [], []
    for answer in answers:
        if answer.verdict != "serves" or answer.values is None:
            continue
        values = first_row(answer.values, model.signatures[answer.signature])
        record = _record(tf, name, answer.signature, values)
        if len(record) <= most_bytes:
            records.append(record)
        else:
            notes.append(
                f"{answer.signature} gets no warm-up request: one row takes "
                f"{len(record) / (1 << 20):.1f} MiB, and {most_bytes / (1 << 20):g} MiB is the most"
            )
    if records:
        file = model.path / WARMUP_FILE
        file.parent.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(file)) as writer:
            for record in records:
                writer.write(record)
    return notes


def replay(tf: Any, model: SavedModel, call: Call) -> list[str]:
    """Run every record as the server does while it loads; notes on those that can't be run here.

    Raises:
        BrokenWarmup: the file or one of its records would fail the load.
    """
    others = 0
    for number, record in enumerate(_records(tf, model.path / WARMUP_FILE), start=1):
        if number > MOST_RECORDS:
            raise BrokenWarmup(f"there are more than {MOST_RECORDS} requests")
        try:
            others += not _replayed(tf, model.signatures, record, call)
        except (NotTaken, BrokenWarmup) as error:
            why = error.sentence if isinstance(error, NotTaken) else str(error)
            raise BrokenWarmup(f"request {number} fails: {why}") from error
    if not others:
        return []
    return [f"{others} warm-up requests to classify or regress weren't replayed"]


def _record(tf: Any, name: str, signature: str, values: Values) -> bytes:
    log = wire.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = name, signature
    for alias, array in values.items():
        dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
        tensor = tf.make_tensor_proto(array, dtype=dtype, shape=array.shape)
        request.inputs[alias].ParseFromString(tensor.SerializeToString())
    return bytes(log.SerializeToString(deterministic=True))


def _records(tf: Any, file: Path) -> Iterator[bytes]:
    """The records, with their checksums checked."""
    try:
        yield from tf.compat.v1.io.tf_record_iterator(str(file))
    except tf.errors.OpError as error:
        raise BrokenWarmup(f"{file.name} isn't a whole TFRecord file ({error.message})") from error


def _replayed(tf: Any, signatures: Mapping[str, Signature], record: bytes, call: Call) -> bool:
    """Whether it could be run here; a record that says nothing is passed over by the server."""
    from google.protobuf.message import DecodeError

    try:
        log = wire.PredictionLog.FromString(record)
    except DecodeError as error:
        raise BrokenWarmup("it is no PredictionLog") from error
    kind = log.WhichOneof("log_type")
    if kind in _OTHER_METHODS:
        return False
    if kind not in (None, "predict_log"):
        raise BrokenWarmup(f"the server takes no {kind} for warm-up")
    if kind is not None:
        request = log.predict_log.request
        name = request.model_spec.signature_name or _DEFAULT
        if name not in signatures:
            raise BrokenWarmup(f"there is no signature '{name}'")
        call(signatures[name], _values(tf, signatures[name], request))
    return True


def _values(tf: Any, signature: Signature, request: Any) -> Values:
    from tensorflow.core.framework import tensor_pb2

    found = {}
    for alias, tensor in request.inputs.items():
        if alias not in signature.inputs:
            raise BrokenWarmup(f"'{signature.name}' has no input '{alias}'")
        wanted, given = signature.inputs[alias].dtype, dtype_name(tensor.dtype)
        # A session of Python would cast it.
        if given != wanted:
            raise BrokenWarmup(f"{alias} is {given}, and the signature takes {wanted}")
        proto = tensor_pb2.TensorProto.FromString(tensor.SerializeToString())
        try:
            found[alias] = tf.make_ndarray(proto)
        except (TypeError, ValueError) as error:
            raise BrokenWarmup(f"{alias} can't be read: {error}") from error
    return found
