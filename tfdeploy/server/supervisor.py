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
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tfdeploy.server import log
from tfdeploy.server.peers import LENGTH, RELOAD, pack, unpack

_SEND_SECONDS: Final = 10.0
_RESTART_SECONDS: Final = 1.0
_CHUNK: Final = 2**18

RunWorker = Callable[[socket.socket, int], int]
"""Runs a worker with its end of a socket pair and its number, and returns its exit code."""


@dataclass(eq=False)
class _Worker:
    number: int
    pid: int
    link: socket.socket
    received: bytearray = field(default_factory=bytearray)
    is_loaded: bool = False
    failed: str | None = None


@dataclass
class _Question:
    """Something that one worker asked, and the others have not all answered."""

    asker: _Worker
    number: int
    waits_for: set[_Worker]
    answers: list[Any] = field(default_factory=list)


class Supervisor:
    """Starts the workers and passes on what they say to each other."""

    def __init__(self, count: int, run_worker: RunWorker) -> None:
        self._count = count
        self._run_worker = run_worker
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._questions: dict[int, _Question] = {}
        self._asked = 0
        self._is_open = False
        self._last_reload: Any = None
        self._stopped_by = 0

    def run(self) -> int:
        """Serve until a signal.

        Returns:
            The exit code: that of the first worker when one could not start.
        """
        wake, self._wakeup = socket.socketpair()
        self._wakeup.setblocking(False)
        signal.set_wakeup_fd(self._wakeup.fileno())
        for known in (signal.SIGTERM, signal.SIGINT):
            signal.signal(known, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(wake, selectors.EVENT_READ, None)
        for number in range(self._count):
            self._start(number)
        while True:
            for key, _ in self._selector.select(timeout=1.0):
                if key.data is None:
                    wake.recv(4096)
                elif key.data in self._workers:
                    self._receive(key.data)
            if self._stopped_by:
                return self._stop(self._stopped_by)
            code = self._bury()
            if code is not None:
                self._stop(signal.SIGTERM)
                return code

    def _on_signal(self, number: int, _frame: object) -> None:
        self._stopped_by = self._stopped_by or number

    def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_worker(ours, theirs, number)
        theirs.close()
        ours.settimeout(_SEND_SECONDS)
        worker = _Worker(number, pid, ours)
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _become_worker(self, ours: socket.socket, theirs: socket.socket, number: int) -> None:
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for known in (signal.SIGTERM, signal.SIGINT):
                signal.signal(known, signal.SIG_DFL)
            self._selector.close()
            ours.close()
            for other in self._workers:
                other.link.close()
            code = self._run_worker(theirs, number)
        finally:
            os._exit(code)

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
            self._ask(worker, message)
        else:
            question = self._questions.get(message["number"])
            if question is not None and worker in question.waits_for:
                question.waits_for.discard(worker)
                if message["reply"] is not None:
                    question.answers.append(message["reply"])
                self._settle(message["number"], question)

    def _open_when_all_are_loaded(self, newest: _Worker) -> None:
        if self._is_open and self._last_reload is not None:
            # It has loaded what the files say, but was told otherwise since.
            self._ask(newest, {"ask": RELOAD, "argument": self._last_reload, "number": 0}, {newest})
        elif self._is_open:
            self._send(newest, {"open": True})
        elif all(worker.is_loaded for worker in self._workers):
            self._is_open = True
            for worker in self._workers:
                self._send(worker, {"open": True})

    def _ask(
        self, asker: _Worker, message: dict[str, Any], workers: set[_Worker] | None = None
    ) -> None:
        self._asked += 1
        loaded = workers or {worker for worker in self._workers if worker.is_loaded}
        if message["ask"] == RELOAD:
            self._last_reload = message["argument"]
        question = _Question(asker, message["number"], set(loaded))
        self._questions[self._asked] = question
        asked = {"ask": message["ask"], "argument": message["argument"], "number": self._asked}
        for worker in loaded:
            self._send(worker, asked)

    def _settle(self, number: int, question: _Question) -> None:
        if not question.waits_for:
            del self._questions[number]
            if question.number == 0:
                self._send(question.asker, {"open": True})
                return
            answers = {"answers": question.answers, "number": question.number}
            self._send(question.asker, answers)

    def _send(self, worker: _Worker, message: dict[str, Any]) -> None:
        try:
            worker.link.sendall(pack(message))
        except OSError:
            log.error(f"Worker {worker.number} does not listen, so it is replaced")
            os.kill(worker.pid, signal.SIGKILL)

    def _bury(self) -> int | None:
        """Replace workers that died; the exit code when one could not start at all."""
        for worker in list(self._workers):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid == 0:
                continue
            self._drain(worker)
            code = os.waitstatus_to_exitcode(status)
            if not self._is_open:
                if worker.failed is not None:
                    print(f"Failed to start server. Error: {worker.failed}", flush=True)
                return code if code >= 0 else 128 - code
            self._replace(worker, code)
        return None

    def _drain(self, worker: _Worker) -> None:
        while worker.link in [key.fileobj for key in self._selector.get_map().values()]:
            self._receive(worker)

    def _replace(self, worker: _Worker, code: int) -> None:
        log.error(f"Worker {worker.number} (pid {worker.pid}) ended with {code}; starting another")
        worker.link.close()
        self._workers.remove(worker)
        for number, question in list(self._questions.items()):
            if question.asker is worker:
                del self._questions[number]
                continue
            question.waits_for.discard(worker)
            self._settle(number, question)
        time.sleep(_RESTART_SECONDS)  # one that dies at once must not be started without end
        self._start(worker.number)

    def _stop(self, number: int) -> int:
        for worker in self._workers:
            try:
                os.kill(worker.pid, number)
            except ProcessLookupError:
                continue
        for worker in self._workers:
            try:
                os.waitpid(worker.pid, 0)
            except ChildProcessError:
                continue
        return 128 + number
