"""A REST client that judges each answer by its content."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from soak.answers import WrongAnswer
from soak.http_connection import Connection, Lost, Reply
from soak.observation import Observation
from soak.timeline import Question

_SHOWN_BYTES = 400
_NOT_THERE = (b"Servable not found for request", b"Could not find any versions of model")
Check = Callable[[Reply], int]


def shown(data: bytes) -> bytes:
    """The start of what was sent, as a failure shows it."""
    return data if len(data) <= _SHOWN_BYTES else data[:_SHOWN_BYTES] + b"... (%d)" % len(data)


class RestClient:
    """Sends requests on a connection that it keeps, and opens anew when it was closed."""

    def __init__(self, port: int, weights: Any, seed: int) -> None:
        self.port = port
        self.weights = weights
        self.random = random.Random(seed)
        self.request_count = 0.0
        self._connection: Connection | None = None
        self._seen: dict[str, int] = {}

    def question(self, model: str) -> Question:
        """Ask for the latest version, sometimes for a label or a number that was seen lately."""
        dice = self.random.random()
        if model == "line" and dice < 0.4:
            return Question(model, "label", self.random.choice(["stable", "canary"]))
        if dice < 0.6 and model in self._seen:
            number = max(self._seen[model] + self.random.choice([-1, 0, 0, 1]), 1)
            return Question(model, "version", str(number))
        return Question(model)

    def exchange(self, pieces: Sequence[bytes], pause_seconds: float = 0.0) -> Reply:
        """Send a request, in pieces with pauses between them, and read its answer.

        Raises:
            Lost: there was none.
        """
        try:
            connection = self.connect()
            for number, piece in enumerate(pieces):
                if number:
                    time.sleep(pause_seconds)
                connection.send(piece)
            reply = connection.read_reply()
        except Lost:
            self.disconnect()
            raise
        if reply.closes:
            self.disconnect()
        return reply

    def connect(self) -> Connection:
        """The connection that is kept."""
        if self._connection is None:
            self._connection = Connection(self.port)
        return self._connection

    def disconnect(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
            self._connection = None

    def ask(
        self,
        kind: str,
        question: Question,
        check: Check,
        *pieces: bytes,
        pause_seconds: float = 0.0,
    ) -> Observation:
        """Send a well-formed request. `check` returns the version that answered."""
        started = time.monotonic()
        try:
            reply = self.exchange(pieces, pause_seconds)
        except Lost as problem:
            times = (started, time.monotonic())
            return Observation(
                kind, "lost", question, *times, (), str(problem), shown(b"".join(pieces))
            )
        return self.judge(kind, question, check, reply, started, b"".join(pieces))

    def judge(
        self,
        kind: str,
        question: Question,
        check: Check,
        reply: Reply,
        started: float,
        sent: bytes,
    ) -> Observation:
        """What to say of the answer to a well-formed request."""
        times = (started, time.monotonic())
        if reply.status == 404 and any(text in reply.body for text in _NOT_THERE):
            return Observation(kind, "absent", question, *times, sent=shown(sent))
        note = f"{reply.status} {reply.body[:200]!r}"
        if reply.status != 200:
            return Observation(kind, "lost", question, *times, (), note, shown(sent))
        try:
            version = check(reply)
        except (WrongAnswer, ValueError, KeyError, TypeError, IndexError) as problem:
            note = f"{problem!r}: {note}"
            return Observation(kind, "wrong", question, *times, (), note, shown(sent))
        self._seen[question.model] = version
        return Observation(kind, "answered", question, *times, (version,), sent=shown(sent))

    def ask_in_vain(self, kind: str, wanted: Sequence[int], data: bytes) -> Observation:
        """Send what must be refused with one of these statuses."""
        started = time.monotonic()
        try:
            reply = self.exchange([data])
        except Lost as problem:
            times = (started, time.monotonic())
            return Observation(kind, "lost", None, *times, (), str(problem), shown(data))
        times = (started, time.monotonic())
        if reply.status in wanted:
            return Observation(kind, "refused", None, *times)
        note = f"{reply.status}, not one of {wanted}: {reply.body[:200]!r}"
        return Observation(kind, "wrong", None, *times, (), note, shown(data))
