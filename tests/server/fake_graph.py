"""Graphs without TensorFlow: they double their input, and tell how they were run."""

import asyncio
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from tfdeploy.server.batching import Batching
from tfdeploy.server.engine import Pieces
from tfdeploy.server.pending import as_future
from tfdeploy.server.servable import Runner
from tfdeploy.server.signature import Port
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor, join_pieces
from tfdeploy.wire import Code, DataType

COLUMN = Port("x:0", DataType.DT_FLOAT, (-1,))
SHORT = 0.0001
LONG = 1.0


class Doubler:
    """y = 2 * x; a negative number is an error. Runs in threads wait until `gate` is open."""

    def __init__(self) -> None:
        self.runs: list[tuple[int, bool, int]] = []
        """Of each run: rows of the first input, inline or not, time limit."""
        self.gate = threading.Event()
        self.gate.set()
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()

    @property
    def rows(self) -> list[int]:
        return [rows for rows, _, _ in self.runs]

    def run(self, feeds: Sequence[Pieces], inline: bool, timeout_ms: int) -> list[Tensor]:
        joined = join_pieces(feeds[0])
        with self._lock:
            self.runs.append(
                (joined.array.shape[0] if joined.array.ndim else 0, inline, timeout_ms)
            )
            self._now += not inline
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            if not inline:
                assert self.gate.wait(20)
            return self.compute(joined)
        finally:
            with self._lock:
                self._now -= not inline

    def compute(self, joined: Tensor) -> list[Tensor]:
        if (joined.array < 0).any():
            raise ServingError(Code.INVALID_ARGUMENT, f"negative: {joined.array.min()}")
        return [Tensor(joined.dtype, joined.array * 2)]


class Summer(Doubler):
    """One number for all rows: nothing that could be cut."""

    def compute(self, joined: Tensor) -> list[Tensor]:
        return [Tensor(joined.dtype, joined.array.sum(keepdims=True))]


class Known(dict[int, float]):
    """What runs take; nothing that is measured changes it."""

    def __setitem__(self, bits: int, seconds: float) -> None:
        pass


def make_runner(
    call: Doubler,
    seconds: float | dict[int, float] = SHORT,
    ports: Sequence[Port] | None = (COLUMN,),
    batching: Batching | None = None,
) -> Runner:
    """A way to run a graph that takes so long, by bits of the inputs' size or always."""
    session = SimpleNamespace(prepare=lambda feeds, fetches: call)
    servable: Any = SimpleNamespace(session=session, batching=batching, may_loop=False)
    runner = Runner(servable, ("x:0",), ("y:0",), ports)
    runner.seconds = Known(
        seconds if isinstance(seconds, dict) else dict.fromkeys(range(64), seconds)
    )
    return runner


def column(*values: float) -> list[Tensor]:
    return [Tensor(int(DataType.DT_FLOAT), np.array(values, np.float32))]


async def outcome(task: Any) -> Any:
    """What came of a task: plain lists of the first output, or the error's text."""

    async def wait() -> Any:
        return await task

    try:
        return (await as_future(wait()))[0].array.tolist()
    except ServingError as error:
        return str(error)


async def until(condition: Any) -> None:
    """Let the loop turn until something holds; the test's timeout ends it otherwise."""
    while not condition():
        await asyncio.sleep(0.001)


async def turns(count: int = 20) -> None:
    """Let the loop turn some times."""
    for _ in range(count):
        await asyncio.sleep(0)
