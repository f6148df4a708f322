"""The one place where a run of a model is scheduled.

A run that is known to be short goes on the event loop, because a hop to a thread costs more than
it; any other goes to a pool of threads, where a time limit holds. Requests for one runner that come
in the same turn of the event loop, or while all threads are busy, run as one where rows are known
not to touch each other. With `--enable_batching` the user's rules decide instead.
"""

import asyncio
import os
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from tfdeploy.server import log
from tfdeploy.server.batch_queue import (
    Batch,
    BatchQueue,
    JoinQueue,
    Outputs,
    Queue,
    Task,
)
from tfdeploy.server.batching import cut, merge, rows_of
from tfdeploy.server.metrics import Metrics
from tfdeploy.server.run_times import bound, estimate_seconds, fitting_rows, learn
from tfdeploy.server.servable import Runner
from tfdeploy.server.status import ServingError, as_serving_error
from tfdeploy.server.tensor import Tensor, byte_size
from tfdeploy.wire import Code

_LONGEST_INLINE_SECONDS: Final = 0.001
_CLOCK_SECONDS: Final = 0.0005  # timers of an event loop are this coarse
_CORES_OF_A_JOINED_RUN: Final = 4
_PAUSE_SHARE: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 0.005
_MOST_JOINED_ROWS_OF_A_LONG_RUN: Final = 8


class _Lane(NamedTuple):
    """Runs that share a number of threads; `key` says which."""

    key: Hashable
    threads: int


class _Outcome(NamedTuple):
    """What came of a batch: outputs for each of its tasks, or an error for all of them.

    Attributes:
        outputs: For each task; empty after an error.
        error: What went wrong.
        seconds: How long the run took.
        rows: Rows that went in, with padding.
        output_bytes: Size of what came out.
    """

    outputs: list[Outputs]
    error: ServingError | None
    seconds: float = 0.0
    rows: int = 0
    output_bytes: int = 0


