"""Prometheus metrics under the real server's names.

`table` declares them, `series` counts, `meters` are the handles to count with, `page` merges what
several processes counted and prints it.
"""

import functools
import threading
from typing import Final

from tfdeploy.server.metrics import table
from tfdeploy.server.metrics.meters import (
    OK,
    RUNTIME,
    BatchMeter,
    GraphMeter,
    LoadMeter,
    RequestMeter,
)
from tfdeploy.server.metrics.page import Snapshot, first_value, merge_snapshots, render
from tfdeploy.server.metrics.series import Counter, Histogram, Registry

__all__ = [
    "BatchMeter",
    "GraphMeter",
    "Histogram",
    "LoadMeter",
    "Metrics",
    "RequestMeter",
    "Snapshot",
    "first_value",
    "merge_snapshots",
    "render",
]

_MOST_NAMES: Final = 10_000
_LONGEST_NAME: Final = 256


class Metrics:
    """All metrics of one process.

    Everything but `loads` belongs to the event loop's thread, `snapshot` too.

    Attributes:
        graph: Counts runs of graphs.
        loads: Counts loads and warm-ups, for any thread.
    """

    def __init__(self, most_names: int = _MOST_NAMES) -> None:
        """Nothing is counted yet.

        Args:
            most_names: Series of `request_count` after which failures of further model names,
                which clients make up, are counted under the empty name; so are those of names over
                256 characters.
        """
        self._most_names = most_names
        self._lock = threading.Lock()
        self._registry = registry = Registry()
        self._requests = registry.counters(table.REQUEST_COUNT)
        self._latencies = registry.histograms(table.REQUEST_LATENCY)
        self._runs = registry.histograms(table.RUNTIME_LATENCY)
        self._examples = registry.histograms(table.EXAMPLE_COUNTS)
        self._example_totals = registry.counters(table.EXAMPLE_COUNT_TOTAL)
        self._meters: dict[tuple[str, str, str], RequestMeter] = {}
        self.graph = GraphMeter(registry)
        self.loads = LoadMeter(registry, self._lock)

    def request(self, model: str, api: str, entrypoint: str) -> RequestMeter:
        """The meter for requests of one kind.

        Args:
            model: The name in the request, whether there is such a model or not; empty when the
                request was too malformed to tell.
            api: REST's verb, or gRPC's method; empty for status and metadata.
            entrypoint: `REST` or `GRPC`.
        """
        key = (model, api, entrypoint)
        meter = self._meters.get(key)
        if meter is None:
            # Kept from the first success on: until then the name may be a client's invention.
            meter = RequestMeter(
                functools.partial(self._first_success, key),
                functools.partial(self._failures, _printable(model)),
            )
        return meter

    def run(self, model: str, api: str) -> Histogram:
        """The microseconds of a model's runs for `Predict`, `Classify`, `Regress` or
        `MultiInference`, REST's too; those that failed are not recorded.
        """
        return self._runs.of(model, api, RUNTIME)

    def batching(self, thread_pool: str = "") -> BatchMeter:
        """The meter of one batching thread pool; the original's has an empty name."""
        return BatchMeter(self._registry, thread_pool)

    def count_examples(self, model: str, examples: int) -> None:
        """One MultiInference was answered; no other request is counted here."""
        self._examples.of(model).add(examples)
        self._example_totals.of(model).add(examples)

    def snapshot(self) -> Snapshot:
        """All that was written, as data for `merge_snapshots` and `render`."""
        with self._lock:
            return self._registry.written()

    def _first_success(
        self, key: tuple[str, str, str], meter: RequestMeter
    ) -> tuple[Counter, Histogram]:
        self._meters[key] = meter
        model = _printable(key[0])
        return self._requests.of(model, OK), self._latencies.of(model, *key[1:])

    def _failures(self, model: str, status: str) -> Counter:
        series = self._requests.series
        room = len(series) < self._most_names and len(model) <= _LONGEST_NAME
        if not room and (model, status) not in series:
            model = ""
        return self._requests.of(model, status)


def _printable(model: str) -> str:
    return model.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
