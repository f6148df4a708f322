"""How requests come to their runs: together, alone, and in which order."""

import asyncio
import functools
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from tests.server.fake_graph import (
    COLUMN,
    LONG,
    Doubler,
    Summer,
    column,
    make_runner,
    outcome,
    turns,
    until,
)
from tfdeploy.server.metrics import Metrics
from tfdeploy.server.run_times import estimate_seconds, learn
from tfdeploy.server.scheduler import Scheduler
from tfdeploy.server.signature import Port
from tfdeploy.server.tensor import Tensor
from tfdeploy.wire import DataType

pytestmark = pytest.mark.timeout(30)

FLOAT = int(DataType.DT_FLOAT)


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(main)


def scheduler(cores: int = 1, threads: int = 1, **more: Any) -> Scheduler:
    return Scheduler(threads, more.pop("metrics", Metrics()), cores=cores, **more)


async def answers(runner: Any, requests: list[list[Tensor]], cores: int = 1) -> list[Any]:
    """Send requests in one turn of the loop."""
    one = scheduler(cores)
    tasks = [one.submit(runner, feeds, 0) for feeds in requests]
    return [await outcome(task) for task in tasks]


def test_requests_of_one_turn_run_as_one() -> None:
    call = Doubler()
    found = run(answers(make_runner(call), [column(1), column(2, 3), column(4)]))
    assert found == [[2], [4, 6], [8]]
    assert call.runs == [(4, True, 0)]


def test_requests_of_several_turns_do_not_wait_for_each_other() -> None:
    async def main() -> list[int]:
        call = Doubler()
        one, runner = scheduler(), make_runner(call)
        for value in (1, 2):
            assert await outcome(one.submit(runner, column(value), 0)) == [2 * value]
        return call.rows

    assert run(main()) == [1, 1]


def test_kinds_that_differ_run_apart() -> None:
    call = Doubler()
    free = make_runner(call, ports=[Port("x:0", FLOAT, (-1, -1))])
    shapes = [(1, 2), (1, 3), (2, 2), (1, 3)]
    run(answers(free, [[Tensor(FLOAT, np.ones(shape, np.float32))] for shape in shapes]))
    assert call.rows == [3, 2]


@pytest.mark.parametrize(
    ("ports", "array"),
    [
        (None, np.ones(1)),  # not proven, or not all of the inputs
        ([Port("x:0", FLOAT, (-1, 3))], np.ones((1, 2))),
        ([Port("x:0", FLOAT, (-1,))], np.ones((1, 2))),
        ([Port("x:0", FLOAT, None)], np.ones(1)),
        ([Port("x:0", int(DataType.DT_INT32), (-1,))], np.ones(1)),
        ([Port("x:0", FLOAT, ())], np.array(1.0)),
        ([COLUMN], np.array(1.0)),
        ([COLUMN], np.ones(0)),
    ],
)
@pytest.mark.parametrize("seconds", [0.0001, LONG])
def test_what_was_not_declared_runs_alone(ports: Any, array: Any, seconds: float) -> None:
    call = Doubler()
    feeds = [Tensor(FLOAT, array.astype(np.float32))]
    found = run(answers(make_runner(call, seconds, ports=ports), [feeds, feeds]))
    assert found == [(array * 2).tolist()] * 2
    assert len(call.runs) == 2


def test_inputs_that_disagree_on_their_rows_run_alone() -> None:
    call = Doubler()
    feeds = column(1, 2) + column(1)
    run(answers(make_runner(call, ports=[COLUMN, COLUMN]), [feeds, feeds]))
    assert call.rows == [2, 2]


@pytest.mark.parametrize("seconds", [0.0001, LONG])
def test_an_error_belongs_to_the_request_that_made_it(seconds: float) -> None:
    call = Doubler()
    requests = [column(1), column(-2), column(3), column(-4)]
    found = run(answers(make_runner(call, seconds), requests))
    assert found == [
        [2],
        "INVALID_ARGUMENT: negative: -2.0",
        [6],
        "INVALID_ARGUMENT: negative: -4.0",
    ]
    assert call.rows == [4, 1, 1, 1, 1]
    assert call.most_at_once <= 1


