"""Versions come up before others go down, and requests inside keep theirs."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tfdeploy.server.catalog import Catalog
from tfdeploy.server.lifecycle import Lifecycle, RetryPolicy
from tfdeploy.server.servable import Servable
from tfdeploy.server.status import ServingError
from tfdeploy.wire import Code, State

pytestmark = pytest.mark.timeout(20)


class FakeSession:
    """A session that only remembers whether it was closed."""

    meta_graph = b""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def run(self, *_: Any) -> list[Any]:
        return []

    def close(self) -> None:
        self.closed.set()


class Models:
    """A lifecycle over fake models; `broken` holds versions that fail to load."""

    def __init__(self, retries: int = 0, load_threads: int = 0) -> None:
        self.catalog = Catalog()
        self.broken: set[int] = set()
        self.attempts: list[int] = []
        self.lifecycle = Lifecycle(self.catalog, RetryPolicy(retries, 0.01))
        self.lifecycle.start(self._load, load_threads)

    def _load(self, name: str, version: int, _path: str) -> Servable:
        self.attempts.append(version)
        if version in self.broken:
            raise ServingError(Code.DATA_LOSS, "broken")
        return Servable(name, version, FakeSession())

    def aspire(self, *versions: int, forget: bool = False) -> None:
        self.lifecycle.aspire("m", dict.fromkeys(versions, "/m"), forget)

    def states(self) -> dict[int, str]:
        return {status.version: status.state.name for status in self.catalog.statuses("m")}

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, self.states()
            time.sleep(0.005)

    def wait_for(self, **states: str) -> None:
        wanted = {int(name.removeprefix("v")): state for name, state in states.items()}
        self.wait(lambda: self.states() == wanted)


@pytest.fixture
def models() -> Iterator[Models]:
    models = Models()
    yield models
    models.lifecycle.stop()


def test_old_version_goes_down_after_the_new_one_is_up(models: Models) -> None:
    models.aspire(1)
    models.wait_for(v1="AVAILABLE")
    models.aspire(2)
    models.wait_for(v1="END", v2="AVAILABLE")
    assert str(models.catalog.find("m", None)) == "{name: m version: 2}"
    assert models.catalog.find("m", 1) is None


def test_old_version_stays_when_the_new_one_fails(models: Models) -> None:
    models.broken.add(2)
    models.aspire(1)
    models.wait_for(v1="AVAILABLE")
    models.aspire(2)
    models.wait_for(v1="AVAILABLE", v2="END")
    assert models.catalog.statuses("m")[0].error.code == Code.DATA_LOSS


def test_what_is_kept_of_a_failure_is_its_text(models: Models) -> None:
    models.broken = {1}
    models.aspire(1)
    models.wait_for(v1="END")
    (status,) = models.catalog.statuses("m")
    error = status.error
    assert str(error) == "DATA_LOSS: broken"
    assert (error.__traceback__, error.__context__, error.__cause__) == (None, None, None)


def test_a_failed_number_is_not_tried_again_until_the_model_left(models: Models) -> None:
    models.broken.add(2)
    models.aspire(2)
    models.wait_for(v2="END")
    models.broken.clear()
    models.aspire(1)
    models.wait_for(v1="AVAILABLE", v2="END")
    models.aspire(2)
    models.aspire(2, 1)
    time.sleep(0.1)
    assert models.states()[2] == "END"
    models.aspire(forget=True)
    models.wait_for(v1="END", v2="END")
    models.aspire(2)
    models.wait_for(v1="END", v2="AVAILABLE")


def test_a_version_that_went_down_can_come_back(models: Models) -> None:
    for version, states in ((1, {"v1": "AVAILABLE"}), (2, {"v1": "END", "v2": "AVAILABLE"})):
        models.aspire(version)
        models.wait_for(**states)
    models.aspire(1)
    models.wait_for(v1="AVAILABLE", v2="END")


def test_a_request_inside_keeps_its_version(models: Models) -> None:
    models.aspire(1)
    models.wait_for(v1="AVAILABLE")
    servable = models.catalog.find("m", 1)
    assert servable is not None
    assert isinstance(servable.session, FakeSession)
    assert servable.take()
    models.aspire()
    models.wait_for(v1="UNLOADING")
    assert not servable.session.closed.wait(0.1)
    servable.give_back()
    models.wait_for(v1="END")
    assert servable.session.closed.is_set()
    assert not servable.take()


def test_retries() -> None:
    models = Models(retries=2)
    models.broken.add(1)
    models.aspire(1)
    models.wait_for(v1="END")
    assert models.attempts == [1, 1, 1]
    models.lifecycle.stop()


@pytest.mark.parametrize("threads", [0, 4])
def test_highest_version_is_loaded_first(threads: int) -> None:
    models = Models(load_threads=threads)
    models.aspire(1, 3, 2)
    models.wait_for(v1="AVAILABLE", v2="AVAILABLE", v3="AVAILABLE")
    assert models.attempts == [3, 2, 1] or threads
    models.lifecycle.stop()


def test_a_watch_tells_the_first_outcome(models: Models) -> None:
    models.broken.add(1)
    watch = models.catalog.watch(["m"])
    models.aspire(1)
    assert watch.done.wait(10)
    with pytest.raises(ServingError) as caught:
        watch.check("model")
    assert str(caught.value) == (
        "UNKNOWN: 1 model(s) did not become available: "
        "{{{name: m version: 1} due to error: DATA_LOSS: broken}, }"
    )


def test_nothing_to_wait_for_is_done_at_once(models: Models) -> None:
    assert models.catalog.watch([]).done.is_set()


def test_states_are_known_to_the_wire() -> None:
    assert [state.name for state in State] == [
        "UNKNOWN", "START", "LOADING", "AVAILABLE", "UNLOADING", "END",
    ]  # fmt: skip
