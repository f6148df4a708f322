"""Tasks that wait for their run, and how they come together.

`BatchQueue` follows TensorFlow's SharedBatchScheduler (core/kernels/batching_util/
shared_batch_scheduler.h: AddQueue, ScheduleWithoutOrEagerSplit, ValidateBatchTaskQueueCapacity) for
`--enable_batching`. `JoinQueue` joins whatever waits, and never makes anything wait.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from tfdeploy.server.batching import Batching, check_task, rows_between
from tfdeploy.server.metrics import Histogram
from tfdeploy.server.pending import Pending
from tfdeploy.server.servable import Runner
from tfdeploy.server.status import ServingError, as_serving_error
from tfdeploy.server.tensor import Tensor, byte_size, join_pieces
from tfdeploy.wire import Code

Outputs = list[Tensor]


class Task(Pending[Outputs]):
    """One request's run: awaited by the request, resolved by the scheduler.

    Attributes:
        feeds: Its inputs.
        rows: Their 0th dimension, where the runner joins or batches; else 0.
        nbytes: Size of the inputs.
        timeout_ms: Time limit from `enqueued` on; 0 is none.
        enqueued: When it began to wait, by time.monotonic.
    """

    __slots__ = ("_latency", "enqueued", "feeds", "nbytes", "rows", "timeout_ms")

    def __init__(
        self,
        feeds: Sequence[Tensor],
        rows: int,
        timeout_ms: int,
        enqueued: float,
        latency: Histogram | None = None,
    ) -> None:
        """Make a task that waits.

        Args:
            feeds: Its inputs.
            rows: See the attribute.
            timeout_ms: See the attribute.
            enqueued: See the attribute.
            latency: Gets the microseconds until the result is there.
        """
        super().__init__()
        self.feeds = feeds
        self.rows = rows
        self.nbytes = (
            byte_size(feeds[0]) if len(feeds) == 1 else sum([byte_size(feed) for feed in feeds])
        )
        self.timeout_ms = timeout_ms
        self.enqueued = enqueued
        self._latency = latency

    def deadline(self) -> float:
        """When its time is up, by time.monotonic; infinite without a limit."""
        return self.enqueued + self.timeout_ms / 1000 if self.timeout_ms > 0 else float("inf")

    def set_result(self, value: Outputs) -> None:
        """See `Pending`."""
        if self._latency is not None:
            self._latency.add((time.monotonic() - self.enqueued) * 1e6)
        super().set_result(value)


class Batch:
    """Tasks that run together.

    Attributes:
        runner: What runs them.
        tasks: In the order of their coming.
        rows: Their rows together.
        nbytes: Size of all inputs.
    """

    __slots__ = ("nbytes", "rows", "runner", "tasks")

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.tasks: list[Task] = []
        self.rows = self.nbytes = 0

    def add(self, task: Task) -> None:
        """Put a task behind the others."""
        self.tasks.append(task)
        self.rows += task.rows
        self.nbytes += task.nbytes


class Queue(Protocol):
    """Where the tasks of one runner wait."""

    runner: Runner

    def add(self, task: Task) -> None:
        """Let a task wait, or refuse it with a ServingError."""

    def take(self, now: float, most_rows: int) -> Batch | None:
        """The next batch that may run now, if there is one."""

    def wake_at(self) -> float | None:
        """When the first waiting task may run; 0 is at once, None when nothing waits."""

    def next_batch(self) -> Sequence[Task]:
        """The tasks that the next batch surely has."""


class JoinQueue:
    """Takes what is there, up to some rows; nothing waits for company."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.pause: asyncio.TimerHandle | None = None
        """What ends the time in which the scheduler lets tasks wait for others."""
        self.has_paused = False
        self._tasks: deque[Task] = deque()

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """See `Queue`."""
        self._tasks.append(task)

    def take(self, now: float, most_rows: int) -> Batch | None:
        """See `Queue`. Tasks without rows run one at a time."""
        if not self._tasks:
            return None
        if self.pause is not None:
            self.pause.cancel()
        self.pause, self.has_paused = None, False
        batch = Batch(self.runner)
        batch.add(self._tasks.popleft())
        if batch.rows:
            while self._tasks and batch.rows + self._tasks[0].rows <= most_rows:
                batch.add(self._tasks.popleft())
        return batch

    def put_back(self, batch: Batch) -> None:
        """Let what was taken wait again, before all others."""
        self._tasks.extendleft(reversed(batch.tasks))

    def wake_at(self) -> float | None:
        """See `Queue`."""
        return 0.0 if self._tasks else None

    def next_batch(self) -> Sequence[Task]:
        """See `Queue`."""
        return [self._tasks[0]] if self._tasks else []


