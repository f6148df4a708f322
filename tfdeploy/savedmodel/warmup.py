"""Warm-up requests: how many lie beside a model, and whether the server would take the file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
# A TFRecord: length, the length's checksum, data, the data's checksum.
_HEAD = struct.Struct("<QI")
_CHECKSUM_SIZE = 4
_MOST_RECORDS = 1000


@dataclass(frozen=True)
class Warmup:
    """``records`` whole ones; ``problem`` says in words why loading would fail, or is empty."""

    records: int
    problem: str = ""


def read_warmup(folder: Path) -> Warmup:
    """Count the records of ``assets.extra/tf_serving_warmup_requests`` by their lengths alone.

    A file that is cut short, and more than 1000 records, fail the load of the whole model
    (TensorFlow Serving, servables/tensorflow/saved_model_warmup_util.cc).
    """
    try:
        with (folder / WARMUP_FILE).open("rb") as file:
            size = file.seek(0, 2)
            records, place = 0, file.seek(0)
            while place < size:
                head = file.read(_HEAD.size)
                if len(head) < _HEAD.size:
                    return Warmup(records, "its last record is cut short")
                place += _HEAD.size + _HEAD.unpack(head)[0] + _CHECKSUM_SIZE
                if place > size:
                    return Warmup(records, f"it breaks off in record {records + 1}")
                records, place = records + 1, file.seek(place)
    except FileNotFoundError:
        return Warmup(0)
    except OSError as error:
        return Warmup(0, f"it can't be read: {error.strerror or error}")
    many = records > _MOST_RECORDS
    return Warmup(records, f"it holds {records} records, {_MOST_RECORDS} at most" if many else "")
