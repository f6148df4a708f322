"""How tasks come together: the user's batches, and requests that are merely joined."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tfdeploy.server.batch_queue import BatchQueue, JoinQueue, Task
from tfdeploy.server.batching import Batching
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor
from tfdeploy.wire import Code

pytestmark = pytest.mark.timeout(10)


def task(*values: float, at: float = 0.0) -> Task:
    return Task([Tensor(1, np.array(values, np.float32))], len(values), 0, at)


def runner() -> Any:
    return SimpleNamespace(batching=None)


def queue(**rules: Any) -> BatchQueue:
    return BatchQueue(
        runner(), Batching(**{"max_batch_size": 4, "max_execution_batch_size": 4, **rules})
    )


def rows(batch: Any) -> list[int] | None:
    return [one.rows for one in batch.tasks] if batch else None


def test_a_batch_waits_until_it_is_full_or_its_time_is_up() -> None:
    waiting = queue(timeout_seconds=0.5)
    waiting.add(task(1, at=10.0))
    assert waiting.take(10.4, 99) is None
    assert waiting.wake_at() == 10.5
    assert rows(waiting.take(10.5, 99)) == [1]
    assert waiting.wake_at() is None
    for value in (1, 2, 3, 4):
        waiting.add(task(value, at=11.0))
    assert waiting.wake_at() == 0.0
    assert rows(waiting.take(11.0, 99)) == [1, 1, 1, 1]


def test_a_task_that_does_not_fit_closes_the_batch_before_it() -> None:
    waiting = queue(timeout_seconds=9.0)
    waiting.add(task(1, 2, 3))
    waiting.add(task(4, 5))
    assert rows(waiting.take(0.0, 99)) == [3]
    assert waiting.take(0.0, 99) is None


def test_without_a_timeout_nothing_waits_and_zero_rows_are_answered() -> None:
    waiting = queue()
    waiting.add(task())
    assert rows(waiting.take(0.0, 99)) == [0]


def test_a_full_queue_refuses() -> None:
    waiting = queue(max_enqueued_batches=1)
    waiting.add(task(1, 2, 3))
    with pytest.raises(ServingError) as caught:
        waiting.add(task(4, 5))
    assert caught.value.code == Code.UNAVAILABLE
    assert "currently 1 batches enqueued and max_enqueued_batches is 1" in caught.value.message
    waiting.add(task(6))
    assert rows(waiting.take(0.0, 99)) == [3, 1]


def test_a_task_larger_than_a_batch_is_refused_even_where_tasks_are_split() -> None:
    for splits in (False, True):
        with pytest.raises(ServingError, match="Task size 5 is larger than maximum"):
            queue(splits=splits, max_execution_batch_size=2).add(task(1, 2, 3, 4, 5))


def test_a_task_is_split_and_its_results_come_back_as_one() -> None:
    waiting = queue(splits=True, max_execution_batch_size=2)
    waiting.add(task(0))
    large = task(1, 2, 3, 4)
    waiting.add(large)
    batches = [waiting.take(0.0, 99) for _ in range(3)]
    assert [rows(batch) for batch in batches] == [[1, 1], [2], [1]]
    results: list[Any] = []
    large.add_done_callback(lambda done: results.append(done.outcome()))
    for batch in batches:
        assert batch is not None
        for part in batch.tasks:
            part.set_result([Tensor(1, part.feeds[0].array * 2)])
    assert results[0][0].array.tolist() == [2, 4, 6, 8]


def test_an_error_of_one_part_is_the_error_of_the_task() -> None:
    waiting = queue(splits=True, max_execution_batch_size=2)
    large = task(1, 2, 3)
    waiting.add(large)
    parts = [part for _ in range(2) for part in waiting.take(0.0, 99).tasks]  # type: ignore[union-attr]
    parts[0].set_error(ServingError(Code.INTERNAL, "broken"))
    parts[1].set_result([])
    with pytest.raises(ServingError, match="broken"):
        large.outcome()


def test_capacity_where_tasks_are_split() -> None:
    with pytest.raises(ServingError, match="task size is 1 but scheduling capacity is only 0"):
        queue(splits=True, max_execution_batch_size=0).add(task(1))


def test_joined_tasks_never_wait_and_keep_to_the_limit() -> None:
    joined = JoinQueue(runner())
    for count in (2, 2, 2, 9):
        joined.add(task(*range(count)))
    assert [rows(joined.take(0.0, 4)) for _ in range(4)] == [[2, 2], [2], [9], None]


def test_what_may_not_be_joined_runs_alone() -> None:
    alone = JoinQueue(runner())
    for _ in range(2):
        alone.add(task())
    assert [rows(alone.take(0.0, 64)) for _ in range(2)] == [[0], [0]]
