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

from google.protobuf.message import DecodeError

from tfdeploy import wire
from tfdeploy.server import log
from tfdeploy.server.predict_request import find_signature, read_inputs, read_output_filter
from tfdeploy.server.servable import Servable
from tfdeploy.server.status import ServingError
from tfdeploy.wire import Code

FILE: Final = os.path.join("assets.extra", "tf_serving_warmup_requests")
_MOST_RECORDS: Final = 1000
_LENGTH: Final = struct.Struct("<Q")
_CHECKSUM_SIZE: Final = 4


def _broken(path: str) -> ServingError:
    return ServingError(
        Code.DATA_LOSS,
        f"corrupted record in {path}. Please verify your warmup data is in TFRecord format.",
    )


def read_records(path: str) -> Iterator[bytes]:
    """The records of a TFRecord file: length, checksum, data, checksum. Checksums are not checked.

    Raises:
        ServingError: DATA_LOSS.
    """
    with open(path, "rb") as file:
        while head := file.read(_LENGTH.size + _CHECKSUM_SIZE):
            if len(head) < _LENGTH.size + _CHECKSUM_SIZE:
                raise _broken(path)
            (size,) = _LENGTH.unpack_from(head)
            if size > os.path.getsize(path):
                raise _broken(path)
            data = file.read(size)
            if len(data) < size or len(file.read(_CHECKSUM_SIZE)) < _CHECKSUM_SIZE:
                raise _broken(path)
            yield data


def _replay(servable: Servable, record: bytes) -> None:
    try:
        entry = wire.PredictionLog.FromString(record)
    except DecodeError:
        raise ServingError(
            Code.INVALID_ARGUMENT, "Failed to parse a warmup record: it is no PredictionLog"
        ) from None
    kind = entry.WhichOneof("log_type")
    if kind is None:
        return
    if kind != "predict_log":
        raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
    request: Any = entry.predict_log.request
    signature = find_signature(servable, request.model_spec.signature_name)
    inputs = read_inputs(request, signature)
    fetches = [signature.outputs[a].tensor_name for a in read_output_filter(request, signature)]
    feeds = [(signature.inputs[alias].tensor_name, value) for alias, value in inputs.items()]
    servable.session.run(feeds, tuple(fetches), False, 0)


def warm_up(servable: Servable, path: str, iterations: int) -> None:
    """Run every record, or nothing when there is no file.

    Raises:
        ServingError: the first failure, which fails the load.
    """
    file = os.path.join(path, FILE)
    if not os.path.exists(file):
        log.info(f"No warmup data file found at {file}")
        return
    log.info(f"Starting to read warmup data for model at {file}")
    started, count = time.perf_counter(), 0
    for record in read_records(file):
        count += 1
        if count > _MOST_RECORDS:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Number of warmup records exceeds the maximum ({_MOST_RECORDS}) at {file}",
            )
        for _ in range(max(iterations, 1)):
            _replay(servable, record)
    micros = int((time.perf_counter() - started) * 1e6)
    log.info(
        f"Finished reading warmup data for model at {file}. "
        f"Number of warmup records read: {count}. Elapsed time (microseconds): {micros}."
    )
