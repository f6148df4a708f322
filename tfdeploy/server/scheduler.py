"""The one place where a run of a model is scheduled.

A run that is known to be short goes on the event loop, because a hop to a thread costs more than
it; any other goes to a pool of threads, where a time limit holds. Joining concurrent requests
into batches belongs here.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tfdeploy.server.batching import (
    Batching,
    allowed_size,
    check_task,
    cut,
    join,
    pad,
    rows_of,
    split,
)
from tfdeploy.server.metrics import Metrics
from tfdeploy.server.servable import Servable
from tfdeploy.server.tensor import Tensor, byte_size

_LONGEST_INLINE_SECONDS: Final = 0.001
_NEWEST_SHARE: Final = 0.5
_MOST_ESTIMATES: Final = 4096

Feeds = Mapping[str, Tensor]


class Scheduler:
    """Runs servables for coroutines of one event loop."""

    def __init__(self, threads: int, metrics: Metrics) -> None:
        self._graph = metrics.graph
        self._batches = metrics.batching()
        self._pool = ThreadPoolExecutor(max(threads, 1), thread_name_prefix="run")

    async def run(
        self, servable: Servable, feeds: Feeds, fetches: tuple[str, ...], timeout_ms: int
    ) -> list[Tensor]:
        """Run a servable, which the caller has taken.

        Args:
            servable: What to run.
            feeds: Values by tensor name.
            fetches: Tensor names to return.
            timeout_ms: Time limit; 0 is none.

        Raises:
            ServingError: the batch is refused, or TensorFlow's error.
        """
        if servable.batching is not None:
            return await self._run_batch(servable, servable.batching, feeds, fetches, timeout_ms)
        return await self._run_once(servable, feeds, fetches, timeout_ms)

    def close(self) -> None:
        """Take no more runs; what runs is left to the end of the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run_once(
        self, servable: Servable, feeds: Feeds, fetches: tuple[str, ...], timeout_ms: int
    ) -> list[Tensor]:
        items = list(feeds.items())
        self._graph.started(sum(byte_size(tensor) for _, tensor in items))
        started = time.perf_counter()
        outputs = await self._run_items(servable, items, fetches, timeout_ms)
        microseconds = (time.perf_counter() - started) * 1e6
        self._graph.finished(microseconds, sum(map(byte_size, outputs)))
        return outputs

    async def _run_items(
        self,
        servable: Servable,
        items: Sequence[tuple[str, Tensor]],
        fetches: tuple[str, ...],
        timeout_ms: int,
    ) -> list[Tensor]:
        # Time grows with the batch, so each size class of the inputs has its own estimate.
        key = (fetches, sum(tensor.array.nbytes for _, tensor in items).bit_length())
        short = servable.run_seconds.get(key, 1.0) < _LONGEST_INLINE_SECONDS
        inline = short and not servable.may_loop
        if inline:
            return _timed(key, servable, items, fetches, True, timeout_ms)
        # A client that hangs up ends the request, not the run: the run holds the version itself.
        servable.hold()
        future = self._pool.submit(_timed, key, servable, items, fetches, False, timeout_ms)
        future.add_done_callback(lambda _: servable.give_back())
        return await asyncio.wrap_future(future)

    async def _run_batch(
        self,
        servable: Servable,
        batching: Batching,
        feeds: Feeds,
        fetches: tuple[str, ...],
        timeout_ms: int,
    ) -> list[Tensor]:
        rows = rows_of(feeds)
        self._batches.accepted(rows, len(feeds))
        check_task(batching, rows)
        enqueued = time.perf_counter()
        results = []
        for part, count in split(batching, feeds, rows):
            size = allowed_size(batching, count)
            padded = {name: pad(tensor, size) for name, tensor in part.items()}
            self._batches.dequeued((time.perf_counter() - enqueued) * 1e6)
            self._batches.merged(count, size)
            try:
                outputs = await self._run_once(servable, padded, fetches, timeout_ms)
            finally:
                self._batches.ran()
            results.append(cut(outputs, size if count else 0, count))
        return join(results)


def _timed(
    key: tuple[tuple[str, ...], int],
    servable: Servable,
    items: Sequence[tuple[str, Tensor]],
    fetches: tuple[str, ...],
    inline: bool,
    timeout_ms: int,
) -> list[Tensor]:
    started = time.perf_counter()
    outputs = servable.session.run(items, fetches, inline, timeout_ms)
    seconds = time.perf_counter() - started
    if len(servable.run_seconds) > _MOST_ESTIMATES:
        servable.run_seconds.clear()  # output filters of clients make the keys
    before = servable.run_seconds.get(key, seconds)
    servable.run_seconds[key] = before + (seconds - before) * _NEWEST_SHARE
    return outputs
