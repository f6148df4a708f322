"""Replaying a version's warm-up requests while it loads.

Source: tensorflow_serving/servables/tensorflow/saved_model_warmup{,_util}.cc. Only Predict
requests can be replayed here; a version with others fails to load, as with a kind that the
original does not know.
"""

import os
import struct
import time
from collections.abc import Iterator
from typing import Any, Final

from tfdeploy import wire
from tfdeploy.server import log
from tfdeploy.server.metrics import LoadMeter
from tfdeploy.server.predict_request import find_signature, read_inputs, read_output_filter
from tfdeploy.server.servable import Servable
from tfdeploy.server.status import ServingError
from tfdeploy.wire import Code

FILE: Final = os.path.join("assets.extra", "tf_serving_warmup_requests")
_MOST_RECORDS: Final = 1000
_LENGTH: Final = struct.Struct("<Q")
_CHECKSUM_SIZE: Final = 4


class BrokenRecord(ServingError):
    """The file of warm-up requests is no TFRecord file, or ends early."""

    def __init__(self, path: str) -> None:
        super().__init__(
            Code.DATA_LOSS,
            f"corrupted record in {path}. Please verify your warmup data is in TFRecord format.",
        )


def read_records(path: str) -> Iterator[bytes]:
    """The records of a TFRecord file: length, checksum, data, checksum. Checksums are not checked.

    Raises:
        BrokenRecord: in the place of a record.
    """
    with open(path, "rb") as file:
        while head := file.read(_LENGTH.size + _CHECKSUM_SIZE):
            if len(head) < _LENGTH.size + _CHECKSUM_SIZE:
                raise BrokenRecord(path)
            (size,) = _LENGTH.unpack_from(head)
            if size > os.path.getsize(path):
                raise BrokenRecord(path)
            data = file.read(size)
            if len(data) < size or len(file.read(_CHECKSUM_SIZE)) < _CHECKSUM_SIZE:
                raise BrokenRecord(path)
            yield data


def _replay(servable: Servable, record: bytes) -> None:
    entry = wire.PredictionLog.FromString(record)
    kind = entry.WhichOneof("log_type")
    if kind is None:
        return
    if kind != "predict_log":
        raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
    request: Any = entry.predict_log.request
    signature = find_signature(servable, request.model_spec.signature_name)
    inputs = read_inputs(request, signature)
    outputs = tuple(read_output_filter(request, signature))
    runner = servable.runner(signature, tuple(inputs), outputs, "Predict")
    runner.call.run([[value] for value in inputs.values()], False, 0)


def _replay_often(servable: Servable, record: bytes, iterations: int) -> None:
    for _ in range(max(iterations, 1)):
        _replay(servable, record)


def warm_up(servable: Servable, path: str, iterations: int, loads: LoadMeter) -> None:
    """Run every record, or nothing when there is no file.

    Args:
        servable: What to warm up.
        path: The version's folder.
        iterations: How often to run each record.
        loads: Counts what was replayed, unless a request failed, as in the original.

    Raises:
        ServingError: the first failure, which fails the load.
    """
    file = os.path.join(path, FILE)
    if not os.path.exists(file):
        log.info(f"No warmup data file found at {file}")
        return
    log.info(f"Starting to read warmup data for model at {file}")
    started, count = time.perf_counter(), 0
    try:
        for record in read_records(file):
            _replay_often(servable, record, iterations)
            count += 1
            if count > _MOST_RECORDS:
                raise ServingError(
                    Code.INVALID_ARGUMENT,
                    f"Number of warmup records exceeds the maximum ({_MOST_RECORDS}) at {file}",
                )
    except BrokenRecord as error:
        micros = int((time.perf_counter() - started) * 1e6)
        loads.warmed_up(path, f"{error.code.name}: {error.message}", micros, count)
        raise
    micros = int((time.perf_counter() - started) * 1e6)
    loads.warmed_up(path, "OK", micros, count)
    log.info(
        f"Finished reading warmup data for model at {file}. "
        f"Number of warmup records read: {count}. Elapsed time (microseconds): {micros}."
    )
