"""down: requests in flight finish, new ones are refused, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.conftest import WriteStack
from tests.conftest import Cli
from tfdeploy.processes import find

STACK = "stack: s\nruntime: process\nservices: {one: {models: {gated: {}}}}\n"


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base path with a model that waits for a file."""
    folder = tmp_path_factory.mktemp("gated") / "gated"
    script = Path(__file__).with_name("write_gated.py")
    subprocess.run([sys.executable, str(script), str(folder)], check=True, timeout=120)
    return folder


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not what():
        assert time.monotonic() < end, "it didn't happen in time"
        time.sleep(0.05)


def ask(rest_url: str, folder: Path) -> tuple[int, str]:
    body = json.dumps({"instances": [str(folder)]}).encode()
    try:
        with urllib.request.urlopen(f"{rest_url}/v1/models/gated:predict", body) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Up:
    """The stack, up, and a request in flight."""

    def __init__(self, cli: Cli, pool: ThreadPoolExecutor) -> None:
        self.cli, self.folder = cli, cli.cwd / "request"
        up = cli("up", "s", "--json").succeeded().document
        self.rest_url = up["services"]["one"]["rest"]
        self.config = cli.cwd / "stacks/s/.run/rendered/one/models.config"
        self.text = self.config.read_text()
        self.pid = json.loads((cli.cwd / "stacks/s/.run/one.pid.json").read_text())["pid"]
        self.folder.mkdir()
        self.reply: Future[tuple[int, str]] = pool.submit(ask, self.rest_url, self.folder)
        wait_for(lambda: (self.folder / "begun").exists())

    def down(self, *words: str) -> subprocess.Popen[str]:
        """Begin `down`, and return when the model takes no new requests."""
        child = subprocess.Popen(
            self.cli.argv("down", "s", *words),
            cwd=self.cli.cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert child.stdout is not None
        assert any("gated 1 UNLOADING" in line for line in child.stdout)
        return child

    def go(self) -> None:
        (self.folder / "go").touch()


@pytest.fixture
def up(cli: Cli, stack: WriteStack, gated: Path, pool: ThreadPoolExecutor) -> Iterator[Up]:
    (cli.cwd / "models").mkdir()
    (cli.cwd / "models/gated").symlink_to(gated)
    stack(STACK)
    made = Up(cli, pool)
    yield made
    made.go()


def test_a_request_in_flight_is_answered_and_a_new_one_refused(up: Up) -> None:
    down = up.down("--drain-seconds", "100000")
    code, said = ask(up.rest_url, up.folder)
    assert (code, "Servable not found" in said) == (404, True)
    up.go()
    code, said = up.reply.result()
    assert (code, json.loads(said)) == (200, {"predictions": [1.0]})
    out, err = down.communicate(timeout=120)
    assert (down.returncode, err) == (0, "")
    assert out.endswith("\nstack s on process: stopped one\n")
    assert find(up.pid) is None
    assert up.config.read_text() == up.text


def test_a_request_that_takes_too_long_is_cut_off_and_told(up: Up) -> None:
    down = up.down("--drain-seconds", "1")
    out, err = down.communicate(timeout=120)
    assert down.returncode == 0, out + err
    assert "one wasn't drained: requests to gated 1 were still in flight after 1 s" in err
    assert find(up.pid) is None
    with pytest.raises(OSError, match=r"closed|reset|refused"):
        up.reply.result()


def test_without_a_drain_nothing_is_waited_for(up: Up) -> None:
    ran = up.cli("down", "s", "--drain-seconds", "0", "--json").succeeded()
    assert ran.document["stopped"] == ["one"]
    assert (ran.document["drained"], ran.document["not_drained"]) == ([], {})
    with pytest.raises(OSError, match=r"closed|reset|refused"):
        up.reply.result()


def test_an_interrupted_down_leaves_what_ran_before(up: Up) -> None:
    down = up.down("--drain-seconds", "100000")
    os.killpg(down.pid, signal.SIGINT)
    down.communicate(timeout=120)
    assert down.returncode == 130
    assert up.config.read_text() == up.text
    up.go()
    assert up.reply.result()[0] == 200
    up.cli("wait", "s").succeeded()
    assert find(up.pid) is not None
    assert ask(up.rest_url, up.folder)[0] == 200


def test_a_killed_down_is_mended_by_the_next_up(up: Up) -> None:
    down = up.down("--drain-seconds", "100000")
    os.killpg(down.pid, signal.SIGKILL)
    down.communicate(timeout=120)
    assert up.config.read_text() != up.text
    assert up.cli("status", "s").exit_code == 1
    up.go()
    assert up.reply.result()[0] == 200
    up.cli("up", "s").succeeded()
    assert up.config.read_text() == up.text
    assert find(up.pid) is not None
    up.cli("status", "s").succeeded()
