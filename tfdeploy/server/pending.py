"""Results that come later, without the event loop's turn that a future costs.

A request is a coroutine that mostly ends where it started: parse, run, answer. A task for each
would cost as much as a small model, so `drive` steps the coroutine itself, and `Pending` wakes it
directly.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Pending(Generic[T]):
    """A result that is set once, by the event loop's thread, and awaited by one coroutine."""

    __slots__ = ("_error", "_is_done", "_value", "_waiter")

    def __init__(self) -> None:
        self._is_done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._waiter: Callable[[Any], None] | None = None

    def set_result(self, value: T) -> None:
        """The coroutine that waits goes on at once, inside this call."""
        self._value = value
        self._finish()

    def set_error(self, error: BaseException) -> None:
        """The coroutine that waits goes on with an exception, inside this call."""
        # Frames of the run, with its tensors, hang on a traceback, and would in a cycle.
        self._error = error.with_traceback(None)
        self._finish()

    def add_done_callback(self, waiter: Callable[[Any], None]) -> None:
        """Who is called when the result is there; the last one asked for counts."""
        self._waiter = waiter

    def outcome(self) -> T:
        """What was set, once: the result, or the error as an exception."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # or it and this frame would hold each other
        value: T = self._value
        return value

    def _finish(self) -> None:
        self._is_done = True
        if self._waiter is not None:
            self._waiter(self)

    def __await__(self) -> Generator[Any, None, T]:
        if not self._is_done:
            yield self
        return self.outcome()


Finished = Callable[[T | None, BaseException | None], None]


class _Driver(Generic[T]):
    """Steps one coroutine. An object, because a closure that calls itself is a cycle: garbage
    that only the collector frees.
    """

    __slots__ = ("_coroutine", "_finished")

    def __init__(self, coroutine: Coroutine[Any, Any, T], finished: Finished[T]) -> None:
        self._coroutine = coroutine
        self._finished = finished

    def __call__(self, _: object = None) -> None:
        try:
            awaited = self._coroutine.send(None)
        except StopIteration as stop:
            self._finished(stop.value, None)
        except (Exception, asyncio.CancelledError) as error:
            self._finished(None, error)
        else:
            if awaited is None:  # asyncio.sleep(0)
                asyncio.get_running_loop().call_soon(self)
                return
            if isinstance(awaited, asyncio.Future):
                awaited._asyncio_future_blocking = False
            awaited.add_done_callback(self)


def drive(coroutine: Coroutine[Any, Any, T], finished: Finished[T]) -> None:
    """Step a coroutine until it ends; it may await `Pending`s and asyncio's futures.

    Args:
        coroutine: What to run. Nothing in it may ask for the current task.
        finished: Called with its result or its exception, perhaps before this returns. That
            something which it awaited was cancelled is an exception too.
    """
    _Driver(coroutine, finished)()


async def as_future(coroutine: Coroutine[Any, Any, T]) -> T:
    """Let a task await a coroutine that awaits `Pending`s."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] | None = None
    outcome: list[Any] = []

    def finished(value: T | None, error: BaseException | None) -> None:
        outcome.append((value, error))
        if future is not None and not future.done():
            future.set_result(None)  # type: ignore[arg-type]

    drive(coroutine, finished)
    if not outcome:
        future = loop.create_future()
        await future
    value, error = outcome.pop()
    if error is not None:
        try:
            raise error
        finally:
            del error  # or it and this frame would hold each other
    result: T = value
    return result