@pytest.mark.parametrize("seconds", [0.0001, LONG])
def test_an_output_that_cannot_be_cut_parts_the_requests(seconds: float) -> None:
    call = Summer()
    assert run(answers(make_runner(call, seconds), [column(1, 2), column(3)])) == [[3], [3]]
    assert call.rows == [3, 2, 1]


def test_each_task_is_answered_once() -> None:
    async def main() -> list[int]:
        one, runner, seen = scheduler(), make_runner(Doubler()), []
        for number, value in enumerate((1, -1, 2)):
            task = one.submit(runner, column(value), 0)
            task.add_done_callback(functools.partial(lambda number, _: seen.append(number), number))
        await turns()
        return seen

    assert run(main()) == [0, 1, 2]


def test_a_reply_that_cannot_be_made_does_not_touch_the_others() -> None:
    def fail(_: Any) -> None:
        raise ValueError

    async def main() -> Any:
        one, runner = scheduler(), make_runner(Doubler())
        first, second = (one.submit(runner, column(value), 0) for value in (1, 2))
        first.add_done_callback(fail)
        return await outcome(second)

    assert run(main()) == [4]


def test_what_waits_for_a_long_run_joins_the_next_up_to_eight_rows() -> None:
    async def main() -> list[int]:
        call = Doubler()
        one, runner = scheduler(), make_runner(call, LONG)
        call.gate.clear()
        tasks = [one.submit(runner, column(0), 0)]
        await until(lambda: call.runs)
        tasks += [one.submit(runner, column(value), 0) for value in range(12)]
        await turns()
        assert call.rows == [1]
        call.gate.set()
        found = [await outcome(task) for task in tasks]
        assert found == [[0], *([2 * value] for value in range(12))]
        return call.rows

    assert run(main()) == [1, 8, 4]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_long_run_waits_a_moment_for_the_clients_of_the_one_before() -> None:
    async def main() -> list[int]:
        call, clock = Doubler(), Clock()
        one, runner = scheduler(clock=clock), make_runner(call, LONG)
        runner.last_tasks = 2
        first = one.submit(runner, column(1), 0)
        await turns()
        assert call.rows == []
        second = one.submit(runner, column(2), 0)
        assert [await outcome(first), await outcome(second)] == [[2], [4]]
        third = one.submit(runner, column(3), 0)
        await turns()
        assert call.rows == [2]
        # Nobody else comes. Timers may be early, so it must not matter what the clock says then.
        assert await outcome(third) == [6]
        return call.rows

    assert run(main()) == [2, 1]


@pytest.mark.parametrize(("cores", "most"), [(1, 1), (8, 2)])
def test_joined_runs_keep_to_their_threads(cores: int, most: int) -> None:
    async def main() -> int:
        call = Doubler()
        one, runner = scheduler(cores, threads=9), make_runner(call, LONG)
        call.gate.clear()
        tasks = [one.submit(runner, column(*range(8)), 0) for _ in range(5)]
        await until(lambda: len(call.runs) == most)
        await turns()
        call.gate.set()
        for task in tasks:
            await outcome(task)
        assert call.rows == [8] * 5
        return call.most_at_once

    assert run(main()) == most


def test_what_is_short_alone_and_long_together_keeps_to_its_threads() -> None:
    async def main() -> int:
        call = Doubler()
        # Four bytes have three bits, eight have four.
        one, runner = scheduler(), make_runner(call, {3: 0.0009, 4: 0.01})
        call.gate.clear()
        tasks = [one.submit(runner, column(value), 0) for value in range(9)]
        await turns()
        call.gate.set()
        assert [await outcome(task) for task in tasks] == [[2 * value] for value in range(9)]
        assert call.rows == [2, *[1] * 7]
        return call.most_at_once

    assert run(main()) == 1


def test_a_long_queue_does_not_starve_another() -> None:
    async def main() -> list[str]:
        order: list[str] = []

        class Named(Doubler):
            def __init__(self, name: str) -> None:
                super().__init__()
                self.name = name

            def compute(self, joined: Tensor) -> list[Tensor]:
                order.append(self.name)
                return super().compute(joined)

        one = scheduler()
        busy, other = (make_runner(Named(name), LONG, ports=None) for name in "ab")
        tasks = [one.submit(busy, column(1), 0) for _ in range(4)]
        tasks.append(one.submit(other, column(1), 0))
        for task in tasks:
            await outcome(task)
        return order

    assert run(main()) == ["a", "b", "a", "a", "a"]