class BatchQueue:
    """Batches by the user's BatchingParameters: each waits until it is full or its time is up."""

    def __init__(self, runner: Runner, batching: Batching) -> None:
        self.runner = runner
        self._batching = batching
        self._closed: deque[Batch] = deque()
        self._open = Batch(runner)
        self._opened_at = 0.0

    def add(self, task: Task) -> None:
        """See `Queue`.

        Raises:
            ServingError: INVALID_ARGUMENT, too many rows; UNAVAILABLE, too much waits already.
        """
        check_task(self._batching, task.rows)
        if not self._batching.splits:
            if self._open.rows + task.rows > self._most() and self._open.tasks:
                self._require_room()
                self._close()
            self._put(task)
            return
        self._require_capacity(task.rows)
        for part in self._split(task):
            if self._open.rows + part.rows > self._most():
                self._close()
            self._put(part)

    def take(self, now: float, most_rows: int) -> Batch | None:
        """See `Queue`. The rules say how many rows, not the caller."""
        if self._closed:
            return self._closed.popleft()
        wake_at = self.wake_at()
        if wake_at is None or wake_at > now:
            return None
        self._close()
        return self._closed.popleft()

    def wake_at(self) -> float | None:
        """See `Queue`."""
        if self._closed or (self._open.tasks and self._open.rows >= self._most()):
            return 0.0
        return self._opened_at + self._batching.timeout_seconds if self._open.tasks else None

    def next_batch(self) -> Sequence[Task]:
        """See `Queue`."""
        return self._closed[0].tasks if self._closed else self._open.tasks

    def _most(self) -> int:
        # A negative size is a huge one in the original, where it is unsigned.
        most = self._batching.max_execution_batch_size
        return most if most >= 0 else 2**63

    def _enqueued(self) -> int:
        return len(self._closed) + 1

    def _put(self, task: Task) -> None:
        if not self._open.tasks:
            self._opened_at = task.enqueued
        self._open.add(task)

    def _close(self) -> None:
        self._closed.append(self._open)
        self._open = Batch(self.runner)

    def _require_room(self) -> None:
        most = self._batching.max_enqueued_batches
        if self._enqueued() >= most:
            raise ServingError(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; currently "
                f"{self._enqueued()} batches enqueued and max_enqueued_batches is {most}",
            )

    def _require_capacity(self, rows: int) -> None:
        rules, size = self._batching, self._most()
        free = rules.max_enqueued_batches - self._enqueued()
        capacity = free * size + size - self._open.rows
        if rows > capacity:
            raise ServingError(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; task size "
                f"is {rows} but scheduling capacity is only {capacity} "
                f"(num_enqueued_batches={self._enqueued()}, "
                f"max_enqueued_batches={rules.max_enqueued_batches}, "
                f"open_batch_size={self._open.rows}, max_execution_batch_size={size})",
            )

    def _split(self, task: Task) -> list[Task]:
        size = self._most()
        first = size - self._open.rows
        if task.rows <= first:
            return [task]
        starts = [0, *range(first, task.rows, size)] if first else list(range(0, task.rows, size))
        stops = [*starts[1:], task.rows]
        return _Parts(task).cut(starts, stops)


class _Parts:
    """Puts the results of a split task together again; the first error counts."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._parts: list[Task] = []
        self._left = 0

    def cut(self, starts: list[int], stops: list[int]) -> list[Task]:
        task = self._task
        for start, stop in zip(starts, stops, strict=True):
            feeds = rows_between(task.feeds, start, stop)
            part = Task(feeds, stop - start, task.timeout_ms, task.enqueued)
            part.add_done_callback(self._finished)
            self._parts.append(part)
        self._left = len(self._parts)
        return self._parts

    def _finished(self, _part: object) -> None:
        self._left -= 1
        if self._left:
            return
        try:
            results = [part.outcome() for part in self._parts]
            joined = [join_pieces(pieces) for pieces in zip(*results, strict=True)]
        except Exception as problem:  # parts of other sizes may have outputs that don't fit
            self._task.set_error(as_serving_error(problem))
            return
        self._task.set_result(joined)
