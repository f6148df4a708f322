"""A drain where nobody answers, where the stop fails, and where nothing is to be drained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.test_apply import FakeRuntime, Told
from tfdeploy.apply.drain import Drained, drained
from tfdeploy.apply.wait import Deadline
from tfdeploy.errors import TfdeployError
from tfdeploy.plan import ObservedService, ObservedStack, ObservedVersion

CONFIG = "model_config_list { }\n"
# Nobody listens at port 1.
NOBODY = {"rest_url": "http://127.0.0.1:1", "grpc_address": "127.0.0.1:1"}


def observed(state: str = "running") -> ObservedStack:
    service = ObservedService("one", state, **NOBODY)  # type: ignore[arg-type]
    return ObservedStack({"one/models.config": CONFIG}, {"one": service})


def runtime(folder: Path) -> FakeRuntime:
    (folder / "one").mkdir()
    (folder / "one" / "models.config").write_text(CONFIG)
    return FakeRuntime(folder)


def drain(where: FakeRuntime, what: ObservedStack, seconds: float = 5.0) -> Drained:
    deadline = Deadline(seconds, now=lambda: 0.0, sleep=lambda _: None)
    with drained(where, what, Told(), deadline) as found:
        where.down()
    return found


def text(folder: Path) -> str:
    return (folder / "one" / "models.config").read_text()


def test_a_server_that_does_not_answer_is_stopped_all_the_same(tmp_path: Path) -> None:
    where = runtime(tmp_path)
    found = drain(where, observed())
    assert found.left["one"].startswith("it doesn't answer")
    assert (found.services, where.calls, text(tmp_path)) == ([], ["down"], CONFIG)


@pytest.mark.parametrize(
    ("state", "seconds"), [("running", 0.0), ("exited", 5.0), ("starting", 5.0)]
)
def test_what_serves_nothing_or_should_not_be_drained_is_not(
    state: str, seconds: float, tmp_path: Path
) -> None:
    where = runtime(tmp_path)
    assert drain(where, observed(state), seconds) == Drained([], {})
    assert where.calls == ["down"]


def test_a_container_that_serves_before_its_first_health_check_is_drained(tmp_path: Path) -> None:
    stack = observed("starting")
    serving = replace(stack.services["one"], versions={"m": (ObservedVersion(1, "AVAILABLE"),)})
    found = drain(runtime(tmp_path), replace(stack, services={"one": serving}))
    assert found.left["one"].startswith("it doesn't answer")  # it was asked


def test_a_stop_that_fails_leaves_the_files_as_they_were(tmp_path: Path) -> None:
    where = runtime(tmp_path)
    where.fails["down"] = TfdeployError("TFD413", "it broke", where="w", hint="h")
    with pytest.raises(TfdeployError, match="it broke"):
        drain(where, observed())
    assert text(tmp_path) == CONFIG
