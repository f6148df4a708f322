"""A steady load through a gateway, from a process of its own; counts what failed.

``python steady_load.py HOST:PORT RATE``: runs until a line comes on stdin, then prints one JSON
document. REST on kept and on fresh connections, gRPC on one long-lived channel, no retries.
"""

from __future__ import annotations

import http.client
import json
import os
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from tfdeploy import wire

BODY = json.dumps({"instances": [2.0]}).encode()
PATH = "/v1/models/half:predict"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
DT_FLOAT = 1


class Tally:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self._lock = threading.Lock()

    def add(self, kind: str, ask: Callable[[], None]) -> None:
        try:
            ask()
        except Exception as error:
            with self._lock:
                self.counts[f"{kind} failed"] += 1
                self.failures.append(f"{time.time():.3f} {kind}: {error!r}"[:400])
        else:
            with self._lock:
                self.counts[kind] += 1


def check(reply: http.client.HTTPResponse) -> None:
    text = reply.read()
    if reply.status != 200 or json.loads(text) != {"predictions": [2.0]}:
        raise ValueError(f"{reply.status} {text!r}")


class Kept:
    """One connection as long as the server lets it live; a client obeys `Connection: close`."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=20)

    def __call__(self) -> None:
        try:
            self._connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
            check(self._connection.getresponse())
        except Exception:
            self._connection.close()
            raise


def fresh(address: str) -> Callable[[], None]:
    def ask() -> None:
        connection = http.client.HTTPConnection(address, timeout=20)
        try:
            connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
            check(connection.getresponse())
        finally:
            connection.close()

    return ask


def predict_request(rows: int = 1) -> bytes:
    """A PredictRequest to the model `half`."""
    request = wire.PredictRequest()
    request.model_spec.name = "half"
    tensor = request.inputs["x"]
    tensor.dtype = DT_FLOAT
    tensor.tensor_shape.dim.add().size = rows
    tensor.float_val.extend([2.0] * rows)
    data: bytes = request.SerializeToString()
    return data


def over_grpc(address: str) -> Callable[[], None]:
    data = predict_request()
    channel = grpc.insecure_channel(address)
    call = channel.unary_unary(PREDICT)

    def ask() -> None:
        reply: Any = wire.PredictResponse.FromString(call(data, timeout=20))
        (output,) = reply.outputs.values()
        numbers = list(output.float_val) or list(struct.unpack("<f", output.tensor_content))
        if numbers != [2.0]:
            raise ValueError(str(output))

    return ask


@contextmanager
def steady_load(address: str) -> Iterator[dict[str, Any]]:
    """Ask all the while, from another process; what was counted is in the mapping at the end."""
    argv = [sys.executable, __file__, address.removeprefix("http://"), "120"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    counted: dict[str, Any] = {}
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, "GRPC_VERBOSITY": "NONE"},
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "going\n"
            yield counted
            printed, _ = child.communicate("\n", timeout=60)
            counted.update(json.loads(printed))
        finally:
            child.kill()


def main() -> None:
    address, rate = sys.argv[1], float(sys.argv[2])
    tally, over = Tally(), threading.Event()
    asks = [("rest kept", Kept(address)), ("rest kept", Kept(address))]
    asks += [("rest fresh", fresh(address)), ("grpc", over_grpc(address))]

    def run(kind: str, ask: Callable[[], None]) -> None:
        due = time.monotonic()
        while not over.is_set():
            tally.add(kind, ask)
            due = max(due + len(asks) / rate, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))

    threads = [threading.Thread(target=run, args=one) for one in asks]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    print("going", flush=True)
    sys.stdin.readline()
    over.set()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    rate_had = sum(tally.counts.values()) / seconds
    document = {"counts": tally.counts, "failures": tally.failures, "rate": rate_had}
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main()
