"""`--workers=N`: several processes on one port, and one that looks after them.

The supervisor loads TensorFlow's library and forks; it never makes a session, because TensorFlow's
threads don't survive a fork. Every worker loads all models and opens the same ports (SO_REUSEPORT),
so the kernel deals the connections out. What concerns all of them (reloads, states of versions,
metrics) goes through the supervisor, which asks every worker and collects the answers. A worker
that dies is replaced.
"""

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tfdeploy.server import log
from tfdeploy.server.peers import LENGTH, RELOAD, pack, unpack

_SEND_SECONDS: Final = 10.0
_RESTART_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.25
_CHUNK: Final = 2**18
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

RunWorker = Callable[[socket.socket, int], int]
"""Runs a worker with its end of a socket pair and its number, and returns its exit code."""


@dataclass(eq=False)
class _Worker:
    number: int
    pid: int
    link: socket.socket
    received: bytearray = field(default_factory=bytearray)
    is_loaded: bool = False
    is_dead: bool = False
    failed: str | None = None


@dataclass
class _Question:
    """Something that is asked of workers, who have not all answered.

    Attributes:
        kind: See `peers`.
        argument: See `peers`.
        asker: Who gets the answers; None when it has died, or nobody asked.
        number: The asker's own number for it.
        until: When it goes without the missing answers, by time.monotonic.
        opens: A worker that may open its ports once it has answered.
        waits_for: Those who have not answered.
        answers: Of the others.
    """

    kind: str
    argument: Any
    asker: _Worker | None = None
    number: int = 0
    until: float = float("inf")
    opens: _Worker | None = None
    waits_for: set[_Worker] = field(default_factory=set)
    answers: list[Any] = field(default_factory=list)


