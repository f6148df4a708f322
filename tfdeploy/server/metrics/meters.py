"""Handles to write metrics with: looked up once, kept by whoever measures.

All but `LoadMeter` belong to the event loop's thread, where nothing is locked. Times are
microseconds.
"""

import threading
from collections.abc import Callable
from typing import Final

from tfdeploy.server.metrics import table
from tfdeploy.server.metrics.series import Counter, Histogram, Registry

OK: Final = "OK"
RUNTIME: Final = "TF1"


class RequestMeter:
    """Counts the requests of one model over one API: all of them, and how long good ones took."""

    __slots__ = ("_count", "_latency", "_on_failure", "_on_first")

    def __init__(
        self,
        on_first: Callable[["RequestMeter"], tuple[Counter, Histogram]],
        on_failure: Callable[[str], Counter],
    ) -> None:
        """The callables give the series, which most of the names that clients make up never need.

        Args:
            on_first: Called with the meter at the first success.
            on_failure: Called with the status of each failure.
        """
        self._on_first = on_first
        self._on_failure = on_failure
        self._count: Counter | None = None
        self._latency: Histogram | None = None

    def ok(self, microseconds: float) -> None:
        """One request was answered after this long."""
        count, latency = self._count, self._latency
        if count is None or latency is None:
            count, latency = self._count, self._latency = self._on_first(self)
        count.value += 1
        latency.add(microseconds)

    def failed(self, status: str) -> None:
        """One request ended with a status such as `NOT_FOUND`; its time is not recorded."""
        self._on_failure(status).value += 1


class GraphMeter:
    """What TensorFlow counts of every run of a graph."""

    def __init__(self, registry: Registry) -> None:
        self._calls = registry.counters(table.DIRECT_SESSION_RUNS).of()
        self._runs = registry.counters(table.GRAPH_RUNS).of()
        self._time = registry.counters(table.GRAPH_RUN_TIME).of()
        self._times = registry.histograms(table.GRAPH_RUN_TIMES).of()
        self._inputs = registry.histograms(table.GRAPH_INPUT_BYTES).of()
        self._outputs = registry.histograms(table.GRAPH_OUTPUT_BYTES).of()

    def started(self, input_bytes: int) -> None:
        """A run begins, and may still fail."""
        self._calls.value += 1
        self._inputs.add(input_bytes)

    def finished(self, microseconds: float, output_bytes: int) -> None:
        """A run brought results. TensorFlow has no clock for what takes no whole microsecond."""
        self._outputs.add(output_bytes)
        whole = int(microseconds)
        if whole > 0:
            self._runs.value += 1
            self._time.value += whole
            self._times.add(whole)


class BatchMeter:
    """Counts what goes through the batching queues of one thread pool."""

    def __init__(self, registry: Registry, thread_pool: str) -> None:
        self._queuing = registry.histograms(table.QUEUING_LATENCY).of(thread_pool)
        self._inputs = registry.histograms(table.INPUT_BATCH_SIZE).of()
        self._processed = registry.histograms(table.PROCESSED_BATCH_SIZE).of()
        self._runs = registry.counters(table.WRAPPED_RUN_COUNT).of()
        self._padding = registry.histograms(table.PADDING_SIZE)
        self._padding_by_size: dict[int, Histogram] = {}

    def accepted(self, rows: int, tensors: int) -> None:
        """A request with so many rows in each of its input tensors goes into a queue."""
        for _ in range(tensors):
            self._inputs.add(rows)

    def dequeued(self, microseconds: float) -> None:
        """A request, or a part of one that was split, waited this long."""
        self._queuing.add(microseconds)

    def merged(self, rows: int, execution_rows: int) -> None:
        """A batch of so many rows is about to run, padded to `execution_rows`."""
        padding = self._padding_by_size.get(execution_rows)
        if padding is None:
            padding = self._padding.of(str(execution_rows))
            self._padding_by_size[execution_rows] = padding
        padding.add(execution_rows - rows)
        self._processed.add(execution_rows)

    def ran(self) -> None:
        """A batch was run, well or not."""
        self._runs.value += 1


class LoadMeter:
    """Counts loads and warm-ups. Any thread may call; `path` is the version's folder."""

    def __init__(self, registry: Registry, lock: threading.Lock) -> None:
        self._lock = lock
        self._attempts = registry.counters(table.LOAD_ATTEMPT_COUNT)
        self._latency = registry.counters(table.LOAD_LATENCY)
        self._stages = registry.histograms(table.LOAD_LATENCY_BY_STAGE)
        self._warmups = registry.histograms(table.WARMUP_LATENCY)
        self._records = registry.counters(table.WARMUP_RECORDS)
        self._session = registry.gauges(table.SESSION_CREATED)

    def loaded(self, path: str, restore_microseconds: float, init_microseconds: float) -> None:
        """A version was loaded.

        Args:
            path: The version's folder.
            restore_microseconds: What TensorFlow took for it.
            init_microseconds: What it took from there to signatures that can be called.
        """
        with self._lock:
            self._attempts.of(path, "success").add()
            self._latency.of(path).add(int(restore_microseconds + init_microseconds))
            self._stages.of(path, "restore_graph").add(restore_microseconds)
            self._stages.of(path, "init_graph").add(init_microseconds)
            # The original's is a truth value, which its page shows as 0.
            self._session.of().set(0)

    def failed(self, path: str, microseconds: float) -> None:
        """TensorFlow could not load a version, and found out after this long."""
        with self._lock:
            self._attempts.of(path, "fail").add()
            self._latency.of(path).add(int(microseconds))

    def warmed_up(self, path: str, status: str, microseconds: float, records: int) -> None:
        """The warm-up records were read to their end, or to a broken one.

        Args:
            path: The version's folder.
            status: `OK`, or the error as text.
            microseconds: What it took.
            records: How many were replayed.
        """
        with self._lock:
            self._warmups.of(path, status).add(microseconds)
            self._records.of(path, status).add(records)