def test_nothing_is_left_behind() -> None:
    async def main() -> tuple[int, int]:
        one = scheduler()
        for seconds in (0.0001, LONG):
            runner = make_runner(Doubler(), seconds)
            tasks = [one.submit(runner, column(value), 0) for value in (1, -1)]
            for task in tasks:
                await outcome(task)
        await turns()
        return len(one._queues), len(one._running)

    assert run(main()) == (0, 0)


def test_the_limit_of_joined_runs_is_the_longest() -> None:
    async def main(*limits: int) -> int:
        call = Doubler()
        one, runner = scheduler(), make_runner(call, LONG)
        tasks = [one.submit(runner, column(1), limit) for limit in limits]
        for task in tasks:
            await outcome(task)
        assert call.rows == [len(limits)]
        return call.runs[0][2]

    assert run(main(100, 300)) == 300
    assert run(main(100, 0)) == 0


def test_metrics_count_each_run_once() -> None:
    async def main() -> dict[str, Any]:
        metrics = Metrics()
        one, runner = scheduler(metrics=metrics), make_runner(Doubler())
        runner.latency = metrics.run("m", "Predict")
        tasks = [one.submit(runner, column(value), 0) for value in (1, 2, 3)]
        for task in tasks:
            await outcome(task)
        return metrics.snapshot()

    snapshot = run(main())
    assert snapshot["/tensorflow/core/direct_session_runs"] == [([], [1])]
    ((labels, numbers),) = snapshot["/tensorflow/serving/runtime_latency"]
    assert list(labels)[:2] == ["m", "Predict"]
    assert sum(numbers[:-1]) == 3


def test_clients_that_always_come_together_are_learnt_from() -> None:
    async def main() -> list[int]:
        call = Doubler()
        one, runner = scheduler(), make_runner(call)
        runner.seconds = {}  # nothing ran yet, and no request will ever run alone
        for _ in range(9):
            tasks = [one.submit(runner, column(value), 0) for value in range(32)]
            assert [await outcome(task) for task in tasks] == [[2 * n] for n in range(32)]
        return call.rows

    rows = run(main())
    assert rows[0] == 8  # they may be long
    assert rows[-1] == 32


def test_what_is_never_joined_may_turn_out_to_be_short_while_it_waits() -> None:
    async def main() -> list[int]:
        call = Doubler()
        one, runner = scheduler(), make_runner(call, ports=None)
        runner.seconds = {}  # so that the first goes to a thread, and the others wait for its end
        tasks = [one.submit(runner, column(value), 0) for value in range(3)]
        assert [await outcome(task) for task in tasks] == [[0], [2], [4]]
        return call.rows

    assert run(main()) == [1, 1, 1]


def test_as_many_join_as_runs_of_that_size_have_shown_to_be_short() -> None:
    async def main(known: dict[int, float]) -> list[int]:
        call = Doubler()
        one, runner = scheduler(), make_runner(call, known)
        tasks = [one.submit(runner, column(value), 0) for value in range(64)]
        for task in tasks:
            await outcome(task)
        return call.rows

    # Four bytes have three bits, 256 have nine. In proportion two rows would take 1.8 ms.
    assert run(main({3: 0.0009, 9: 0.0001})) == [64]
    assert run(main({3: 0.0009, **dict.fromkeys(range(4, 10), 0.003)}))[0] == 2


def test_estimates_come_from_the_size_class_or_smaller_ones() -> None:
    known = {3: 0.001, 6: 0.002}
    assert estimate_seconds(known, 7) == 0.001
    assert estimate_seconds(known, 8) == 0.002  # twice the size, twice the time
    assert estimate_seconds(known, 31) == 0.004
    assert estimate_seconds(known, 32) == 0.002
    assert estimate_seconds(known, 3) == 1.0  # a smaller one may still take long
    assert estimate_seconds({}, 0) == 1.0
    assert estimate_seconds({3: 0.001}, 63) == 0.008
    assert estimate_seconds({3: 0.001}, 64) == 1.0  # too far off to tell


def test_estimates_fall_fast_and_rise_slowly() -> None:
    known: dict[int, float] = {}
    learn(known, 4, 1.0)
    assert known == {3: 1.0}
    learn(known, 4, 0.0)
    assert known == {3: 0.5}
    learn(known, 5, 1.0)
    assert known == {3: 0.525}
