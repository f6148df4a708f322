"""Replaying a version's warm-up requests while it loads.

Source: tensorflow_serving/servables/tensorflow/saved_model_warmup{,_util}.cc. What runs is what
runs for clients, batching included; only the model_spec's name and version are not looked at.
"""

import asyncio
import os
import struct
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import google_crc32c
from google.protobuf.message import DecodeError

from tfdeploy import wire
from tfdeploy.server import log
from tfdeploy.server.hub import Hub
from tfdeploy.server.inference import (
    classify,
    multi_inference,
    prepare_classify,
    prepare_regress,
    read_examples,
    regress,
)
from tfdeploy.server.metrics import LoadMeter
from tfdeploy.server.pending import as_future
from tfdeploy.server.predict_request import find_signature, read_inputs, read_output_filter
from tfdeploy.server.servable import Servable
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.wire import Code

FILE: Final = os.path.join("assets.extra", "tf_serving_warmup_requests")
_MOST_RECORDS: Final = 1000
_LENGTH: Final = struct.Struct("<Q")
_CHECKSUM: Final = struct.Struct("<I")
_HEAD_SIZE: Final = _LENGTH.size + _CHECKSUM.size
_MASK_DELTA: Final = 0xA282EAD8  # tensorflow/core/lib/hash/crc32c.h

Replay = Callable[[Hub, Servable, Any], Coroutine[Any, Any, Any]]
MakeHub = Callable[[], Hub]


class BrokenRecord(ServingError):
    """The file of warm-up requests is no TFRecord file, or ends early."""

    def __init__(self, what: str) -> None:
        super().__init__(
            Code.DATA_LOSS, f"{what}. Please verify your warmup data is in TFRecord format."
        )


def masked_checksum(data: bytes) -> bytes:
    """The checksum that stands behind a length and behind the data of a TFRecord."""
    value = google_crc32c.value(data)
    rotated = value >> 15 | value << 17
    return _CHECKSUM.pack((rotated + _MASK_DELTA) & 0xFFFFFFFF)


def read_records(path: str) -> Iterator[bytes]:
    """The records of a TFRecord file: length, checksum, data, checksum.

    Less than a whole head at the end is no error, as observed of TensorFlow's reader
    (xla/tsl/lib/io/record_reader.cc).

    Raises:
        BrokenRecord: in the place of a record.
    """
    with open(path, "rb") as file:
        at = 0
        while len(head := file.read(_HEAD_SIZE)) == _HEAD_SIZE:
            (size,) = _LENGTH.unpack_from(head)
            if head[_LENGTH.size :] != masked_checksum(head[: _LENGTH.size]):
                hint = "" if at else " (Is this even a TFRecord file?)"
                raise BrokenRecord(f"corrupted record at {at}{hint}")
            rest = min(size, os.path.getsize(path)) + _CHECKSUM.size
            body = file.read(rest)
            if len(body) < rest or len(body) < size:
                short = "failed with Read less bytes than requested"
                raise BrokenRecord(f"truncated record at {at}' {short}")
            if body[size:] != masked_checksum(body[:size]):
                raise BrokenRecord(f"corrupted record at {at + _HEAD_SIZE}")
            yield body[:size]
            at += _HEAD_SIZE + rest


async def _predict(hub: Hub, servable: Servable, request: Any) -> None:
    signature = find_signature(servable, request.model_spec.signature_name)
    inputs = read_inputs(request, signature)
    chosen = read_output_filter(request, signature)
    await hub.predict(servable, signature, inputs, chosen)


async def _classify(hub: Hub, servable: Servable, request: Any) -> None:
    name = request.model_spec.signature_name
    prepare_classify(hub, servable, name)
    await classify(hub, servable, name, read_examples(request.input), 0)


async def _regress(hub: Hub, servable: Servable, request: Any) -> None:
    name = request.model_spec.signature_name
    prepare_regress(hub, servable, name)
    await regress(hub, servable, name, read_examples(request.input), 0)


async def _multi_inference(hub: Hub, servable: Servable, request: Any) -> None:
    await multi_inference(hub, servable, request, 0)


_REPLAYS: Final[dict[str, Replay]] = {
    "predict_log": _predict,
    "classify_log": _classify,
    "regress_log": _regress,
    "multi_inference_log": _multi_inference,
}


def _parse(record: bytes, path: str) -> Any:
    try:
        return wire.PredictionLog.FromString(record)
    except DecodeError:
        text = record.decode("utf-8", "surrogateescape")
        invalid(f"Failed to parse warmup record: {text} from {path}")


async def _replay(hub: Hub, servable: Servable, entry: Any) -> None:
    kind = entry.WhichOneof("log_type")
    if kind is None:
        return
    if kind not in _REPLAYS:
        number = entry.DESCRIPTOR.fields_by_name[kind].number
        raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {number}")
    await as_future(_REPLAYS[kind](hub, servable, getattr(entry, kind).request))


async def _replay_file(
    make_hub: MakeHub, servable: Servable, path: str, iterations: int, loads: LoadMeter
) -> int:
    hub, count, file = make_hub(), 0, os.path.join(path, FILE)
    started = time.perf_counter()
    try:
        for record in read_records(file):
            entry = _parse(record, file)
            for _ in range(iterations):
                await _replay(hub, servable, entry)
            count += 1
            if count > _MOST_RECORDS:
                invalid(f"Number of warmup records exceeds the maximum ({_MOST_RECORDS}) at {file}")
    except BrokenRecord as error:
        micros = (time.perf_counter() - started) * 1e6
        loads.warmed_up(path, f"{error.code.name}: {error.message}", micros, count)
        raise
    finally:
        hub.close()
        servable.forget_meters()
    return count


def warm_up(
    servable: Servable, path: str, iterations: int, make_hub: MakeHub, loads: LoadMeter
) -> None:
    """Run every record, or nothing when there is no file. Call it outside of any event loop.

    Args:
        servable: What to warm up.
        path: The version's folder.
        iterations: How often to run each record.
        make_hub: Makes what runs them, in the event loop that it is called in.
        loads: Counts what was replayed, unless a request failed, as in the original.

    Raises:
        ServingError: the first failure, which fails the load.
    """
    file = os.path.join(path, FILE)
    if not os.path.exists(file):
        log.info(f"No warmup data file found at {file}")
        return
    log.info(f"Starting to read warmup data for model at {file}")
    started = time.perf_counter()
    count = asyncio.run(_replay_file(make_hub, servable, path, iterations, loads))
    micros = int((time.perf_counter() - started) * 1e6)
    loads.warmed_up(path, "OK", micros, count)
    log.info(
        f"Finished reading warmup data for model at {file}. "
        f"Number of warmup records read: {count}. Elapsed time (microseconds): {micros}."
    )
