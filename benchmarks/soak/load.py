"""Client processes: threads that send requests at a steady pace until they are told to stop."""

from __future__ import annotations

import multiprocessing
import os
import queue
import random
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soak.observation import Observation

_THREADS = {"rest": 5, "grpc": 3}
_REST_SHARE = 0.65
_PAUSE_ON_FAILURE_SECONDS = 0.2
_LONGEST_STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Load:
    """What the clients do.

    Attributes:
        rest_port: Where REST is.
        grpc_port: Where gRPC is.
        weights: The MLP's weights, an npz file.
        rate: Requests a second, of all clients together.
        processes: How many client processes.
        seed: Of all that they choose.
    """

    rest_port: int
    grpc_port: int
    weights: Path
    rate: float
    processes: int
    seed: int


class Clients:
    """The running client processes."""

    def __init__(self, load: Load) -> None:
        """Start them. They end when this process does."""
        context = multiprocessing.get_context("spawn")
        self.observations: Any = context.Queue()
        self._stopping = context.Event()
        self._processes = [
            context.Process(
                target=run_client,
                args=(load, number, self._stopping, self.observations),
                daemon=True,
            )
            for number in range(load.processes)
        ]
        for process in self._processes:
            process.start()

    def dead(self) -> list[int]:
        """Exit codes of the clients that ended without being told to."""
        return [p.exitcode for p in self._processes if p.exitcode not in (None, 0)]

    def stop(self) -> None:
        """Tell them to stop. `is_done` says when they did."""
        self._stopping.set()
        self._deadline = time.monotonic() + _LONGEST_STOP_SECONDS

    def is_done(self) -> bool:
        """Whether all of them ended; the stubborn are killed."""
        if time.monotonic() > self._deadline:
            for process in self._processes:
                process.kill()
        return not any(process.is_alive() for process in self._processes)


def take_all(observations: Any, wait_seconds: float) -> list[Observation]:
    """What the clients have seen since; waits a while for the first."""
    taken: list[Observation] = []
    try:
        taken += observations.get(timeout=wait_seconds)
        while True:
            taken += observations.get_nowait()
    except queue.Empty:
        return taken


def run_client(load: Load, number: int, stopping: Any, observations: Any) -> None:
    """The life of one client process."""
    parent = os.getppid()
    box: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    stopped = threading.Event()
    threads = [
        threading.Thread(target=_work, args=(load, api, seed, stopped, box))
        for seed, api in _seeds(load, number)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.2)
        if os.getppid() != parent:
            os._exit(1)
        if stopping.is_set():
            stopped.set()
        _forward(box, observations)
    _forward(box, observations)


def _seeds(load: Load, number: int) -> list[tuple[int, str]]:
    apis = [api for api, count in _THREADS.items() for _ in range(count)]
    return [(load.seed + 1000 * number + index, api) for index, api in enumerate(apis)]


def _forward(box: queue.SimpleQueue[Observation], observations: Any) -> None:
    batch = []
    while not box.empty():
        batch.append(box.get())
    if batch:
        observations.put(batch)


def _make_client(load: Load, api: str, seed: int) -> tuple[Any, Mapping[Callable[..., Any], float]]:
    weights = dict(np.load(load.weights))
    if api == "rest":
        from soak import rest_abuse, rest_requests
        from soak.rest_client import RestClient

        chosen = {**rest_requests.REQUESTS, **rest_abuse.ABUSE}
        return RestClient(load.rest_port, weights, seed), chosen
    from soak import grpc_requests
    from soak.grpc_client import GrpcClient

    return GrpcClient(load.grpc_port, weights, seed), grpc_requests.REQUESTS


def _work(
    load: Load,
    api: str,
    seed: int,
    stopped: threading.Event,
    box: queue.SimpleQueue[Observation],
) -> None:
    client, requests = _make_client(load, api, seed)
    share = _REST_SHARE if api == "rest" else 1 - _REST_SHARE
    pause = _THREADS[api] * load.processes / (load.rate * share)
    dice = random.Random(seed)
    kinds, shares = list(requests), list(requests.values())
    due = time.monotonic() + dice.random() * pause
    while not stopped.wait(max(due - time.monotonic(), 0)):
        # A client that fell behind does not catch up: the load is bounded.
        due = max(due + pause, time.monotonic())
        kind = dice.choices(kinds, shares)[0]
        try:
            seen = kind(client)
        except Exception:
            seen = [Observation(kind.__name__, "wrong", note=traceback.format_exc())]
        for observation in seen:
            box.put(observation)
        if any(observation.outcome in ("lost", "wrong") for observation in seen):
            time.sleep(_PAUSE_ON_FAILURE_SECONDS)