class Supervisor:
    """Starts the workers and passes on what they say to each other."""

    def __init__(
        self,
        count: int,
        run_worker: RunWorker,
        drain_seconds: float = 0.0,
        answer_seconds: float = _ANSWER_SECONDS,
        stop_seconds: float = _STOP_SECONDS,
    ) -> None:
        """Start nothing yet.

        Args:
            count: How many workers there are.
            run_worker: What each of them does.
            drain_seconds: How long a worker may go on after a signal.
            answer_seconds: How long states and metrics are waited for. A worker that does not
                answer is left out.
            stop_seconds: How long a worker may take to end, after `drain_seconds`; then it is
                killed.
        """
        self._count = count
        self._run_worker = run_worker
        self._stop_seconds = drain_seconds + stop_seconds
        self._answer_seconds = answer_seconds
        self._workers: list[_Worker] = []
        self._restarts: dict[int, float] = {}
        self._selector = selectors.DefaultSelector()
        self._questions: dict[int, _Question] = {}
        self._asked = 0
        self._is_open = False
        self._in_force: tuple[int, Any] | None = None  # the last reload: its question, its config
        self._stopped_by = 0

    def run(self) -> int:
        """Serve until a signal.

        Returns:
            The exit code: that of the first worker when one could not start.
        """
        wake, self._wakeup = socket.socketpair()
        self._wakeup.setblocking(False)
        signal.set_wakeup_fd(self._wakeup.fileno())
        for known in _SIGNALS:
            signal.signal(known, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(wake, selectors.EVENT_READ, None)
        for number in range(self._count):
            self._start(number)
        while True:
            self._pass_on()
            if self._stopped_by:
                return self._stop(self._stopped_by)
            code = self._bury()
            if code is not None:
                self._stop(signal.SIGTERM)
                return code
            self._restart()

    def _on_signal(self, number: int, _frame: object) -> None:
        self._stopped_by = self._stopped_by or number

    def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        # A signal that came before the worker is one would be noted where nobody looks.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._become_worker(ours, theirs, number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        theirs.close()
        ours.settimeout(_SEND_SECONDS)
        worker = _Worker(number, pid, ours)
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _become_worker(self, ours: socket.socket, theirs: socket.socket, number: int) -> None:
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            for known in (*_SIGNALS, signal.SIGCHLD):
                signal.signal(known, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._selector.close()
            ours.close()
            for other in self._workers:
                other.link.close()
            code = self._run_worker(theirs, number)
        except Exception as problem:
            log.error(f"Worker {number} failed unexpectedly: {problem!r}")
        finally:
            os._exit(code)

    def _pass_on(self) -> None:
        """Wait a moment, and hand on what came from the workers meanwhile."""
        for key, _ in self._selector.select(timeout=_LOOK_SECONDS):
            if key.data is None:
                key.fileobj.recv(4096)  # type: ignore[union-attr]
            elif key.data in self._workers:
                self._receive(key.data)
        now = time.monotonic()
        for number, question in list(self._questions.items()):
            if question.until < now:
                slow = ", ".join(str(worker.number) for worker in question.waits_for)
                log.error(f"No answer to a question of {question.kind} from worker {slow}")
                question.waits_for.clear()
                self._settle(number, question)

    def _receive(self, worker: _Worker) -> None:
        try:
            data = worker.link.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(worker.link)  # `_bury` does the rest
            return
        buffer = worker.received
        buffer += data
        while len(buffer) >= LENGTH.size:
            (size,) = LENGTH.unpack_from(buffer)
            end = LENGTH.size + size
            if len(buffer) < end:
                return
            message = unpack(bytes(buffer[LENGTH.size : end]))
            del buffer[:end]
            self._handle(worker, message)

    def _handle(self, worker: _Worker, message: dict[str, Any]) -> None:
        if "loaded" in message:
            worker.is_loaded = True
            self._open_when_all_are_loaded(worker)
        elif "failed" in message:
            worker.failed = message["failed"]
        elif "ask" in message:
            until = float("inf")  # a reload takes as long as its models
            if message["ask"] != RELOAD:
                until = time.monotonic() + self._answer_seconds
            question = _Question(
                message["ask"], message["argument"], worker, message["number"], until
            )
            self._ask(question, [other for other in self._workers if other.is_loaded])
        else:
            question = self._questions.get(message["number"], _Question("", None))
            if worker in question.waits_for:
                question.waits_for.discard(worker)
                if message["reply"] is not None:
                    question.answers.append(message["reply"])
                self._settle(message["number"], question)

    def _open_when_all_are_loaded(self, newest: _Worker) -> None:
        if not self._is_open:
            if len(self._workers) == self._count and all(one.is_loaded for one in self._workers):
                self._is_open = True
                for worker in self._workers:
                    self._send(worker, {"open": True})
            return
        # It has loaded what the files say, but the others were told otherwise since.
        under_way = [pair for pair in self._questions.items() if pair[1].kind == RELOAD]
        if self._in_force is not None:
            self._ask(_Question(RELOAD, self._in_force[1], opens=newest), [newest])
        else:
            self._send(newest, {"open": True})
        for number, question in under_way:
            if question.opens is None:
                self._send_question(number, question, newest)

    def _ask(self, question: _Question, workers: list[_Worker]) -> None:
        self._asked += 1
        self._questions[self._asked] = question
        for worker in workers:
            self._send_question(self._asked, question, worker)

    def _send_question(self, number: int, question: _Question, worker: _Worker) -> None:
        question.waits_for.add(worker)
        asked = {"ask": question.kind, "argument": question.argument, "number": number}
        self._send(worker, asked)

    def _settle(self, number: int, question: _Question) -> None:
        if question.waits_for or self._questions.pop(number, None) is None:
            return
        if question.opens is not None:
            self._send(question.opens, {"open": True})
            return
        is_newest = self._in_force is None or number > self._in_force[0]
        if is_newest and any(
            question.kind == RELOAD and answer["in_force"] for answer in question.answers
        ):
            self._in_force = number, question.argument
        if question.asker is not None:
            answers = {"answers": question.answers, "number": question.number}
            self._send(question.asker, answers)

    def _send(self, worker: _Worker, message: dict[str, Any]) -> None:
        if worker.is_dead:
            return
        try:
            worker.link.sendall(pack(message))
        except OSError:
            log.error(f"Worker {worker.number} does not listen, so it is replaced")
            os.kill(worker.pid, signal.SIGKILL)

    def _ended(self) -> Iterator[tuple[_Worker, int]]:
        """Workers that died, with their exit codes; all that they said was heard."""
        for worker in list(self._workers):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                worker.is_dead = True
                while worker.link in [key.fileobj for key in self._selector.get_map().values()]:
                    self._receive(worker)
                yield worker, os.waitstatus_to_exitcode(status)

    def _bury(self) -> int | None:
        """Forget workers that died; the exit code when one could not start at all."""
        for worker, code in self._ended():
            if not self._is_open:
                if worker.failed is not None:
                    print(f"Failed to start server. Error: {worker.failed}", flush=True)
                self._forget(worker)
                return code if code >= 0 else 128 - code
            reason = "" if worker.failed is None else f" because of {worker.failed}"
            log.error(
                f"Worker {worker.number} (pid {worker.pid}) ended with {code}{reason}; "
                "starting another"
            )
            # One that dies at once must not be started without end.
            self._restarts[worker.number] = time.monotonic() + _RESTART_SECONDS
            self._forget(worker)
        return None

    def _forget(self, worker: _Worker) -> None:
        worker.link.close()
        self._workers.remove(worker)
        for number, question in list(self._questions.items()):
            question.waits_for.discard(worker)
            if question.asker is worker:
                question.asker = None
            if question.opens is worker:
                del self._questions[number]
            else:
                self._settle(number, question)

    def _restart(self) -> None:
        now = time.monotonic()
        for number, at in list(self._restarts.items()):
            if at <= now:
                del self._restarts[number]
                self._start(number)

    def _stop(self, number: int) -> int:
        """Pass a signal on and wait for the workers, who may still ask each other things."""
        for worker in self._workers:
            os.kill(worker.pid, number)
        deadline = time.monotonic() + self._stop_seconds
        while self._workers:
            self._pass_on()
            for worker, _ in self._ended():
                self._forget(worker)
            if time.monotonic() > deadline:
                for worker in self._workers:
                    log.error(f"Worker {worker.number} (pid {worker.pid}) does not end; killed")
                    os.kill(worker.pid, signal.SIGKILL)
        return 128 + number
