"""Measure what a SavedModel takes of a GPU: ``python -m tfdeploy.exporting.gpu_memory``.

A process of its own, for TensorFlow gives nothing back before it ends. It prints one JSON object
a line (tfdeploy/gpu/profiling.py reads them), and at the end stays until it is ended, so that
NVML can be asked about it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from tfdeploy.exporting.made_up import requests_for
from tfdeploy.savedmodel import Signature, read_saved_model

DEVICE = "GPU:0"
# The first run of a shape tries out several algorithms (autotuning), the second takes the best.
RUNS = 2
Say = Callable[[Mapping[str, Any]], None]


class Meter(Protocol):
    """The pool of one device, in bytes."""

    def now(self) -> int:
        """What is in use."""

    def most(self) -> int:
        """The most that was in use since `begin`."""

    def begin(self) -> None:
        """Measure from here."""


class DeviceMeter:
    """TensorFlow's own count of the pool of the first GPU."""

    def __init__(self, tf: Any) -> None:
        self._config = tf.config.experimental

    def now(self) -> int:
        """What is in use."""
        return int(self._config.get_memory_info(DEVICE)["current"])

    def most(self) -> int:
        """The most that was in use since `begin`."""
        return int(self._config.get_memory_info(DEVICE)["peak"])

    def begin(self) -> None:
        """Measure from here."""
        self._config.reset_memory_stats(DEVICE)


def measure(tf: Any, folder: Path, batches: Iterable[int], meter: Meter, say: Say) -> None:
    """Load a SavedModel and run it with batches of made-up rows; say what each took."""
    signatures = read_saved_model(folder).signatures
    before = meter.now()
    loaded = tf.saved_model.load(str(folder), tags=["serve"])
    say({"event": "loaded", "weights_bytes": meter.now() - before})
    for rows in batches:
        taken = refused = None
        for name, signature in signatures.items():
            try:
                found = _most_taken(tf, loaded.signatures[name], signature, rows, meter)
                taken = max(taken or 0, found)
            except _RefusedError as error:
                refused = f"{name}: {error}"
        if taken is not None:
            say({"event": "ran", "rows": rows, "activation_bytes": taken})
        else:
            why = refused or "the model has no signature"
            say({"event": "refused", "rows": rows, "why": why})


class _RefusedError(Exception):
    """The model took none of the made-up requests."""


def _most_taken(tf: Any, call: Any, signature: Signature, rows: int, meter: Meter) -> int:
    """The most memory beside the weights of the first made-up request that is taken."""
    if rows > 1 and not signature.batchable:
        raise _RefusedError(signature.why_not_batchable)
    candidates = requests_for(signature, rows)
    complaint: str | None = None
    while True:
        try:
            values = candidates.send(complaint)
        except StopIteration:
            raise _RefusedError(complaint or "nobody knows values of such a type") from None
        before = meter.now()
        meter.begin()
        try:
            for _ in range(RUNS):
                call(**{alias: tf.constant(value) for alias, value in values.items()})
            return max(0, meter.most() - before)
        except (tf.errors.OpError, TypeError, ValueError) as error:
            complaint = str(error).splitlines()[0]


def _take_pool(tf: Any, pool_mib: int) -> bool:
    """Take a pool of that size of the one visible GPU, whole, as a server does; False without."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return False
    limit = tf.config.LogicalDeviceConfiguration(memory_limit=pool_mib)
    tf.config.set_logical_device_configuration(gpus[0], [limit])
    with tf.device(DEVICE):
        tf.reduce_sum(tf.random.normal([8, 8])).numpy()
    return True


def _say(what: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(folder: str, pool_mib: str, batches: str) -> None:
    """Measure, say, and stay until ended."""
    _say({"event": "started", "pid": os.getpid()})
    try:
        import tensorflow as tf

        if not _take_pool(tf, int(pool_mib)):
            _say({"event": "failed", "why": "TensorFlow sees no GPU"})
            return
        numbers = [int(word) for word in batches.split(",")]
        measure(tf, Path(folder), numbers, DeviceMeter(tf), _say)
    except Exception as error:
        _say({"event": "failed", "why": f"{type(error).__name__}: {error}"})
        return
    _say({"event": "done"})
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
