"""tfdeploy, killed by itself with SIGKILL at a point that the first two words name.

    python killed.py step 2.5 up s      # after step 2 of the plan; 2 is before it
    python killed.py effect 7 up s      # before the 7th effect on files and processes
    python killed.py during 3 up s      # while the 3rd child process is at work

It ends as the command does where that has no such point.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from tfdeploy.cli import reporters
from tfdeploy.cli.main import main
from tfdeploy.plan import Step

HERE = os.getcwd()
ON_PATHS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.copyfile"}
ON_PROCESSES = {"subprocess.Popen", "os.killpg"}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Reporter(reporters.PlainReporter):
    """Dies at its point of the plan."""

    def __init__(self, as_json: bool, point: float) -> None:
        super().__init__(as_json)
        self._point = point
        self._number = 0

    def begin(self, step: Step) -> None:
        super().begin(step)
        self._number += 1
        if self._number == self._point:
            die()

    def end(self, step: Step, seconds: float) -> None:
        super().end(step, seconds)
        if self._number + 0.5 == self._point:
            die()


class Effects:
    """Counts what Python tells its auditors, and dies before the one that is meant."""

    def __init__(self, last: int) -> None:
        self._left = last

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        on_path = event in ON_PATHS and HERE in os.path.abspath(os.fspath(arguments[0]))
        if on_path or event in ON_PROCESSES:
            self._left -= 1
            if self._left == 0:
                die()


class Children:
    """Counts child processes, and dies a moment after the one that is meant has begun."""

    def __init__(self, last: int) -> None:
        self._left = last

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            self._left -= 1
            if self._left == 0:
                threading.Timer(0.3, die).start()


if __name__ == "__main__":
    kind, point, *words = sys.argv[1:]
    if kind == "step":
        reporters.GIVEN.set(lambda as_json: Reporter(as_json, float(point)))
    else:
        sys.addaudithook((Effects if kind == "effect" else Children)(int(point)))
    main(words)
