"""A supervisor with workers that serve nothing: ``python fake_workers.py SCENARIO FOLDER``.

Workers write what happens to them to FOLDER/log, one line an event, and do what SCENARIO says.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfdeploy.server.peers import LENGTH, METRICS, RELOAD, STATUSES, pack, unpack
from tfdeploy.server.supervisor import Supervisor


class Worker:
    """One worker's end of its link."""

    def __init__(self, folder: Path, link: socket.socket, number: int) -> None:
        self.folder, self.link, self.number = folder, link, number
        with (folder / f"starts-{number}").open("a") as file:
            file.write(f"{os.getpid()}\n")
        self.start = len((folder / f"starts-{number}").read_text().split())
        """1 for the first process of this number, 2 for the one that replaced it."""

    def note(self, text: str) -> None:
        with (self.folder / "log").open("a") as file:
            file.write(f"{self.number}.{self.start} {text}\n")

    def send(self, **message: Any) -> None:
        self.link.sendall(pack(message))

    def receive(self) -> dict[str, Any]:
        (size,) = LENGTH.unpack(self._read(LENGTH.size))
        return unpack(self._read(size))

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.link.recv(size - len(data))
            if not part:
                os._exit(1)
            data += part
        return data

    def load(self) -> None:
        self.send(loaded=True)

    def ask(self, kind: str, argument: Any = None) -> list[Any]:
        """Ask all, and answer what comes meanwhile."""
        self.send(ask=kind, argument=argument, number=7)
        while True:
            message = self.receive()
            if "answers" in message:
                answers: list[Any] = message["answers"]
                return answers
            self.answer(message)

    def answer(self, message: dict[str, Any]) -> None:
        if "open" in message:
            self.note("open")
        elif message["ask"] == RELOAD:
            config = message["argument"].decode()
            self.note(f"reload {config}")
            in_force = config != "refused"
            self.send(reply={"in_force": in_force}, number=message["number"])
        else:
            self.send(reply=[self.number], number=message["number"])

    def serve(self) -> int:
        while True:
            self.answer(self.receive())

    def wait_for(self, text: str) -> None:
        """Answer until the log has some text."""
        self.link.settimeout(0.02)
        while text not in (self.folder / "log").read_text():
            try:
                self.answer(self.receive())
            except TimeoutError:
                continue
        self.link.settimeout(None)


def opened(worker: Worker) -> None:
    worker.load()
    worker.answer(worker.receive())


def peaceful(worker: Worker) -> int:
    opened(worker)
    if worker.number == 0:
        worker.note(f"answers {sorted(worker.ask(STATUSES, 'm'))}")
    return worker.serve()


def hangs(worker: Worker) -> int:
    """The second worker neither answers nor ends."""
    if worker.number == 1:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        opened(worker)
        while True:
            time.sleep(1)
    opened(worker)
    worker.note(f"answers {worker.ask(METRICS)}")
    return worker.serve()


def reloads(worker: Worker) -> int:
    """Two reloads, of which the last one is refused; then the second worker dies."""
    if worker.start > 1:
        worker.load()
        return worker.serve()
    opened(worker)
    if worker.number == 0:
        for config in (b"first", b"good", b"refused"):
            worker.ask(RELOAD, config)
        worker.note("done")
        return worker.serve()
    worker.wait_for("done")
    return 3


def asks_and_dies(worker: Worker) -> int:
    """A worker that dies with a question on its lips leaves nothing waiting."""
    opened(worker)
    if worker.start == 1 and worker.number == 1:
        worker.send(ask=STATUSES, argument="m", number=1)
        return 3
    if worker.number == 0:
        worker.wait_for("1.2 open")
        worker.note(f"answers {sorted(worker.ask(STATUSES, 'm'))}")
    return worker.serve()


def dies_while_asked(worker: Worker) -> int:
    """A worker that is asked and dies is not waited for."""
    opened(worker)
    if worker.number == 0:
        worker.note(f"answers {sorted(worker.ask(RELOAD, b'good')[:1])}")
        worker.wait_for("1.2 open")
        worker.note("complete")
        return worker.serve()
    if worker.start == 1:
        worker.receive()
        return 3
    return worker.serve()


def fails(worker: Worker) -> int:
    worker.send(failed=f"because of {worker.number}")
    return 255


def never_again(worker: Worker) -> int:
    """The second worker dies, and whoever replaces it can't start."""
    if worker.number == 1 and worker.start > 1:
        worker.send(failed="the model is gone")
        return 255
    opened(worker)
    if worker.number == 1:
        return 3
    while len((worker.folder / "starts-1").read_text().split()) < 3:
        worker.note(f"answers {worker.ask(STATUSES, 'm')[:1]}")
        time.sleep(0.05)
    worker.note("complete")
    return worker.serve()


SCENARIOS: dict[str, Callable[[Worker], int]] = {
    one.__name__: one
    for one in (
        *(peaceful, hangs, reloads, asks_and_dies, dies_while_asked),
        *(fails, never_again),
    )
}


def main() -> None:
    scenario, folder = SCENARIOS[sys.argv[1]], Path(sys.argv[2])
    (folder / "log").touch()
    supervisor = Supervisor(
        2,
        lambda link, number: scenario(Worker(folder, link, number)),
        answer_seconds=0.3,
        stop_seconds=0.5,
    )
    code = supervisor.run()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
