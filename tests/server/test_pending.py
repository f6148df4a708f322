"""Coroutines that are stepped without a task, and what may become of them."""

import asyncio
from typing import Any

import pytest

from tfdeploy.server.pending import Pending, as_future, drive

pytestmark = pytest.mark.timeout(10)


class Ended:
    """Keeps how each driven coroutine ended."""

    def __init__(self) -> None:
        self.results: list[Any] = []

    def __call__(self, value: Any, error: BaseException | None) -> None:
        self.results.append(repr(error) if error is not None else value)


async def add_one(pending: Pending[int]) -> int:
    return await pending + 1


def test_a_coroutine_that_waits_for_nothing_ends_at_once() -> None:
    async def seven() -> int:
        return 7

    ended = Ended()
    drive(seven(), ended)
    assert ended.results == [7]


def test_a_later_result_goes_on_inside_the_call_that_sets_it() -> None:
    pending, ended = Pending[int](), Ended()
    drive(add_one(pending), ended)
    assert ended.results == []
    pending.set_result(1)
    assert ended.results == [2]


def test_a_result_that_is_there_already_costs_no_turn() -> None:
    pending, ended = Pending[int](), Ended()
    pending.set_result(1)
    drive(add_one(pending), ended)
    assert ended.results == [2]


def test_errors_come_out_where_the_result_is_awaited() -> None:
    pending, ended = Pending[int](), Ended()

    async def recover() -> str:
        try:
            await pending
        except ValueError as error:
            return f"caught {error}"
        return "nothing"

    drive(recover(), ended)
    drive(add_one(pending_failed := Pending[int]()), ended)
    pending.set_error(ValueError("late"))
    pending_failed.set_error(ValueError("uncaught"))
    assert ended.results == ["caught late", "ValueError('uncaught')"]


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_futures_and_sleep_work_without_a_task() -> None:
    async def main() -> list[Any]:
        future = asyncio.get_running_loop().create_future()
        ended = Ended()

        async def wait() -> int:
            await asyncio.sleep(0)
            found: int = await future
            return found

        drive(wait(), ended)
        await _settle()
        assert ended.results == []
        future.set_result(5)
        await _settle()
        return ended.results

    assert asyncio.run(main()) == [5]


def test_work_in_a_thread_can_be_awaited() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()

        async def work() -> int:
            return await loop.run_in_executor(None, lambda: 3)

        return await as_future(work())

    assert asyncio.run(main()) == 3


def test_what_waits_for_a_cancelled_future_ends_too() -> None:
    async def main() -> list[Any]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        ended = Ended()

        async def wait() -> int:
            return await future

        drive(wait(), ended)
        future.cancel()
        await _settle()
        return ended.results

    assert asyncio.run(main()) == ["CancelledError()"]


@pytest.mark.parametrize("is_late", [False, True])
def test_a_task_gets_the_result_or_the_error(is_late: bool) -> None:
    async def main() -> None:
        good, bad = Pending[int](), Pending[int]()

        def settle() -> None:
            good.set_result(1)
            bad.set_error(KeyError("x"))

        if is_late:
            asyncio.get_running_loop().call_soon(settle)
        else:
            settle()
        outcomes = await asyncio.gather(
            as_future(add_one(good)), as_future(add_one(bad)), return_exceptions=True
        )
        assert outcomes[0] == 2
        assert isinstance(outcomes[1], KeyError)

    asyncio.run(main())


@pytest.mark.parametrize("fails", [False, True])
def test_a_coroutine_outlives_the_task_that_waited_for_it(fails: bool) -> None:
    async def main() -> list[str]:
        pending, seen = Pending[int](), []
        problems: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: problems.append(what))

        async def hold() -> None:
            try:
                await pending
                seen.append("went on")
            finally:
                seen.append("given back")

        task = asyncio.ensure_future(as_future(hold()))
        await _settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == []
        if fails:
            pending.set_error(ValueError("nobody listens"))
        else:
            pending.set_result(1)
        await _settle()
        assert problems == []
        return seen

    assert asyncio.run(main()) == (["given back"] if fails else ["went on", "given back"])
