"""The process that looks after the workers, with workers that serve nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.serving.conftest import environment

pytestmark = pytest.mark.timeout(60)
Play = Callable[[str], "Supervised"]
SCRIPT = Path(__file__).with_name("fake_workers.py")


class Supervised:
    """A supervisor that plays a scenario in a folder."""

    def __init__(self, scenario: str, folder: Path) -> None:
        self._folder = folder
        self._out = (folder / "out").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), scenario, str(folder)],
            stdout=self._out,
            stderr=self._out,
            env=environment(),
        )

    @property
    def events(self) -> list[str]:
        log = self._folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def output(self) -> str:
        return (self._folder / "out").read_text()

    def pids(self) -> list[int]:
        files = self._folder.glob("starts-*")
        return [int(word) for file in files for word in file.read_text().split()]

    def wait_for(self, *texts: str) -> None:
        """Until each text is an event, or the test's time is up."""
        while not all(text in self.events for text in texts):
            assert self.process.poll() is None, self.output
            time.sleep(0.02)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._out.close()
        for pid in filter(psutil.pid_exists, self.pids()):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """``play("scenario")`` starts a supervisor; it ends with the test."""
    playing: list[Supervised] = []

    def start(scenario: str) -> Supervised:
        playing.append(Supervised(scenario, tmp_path))
        return playing[-1]

    yield start
    for one in playing:
        one.end()


def stop(supervised: Supervised, number: int = signal.SIGTERM) -> None:
    supervised.process.send_signal(number)
    assert supervised.process.wait() == 128 + number, supervised.output
    assert not any(map(psutil.pid_exists, supervised.pids()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_workers_hear_each_other_and_end_together(play: Play, number: int) -> None:
    supervised = play("peaceful")
    supervised.wait_for("0.1 open", "1.1 open", "0.1 answers [[0], [1]]")
    stop(supervised, number)


def test_a_worker_that_hangs_is_left_out_and_killed_at_the_end(play: Play) -> None:
    supervised = play("hangs")
    supervised.wait_for("0.1 answers [[0]]")
    stop(supervised)
    assert "does not end; killed" in supervised.output


def test_a_new_worker_gets_the_last_reload_that_came_into_force(play: Play) -> None:
    supervised = play("reloads")
    supervised.wait_for("1.2 open")
    events = [event for event in supervised.events if event.startswith("1.2 ")]
    assert events == ["1.2 reload good", "1.2 open"]
    stop(supervised)


def test_a_worker_that_asks_and_dies_leaves_nothing_waiting(play: Play) -> None:
    supervised = play("asks_and_dies")
    supervised.wait_for("0.1 answers [[0], [1]]")
    stop(supervised)


def test_a_worker_that_dies_over_a_reload_is_not_waited_for_and_catches_up(play: Play) -> None:
    supervised = play("dies_while_asked")
    supervised.wait_for("0.1 complete")
    events = [event for event in supervised.events if event.startswith("1.2 ")]
    assert events == ["1.2 reload good", "1.2 open"]
    stop(supervised)


def test_a_worker_that_cannot_start_ends_all_with_its_reason(play: Play) -> None:
    supervised = play("fails")
    assert supervised.process.wait() == 255
    assert supervised.output.count("Failed to start server. Error: because of ") == 1
    assert not any(map(psutil.pid_exists, supervised.pids()))


def test_others_go_on_while_one_can_never_start_again(play: Play) -> None:
    supervised = play("never_again")
    supervised.wait_for("0.1 complete")
    assert "ended with 255 because of the model is gone" in supervised.output
    stop(supervised)


def test_workers_do_not_outlive_their_supervisor(play: Play) -> None:
    supervised = play("peaceful")
    supervised.wait_for("0.1 answers [[0], [1]]")
    supervised.process.kill()
    supervised.process.wait()
    while any(map(psutil.pid_exists, supervised.pids())):
        time.sleep(0.02)


def test_a_signal_at_any_moment_of_the_start_ends_all(play: Play) -> None:
    for delay in (0.0, 0.01, 0.02, 0.05):
        supervised = play("peaceful")
        while not supervised.pids():
            assert supervised.process.poll() is None, supervised.output
        time.sleep(delay)
        stop(supervised)
        for file in supervised._folder.glob("starts-*"):
            file.unlink()