class Scheduler:
    """Runs servables for one event loop; every method is called in its thread."""

    def __init__(
        self,
        threads: int,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        cores: int | None = None,
    ) -> None:
        """Make an idle scheduler.

        Args:
            threads: How many runs of unknown length may be under way at once.
            metrics: Where runs and batches are counted.
            clock: Seconds, as by time.monotonic.
            cores: Of the machine, unless they are to be counted.
        """
        self._clock = clock
        self._graph = metrics.graph
        self._batches = metrics.batching()
        cores = cores or os.cpu_count() or 1
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(max(threads, cores) + 64, thread_name_prefix="run")
        self._run_lane = _Lane("runs", cores)
        # What waits for one of these runs joins the next, which gains more than another thread.
        self._joined_threads = max(1, cores // _CORES_OF_A_JOINED_RUN)
        self._loop_lane = _Lane("loops", max(threads, cores))
        self._running: dict[Hashable, int] = {}
        self._queues: dict[Any, Queue] = {}
        self._is_woken = False
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, runner: Runner, feeds: Sequence[Tensor], timeout_ms: int) -> Task:
        """Run something of a version that the caller holds until the task is done.

        Args:
            runner: What to run.
            feeds: A value for each of its feeds.
            timeout_ms: Time limit; 0 is none. No limit holds for runs that are known to be short.

        Raises:
            ServingError: the batch is refused. Later errors come with the task.
        """
        # Only requests of one kind are joined, so each kind has a queue of its own.
        kind: Any = tuple([(feed.dtype, _inner(feed)) for feed in feeds])
        if runner.batching is not None:
            rows = rows_of(feeds)
            self._batches.accepted(rows, len(feeds))
            kind = tuple([feed.dtype for feed in feeds])
        else:
            rows = _joint_rows(feeds) if runner.joins(kind) else 0
        task = Task(feeds, rows, timeout_ms, self._clock(), runner.latency)
        if not rows and runner.batching is None:
            return self._submit_alone(runner, task)
        self._enqueue((runner, kind), runner, task)
        return task

    def close(self) -> None:
        """Take no more runs; what runs is left to the end of the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit_alone(self, runner: Runner, task: Task) -> Task:
        batch = Batch(runner)
        batch.add(task)
        if self._is_short(runner, batch.nbytes):
            self._run_inline(batch)
        else:
            self._enqueue((runner, None), runner, task)
        return task

    def _enqueue(self, key: Any, runner: Runner, task: Task) -> None:
        queue = self._queues.get(key)
        if queue is None:
            rules = runner.batching
            queue = JoinQueue(runner) if rules is None else BatchQueue(runner, rules)
            queue.add(task)
            self._queues[key] = queue
        else:
            queue.add(task)
        self._wake()

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Start whatever may run now, in turn over all queues."""
        self._is_woken = False
        now = self._clock() + _CLOCK_SECONDS
        while self._start_one_of_each(now):
            pass
        wake_at = [at for queue in self._queues.values() if (at := queue.wake_at()) and at > now]
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(min(wake_at) - now, self._wake) if wake_at else None

    def _start_one_of_each(self, now: float) -> bool:
        progress = False
        for key, queue in list(self._queues.items()):
            batch = self._take(queue, now)
            if batch is not None:
                progress = True
                self._start(batch)
            if queue.wake_at() is None:
                del self._queues[key]
            elif batch is not None:
                self._queues[key] = self._queues.pop(key)  # the others are served first now
        return progress

    def _take(self, queue: Queue, now: float) -> Batch | None:
        runner, tasks = queue.runner, queue.next_batch()
        seconds = estimate_seconds(runner.seconds, sum([task.nbytes for task in tasks]))
        if seconds < _LONGEST_INLINE_SECONDS and not runner.servable.may_loop:
            return self._take_short(queue, now, tasks, seconds)
        if not self._has_thread(runner):
            return None  # the end of a run wakes the scheduler
        if isinstance(queue, JoinQueue) and self._is_worth_a_pause(queue, seconds):
            return None
        batch = queue.take(now, _MOST_JOINED_ROWS_OF_A_LONG_RUN)
        if batch is not None:
            runner.last_tasks = len(batch.tasks)
        return batch

    def _take_short(
        self, queue: Queue, now: float, tasks: Sequence[Task], seconds: float
    ) -> Batch | None:
        """A batch whose first tasks are known to be short.

        Joined they may turn out to be long; with all threads busy the first one goes alone then.
        """
        rows = sum([task.rows for task in tasks])
        nbytes = sum([task.nbytes for task in tasks])
        batch = queue.take(now, fitting_rows(queue.runner.seconds, nbytes, rows, seconds))
        if batch is None or not isinstance(queue, JoinQueue):
            return batch
        if self._is_short(batch.runner, batch.nbytes) or self._has_thread(batch.runner):
            return batch
        queue.put_back(batch)
        return queue.take(now, rows)

    def _has_thread(self, runner: Runner) -> bool:
        lane = self._lane(runner)
        return self._running.get(lane.key, 0) < lane.threads

    def _is_worth_a_pause(self, queue: JoinQueue, seconds: float) -> bool:
        """Whether to give the clients of the run before a moment to send their next requests.

        Without it two groups form that never meet: one waits while the other one runs.
        """
        if queue.has_paused or len(queue) >= queue.runner.last_tasks:
            return False
        if queue.pause is None:
            pause = min(seconds * _PAUSE_SHARE, _LONGEST_PAUSE_SECONDS)
            queue.pause = self._loop.call_later(pause, self._end_pause, queue)
        return True

    def _end_pause(self, queue: JoinQueue) -> None:
        # Not by the clock: timers may come before their time by it, and none comes again.
        queue.has_paused = True
        self._wake()

    def _lane(self, runner: Runner) -> _Lane:
        if runner.batching is not None:
            return _Lane("batches", runner.batching.num_batch_threads)
        if runner.ports is not None:
            return _Lane(runner, self._joined_threads)
        return self._loop_lane if runner.servable.may_loop else self._run_lane

    def _is_short(self, runner: Runner, nbytes: int) -> bool:
        if runner.servable.may_loop:
            return False
        return estimate_seconds(runner.seconds, nbytes) < _LONGEST_INLINE_SECONDS

    def _start(self, batch: Batch) -> None:
        now = self._clock()
        if batch.runner.batching is not None:
            for task in batch.tasks:
                self._batches.dequeued((now - task.enqueued) * 1e6)
        timeout_ms = _time_left_ms(batch, now)
        if timeout_ms is None:
            text = "Run() timeout exceeded while waiting in batching queue"
            _settle(batch, _Outcome([], ServingError(Code.RESOURCE_EXHAUSTED, text)))
        elif self._is_short(batch.runner, batch.nbytes):
            self._run_inline(batch)
        else:
            self._run_in_pool(batch, timeout_ms)

    def _run_inline(self, batch: Batch) -> None:
        outcome = _run(batch, True, 0)
        self._deliver_or_part(batch, outcome)

    def _run_in_pool(self, batch: Batch, timeout_ms: int) -> None:
        lane = self._lane(batch.runner).key
        self._running[lane] = self._running.get(lane, 0) + 1
        self._pool.submit(self._run_in_thread, batch, lane, timeout_ms)

    def _run_in_thread(self, batch: Batch, lane: Hashable, timeout_ms: int) -> None:
        outcome = _run(batch, False, timeout_ms)
        self._loop.call_soon_threadsafe(self._finished, batch, lane, outcome)

    def _finished(self, batch: Batch, lane: Hashable, outcome: _Outcome) -> None:
        self._running[lane] -= 1
        if not self._running[lane]:
            del self._running[lane]
        if self._queues:
            self._wake()
        self._deliver_or_part(batch, outcome)

    def _deliver_or_part(self, batch: Batch, outcome: _Outcome) -> None:
        if not _is_to_be_parted(batch, outcome):
            self._deliver(batch, outcome)
            return
        for task in batch.tasks:
            task.rows = 0  # never to be joined again
            self._submit_alone(batch.runner, task)

    def _deliver(self, batch: Batch, outcome: _Outcome) -> None:
        self._graph.started(batch.nbytes)
        if outcome.error is None:
            self._graph.finished(outcome.seconds * 1e6, outcome.output_bytes)
        if batch.runner.batching is not None:
            self._batches.merged(batch.rows, outcome.rows)
            self._batches.ran()
        _settle(batch, outcome)


