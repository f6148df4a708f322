"""`--enable_batching`: the user's rules decide, and time limits count the wait."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from tests.server.fake_graph import LONG, SHORT, Doubler, column, make_runner, outcome, turns, until
from tfdeploy.server.batching import Batching
from tfdeploy.server.metrics import Metrics
from tfdeploy.server.scheduler import Scheduler
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor

pytestmark = pytest.mark.timeout(30)

FOREVER = 3600.0
LATE = "RESOURCE_EXHAUSTED: Run() timeout exceeded while waiting in batching queue"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(main)


def rules(**more: Any) -> Batching:
    return Batching(**{"max_batch_size": 4, "max_execution_batch_size": 4, **more})


def batched(call: Doubler, seconds: float = LONG, **more: Any) -> Any:
    return make_runner(call, seconds, ports=None, batching=rules(**more))


def test_a_full_batch_runs_and_a_partial_one_waits_for_its_time() -> None:
    async def main() -> list[int]:
        call, clock = Doubler(), Clock()
        one, runner = Scheduler(1, Metrics(), clock), batched(call, timeout_seconds=0.02)
        tasks = [one.submit(runner, column(value), 0) for value in range(5)]
        for task in tasks[:4]:
            await outcome(task)
        await turns()
        assert call.rows == [4]
        clock.now += 1.0
        assert await outcome(tasks[4]) == [8]
        return call.rows

    assert run(main()) == [4, 1]


@pytest.mark.parametrize("seconds", [SHORT, LONG])
def test_an_error_is_the_whole_batchs(seconds: float) -> None:
    async def main() -> tuple[list[Any], list[int]]:
        call = Doubler()
        one, runner = Scheduler(1, Metrics()), batched(call, seconds, timeout_seconds=FOREVER)
        tasks = [one.submit(runner, column(value), 0) for value in (1, 2, -3, 4)]
        return [await outcome(task) for task in tasks], call.rows

    found, rows = run(main())
    assert found == ["INVALID_ARGUMENT: negative: -3.0"] * 4
    assert rows == [4]


@pytest.mark.parametrize("seconds", [SHORT, LONG])
def test_a_batch_whose_tasks_all_waited_too_long_does_not_run(seconds: float) -> None:
    async def main() -> tuple[list[Any], list[int]]:
        call, clock = Doubler(), Clock()
        one, runner = Scheduler(1, Metrics(), clock), batched(call, seconds, timeout_seconds=0.01)
        tasks = [one.submit(runner, column(1), limit) for limit in (100, 300)]
        await turns()
        clock.now += 2.0
        return [await outcome(task) for task in tasks], call.rows

    assert run(main()) == ([LATE, LATE], [])


def test_the_latest_deadline_counts() -> None:
    async def main(*limits: int) -> list[tuple[int, bool, int]]:
        call, clock = Doubler(), Clock()
        one, runner = Scheduler(1, Metrics(), clock), batched(call, timeout_seconds=0.01)
        tasks = [one.submit(runner, column(1), limit) for limit in limits]
        await turns()
        clock.now += 2.0
        assert [await outcome(task) for task in tasks] == [[2], [2]]
        return call.runs

    ((rows, _, left),) = run(main(100, 5000))
    assert rows == 2
    assert left in (2999, 3000)
    assert run(main(100, 0)) == [(2, False, 0)]


def test_no_more_batches_at_once_than_threads_over_all_models() -> None:
    async def main() -> int:
        call = Doubler()
        call.gate.clear()
        one = Scheduler(9, Metrics(), cores=8)
        runners = [batched(call, num_batch_threads=2) for _ in range(4)]
        tasks = [one.submit(runner, column(1, 2, 3, 4), 0) for runner in runners for _ in range(2)]
        await until(lambda: len(call.runs) == 2)
        await turns()
        call.gate.set()
        for task in tasks:
            assert await outcome(task) == [2, 4, 6, 8]
        return call.most_at_once

    assert run(main()) == 2


def test_a_request_is_split_over_batches_and_comes_back_whole() -> None:
    async def main() -> tuple[list[Any], list[int]]:
        call = Doubler()
        split = rules(splits=True, max_batch_size=9, timeout_seconds=FOREVER)
        one, runner = Scheduler(1, Metrics()), make_runner(call, SHORT, None, split)
        tasks = [one.submit(runner, column(*range(count)), 0) for count in (3, 9)]
        return [await outcome(task) for task in tasks], call.rows

    found, rows = run(main())
    assert found == [[0, 2, 4], [0, 2, 4, 6, 8, 10, 12, 14, 16]]
    assert rows == [4, 4, 4]


def test_parts_whose_outputs_do_not_fit_are_an_error() -> None:
    class Widening(Doubler):
        """As wide as the batch is long."""

        def compute(self, joined: Tensor) -> list[Tensor]:
            rows = joined.array.shape[0]
            return [Tensor(joined.dtype, np.ones((rows, rows), np.float32))]

    async def main() -> Any:
        split = rules(splits=True, max_batch_size=9)
        one, runner = Scheduler(1, Metrics()), make_runner(Widening(), SHORT, None, split)
        return await outcome(one.submit(runner, column(*range(7)), 0))

    assert str(run(main())).startswith("INTERNAL: ")


def test_a_refused_request_leaves_nothing_behind() -> None:
    async def main() -> int:
        one, runner = Scheduler(1, Metrics()), batched(Doubler())
        with pytest.raises(ServingError, match="Task size 5 is larger"):
            one.submit(runner, column(1, 2, 3, 4, 5), 0)
        return len(one._queues)

    assert run(main()) == 0


def test_metrics_count_batches_once_and_requests_each() -> None:
    async def main() -> Any:
        metrics = Metrics()
        one = Scheduler(1, metrics)
        runner = batched(Doubler(), allowed_batch_sizes=(4,))
        tasks = [one.submit(runner, column(value), 0) for value in (1, 2, 3)]
        for task in tasks:
            await outcome(task)
        return metrics.snapshot()

    snapshot = run(main())
    found = {name.rpartition("/")[2]: series[0][1] for name, series in snapshot.items()}
    assert found["direct_session_runs"] == [1]
    assert found["wrapped_run_count"] == [1]
    assert sum(found["queuing_latency"][:-1]) == 3
    assert (sum(found["input_batch_size"][:-1]), found["input_batch_size"][-1]) == (3, 3)
    assert (sum(found["padding_size"][:-1]), found["padding_size"][-1]) == (1, 1)
    assert (sum(found["processed_batch_size"][:-1]), found["processed_batch_size"][-1]) == (1, 4)
