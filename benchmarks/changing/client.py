"""The client under whose requests things change: ``python -m changing.client REST GRPC RATE``.

A process of its own. It asks at a steady rate whatever the server does, from more connections
than it needs, and what was due while all of them waited is never sent later. Each line on stdin,
``{"allow": {question: [versions]}}``, says what to ask from now on and what is right; the answer
on stdout is the tally since the last one. Closing stdin ends it.
"""

from __future__ import annotations

import itertools
import json
import queue
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from soak.answers import WrongAnswer

from changing.asking import Asker, Failed, GrpcAsker, RestAsker, open_channel
from changing.tally import Judge, parse_question

# Shares of the rate, by kind of request.
SHARES = {"rest kept": 0.4, "rest fresh": 0.2, "grpc": 0.4}
WORKERS = 16


class Shared:
    """The judge, behind a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._judge = Judge(time.monotonic())
        self._random = random.Random(7)

    def turn(self, allowed: dict[str, list[int]]) -> dict[str, Any]:
        """See `Judge.turn`; from now on other versions are right."""
        with self._lock:
            now = time.monotonic()
            self._judge.expectations.allow(allowed, now)
            return self._judge.turn(now)

    def next_question(self) -> tuple[str, float]:
        """One of those that may be asked, and since when it is on its way."""
        with self._lock:
            question = self._random.choice(self._judge.expectations.questions())
            return question, time.monotonic()

    def tell(self, say: Callable[[Judge], None]) -> None:
        """Let the judge know something."""
        with self._lock:
            say(self._judge)


@dataclass(eq=False)
class Worker:
    """A thread with a client of its own."""

    kind: str
    asker: Asker
    shared: Shared
    idle: queue.SimpleQueue[Worker]

    def start(self) -> None:
        """Begin to wait for questions."""
        self.box: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()
        self.idle.put(self)

    def _work(self) -> None:
        for number in itertools.count():
            question, started = self.box.get()
            self._ask(question, started, [float(number % 1000), 0.5])
            self.idle.put(self)

    def _ask(self, question: str, started: float, x: list[float]) -> None:
        outcome, text, version = "right", "", 0
        try:
            version = self.asker.ask(parse_question(question), x)
        except Failed as problem:
            outcome, text = "failed", str(problem)
        except WrongAnswer as problem:
            outcome, text = "wrong", str(problem)
        except Exception as problem:
            outcome, text = "failed", repr(problem)
        ended = time.monotonic()
        if outcome == "right":
            self.shared.tell(
                lambda judge: judge.answered(self.kind, question, version, started, ended)
            )
        else:
            self.shared.tell(
                lambda judge: judge.failed(self.kind, question, outcome, text, started, ended)
            )


class Stream:
    """Requests of one kind, at a steady rate (open loop)."""

    def __init__(
        self, kind: str, rate: float, shared: Shared, make_asker: Callable[[], Asker]
    ) -> None:
        self._kind = kind
        self._gap_seconds = 1 / rate
        self._shared = shared
        # First in, first out: every connection is used again and again, none goes stale.
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for _ in range(WORKERS):
            Worker(kind, make_asker(), shared, self._idle).start()

    def start(self) -> None:
        """Send until the process ends."""
        threading.Thread(target=self._pace, daemon=True).start()

    def _pace(self) -> None:
        due = time.monotonic()
        while True:
            time.sleep(max(due - time.monotonic(), 0))
            self._send()
            due += self._gap_seconds
            missed = int((time.monotonic() - due) / self._gap_seconds)
            if missed > 0:
                due += missed * self._gap_seconds
                self._shared.tell(lambda judge, count=missed: judge.unsent(self._kind, count))

    def _send(self) -> None:
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            self._shared.tell(lambda judge: judge.unsent(self._kind))
        else:
            worker.box.put(self._shared.next_question())


def make_streams(rest_port: int, grpc_port: int, rate: float, shared: Shared) -> list[Stream]:
    """All kinds of requests, `rate` a second together."""
    channel = open_channel(grpc_port)
    makers: dict[str, Callable[[], Asker]] = {
        "rest kept": lambda: RestAsker(rest_port, keeps=True),
        "rest fresh": lambda: RestAsker(rest_port, keeps=False),
        "grpc": lambda: GrpcAsker(channel),
    }
    return [Stream(kind, rate * share, shared, makers[kind]) for kind, share in SHARES.items()]


def main() -> None:
    """Answer the lines on stdin."""
    shared = Shared()
    streams = make_streams(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), shared)
    for number, line in enumerate(sys.stdin):
        print(json.dumps(shared.turn(json.loads(line)["allow"])), flush=True)
        if number == 0:
            for stream in streams:
                stream.start()


if __name__ == "__main__":
    main()