def _inner(feed: Tensor) -> tuple[int, ...] | None:
    return feed.array.shape[1:] if feed.array.ndim else None


def _joint_rows(feeds: Sequence[Tensor]) -> int:
    """The rows by which a request may be joined with others; 0 when it runs alone."""
    rows: int = feeds[0].array.shape[0]
    if len(feeds) == 1:
        return rows
    return rows if all(feed.array.shape[0] == rows for feed in feeds) else 0


def _time_left_ms(batch: Batch, now: float) -> int | None:
    """The time limit of a run; 0 is none, and None when all its tasks waited for too long.

    Source: tensorflow_serving/batching/batching_session.cc: ProcessBatch. Without batching the
    limit is one of the run alone.
    """
    if batch.runner.batching is None:
        limits = [task.timeout_ms for task in batch.tasks]
        return 0 if 0 in limits else max(limits)
    latest = max(task.deadline() for task in batch.tasks)
    if latest == float("inf"):
        return 0
    return max(1, int((latest - now) * 1000)) if latest > now else None


def _run(batch: Batch, inline: bool, timeout_ms: int) -> _Outcome:
    runner, padded = batch.runner, batch.rows
    started = time.perf_counter()
    try:
        feeds, padded = _merged(batch)
        outputs = runner.call.run(feeds, inline, timeout_ms)
        seconds = time.perf_counter() - started
        learn(runner.seconds, batch.nbytes, seconds)
        if len(batch.tasks) > 1:
            bound(runner.seconds, batch.tasks[0].nbytes, seconds)
        results = [outputs]
        if len(batch.tasks) > 1 or runner.batching is not None:
            results = list(cut(outputs, padded, [task.rows for task in batch.tasks]))
        return _Outcome(results, None, seconds, padded, sum([byte_size(one) for one in outputs]))
    except Exception as problem:
        error = as_serving_error(problem)
        if error is not problem:
            log.error(f"Run of {runner.servable} failed unexpectedly: {problem!r}")
        # Without its traceback, or it and this frame with the tensors would hold each other.
        seconds = time.perf_counter() - started
        return _Outcome([], error.with_traceback(None), seconds, padded)


def _merged(batch: Batch) -> tuple[Sequence[Sequence[Tensor]], int]:
    rules = batch.runner.batching
    tasks = [task.feeds for task in batch.tasks]
    if rules is not None:
        return merge(rules, batch.runner.feeds, tasks, batch.rows)
    return list(zip(*tasks, strict=True)), batch.rows


def _is_to_be_parted(batch: Batch, outcome: _Outcome) -> bool:
    """One request's error is no other's, unless the user asked for batches."""
    return outcome.error is not None and len(batch.tasks) > 1 and batch.runner.batching is None


def _settle(batch: Batch, outcome: _Outcome) -> None:
    for position, task in enumerate(batch.tasks):
        try:
            if outcome.error is not None:
                task.set_error(outcome.error)
            else:
                task.set_result(outcome.outputs[position])
        except Exception as problem:
            log.error(f"A reply could not be made: {problem!r}")
