"""What workers say to each other, and how their states become one."""

import asyncio
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.profile import bounded
from tfdeploy import wire
from tfdeploy.server.catalog import VersionStatus
from tfdeploy.server.hub import Hub
from tfdeploy.server.metrics import Metrics
from tfdeploy.server.peers import LENGTH, RELOAD, STATUSES, pack, unpack
from tfdeploy.server.status import ServingError
from tfdeploy.server.whole_status import dump_statuses, load_statuses, merge_statuses
from tfdeploy.wire import Code, State

pytestmark = pytest.mark.timeout(20)

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "number"]), inner),
)


@bounded(200)
@given(st.dictionaries(st.sampled_from(["ask", "argument", "reply"]), _VALUES))
def test_messages_come_out_as_they_went_in(message: dict[str, Any]) -> None:
    packed = pack(message)
    assert LENGTH.unpack(packed[: LENGTH.size]) == (len(packed) - LENGTH.size,)
    assert unpack(packed[LENGTH.size :]) == message


def test_names_that_are_no_utf_8_pass() -> None:
    message = {"argument": b"\xff/m".decode("utf-8", "surrogateescape"), "reply": math.inf}
    assert unpack(pack(message)[LENGTH.size :]) == message


BROKEN = ServingError(Code.UNKNOWN, "no such file")


def status(version: int, state: State, error: ServingError | None = None) -> VersionStatus:
    return VersionStatus(version, state) if error is None else VersionStatus(version, state, error)


def test_statuses_survive_the_way_between_processes() -> None:
    sent = [status(2, State.AVAILABLE), status(1, State.END, BROKEN)]
    found = load_statuses(json.loads(json.dumps(dump_statuses(sent))))
    assert [(one.version, one.state) for one in found] == [(2, State.AVAILABLE), (1, State.END)]
    assert (found[0].error.code, found[1].error.code) == (Code.OK, Code.UNKNOWN)
    assert found[1].error.message == "no such file"


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ((State.AVAILABLE, State.AVAILABLE), State.AVAILABLE),
        ((State.AVAILABLE, State.LOADING), State.LOADING),
        ((State.START, State.AVAILABLE), State.START),
        ((State.AVAILABLE, None), State.START),
        ((State.AVAILABLE, State.UNLOADING), State.UNLOADING),
        ((State.END, State.UNLOADING), State.UNLOADING),
        ((State.END, State.AVAILABLE), State.UNLOADING),
        ((State.END, State.END), State.END),
        ((State.END, None), State.END),
        ((State.AVAILABLE,), State.AVAILABLE),
    ],
)
def test_a_version_is_where_its_slowest_process_is(states: Any, whole: State) -> None:
    for order in (states, states[::-1]):
        answers = [[status(1, state)] if state is not None else [] for state in order]
        assert [one.state for one in merge_statuses(answers)] == [whole]


def test_an_error_anywhere_is_the_whole_s() -> None:
    answers = [[status(1, State.AVAILABLE)], [status(1, State.END, BROKEN)]]
    (found,) = merge_statuses(answers)
    assert (found.state, found.error.message) == (State.END, "no such file")


def test_all_versions_are_listed_the_highest_first() -> None:
    answers = [[status(3, State.AVAILABLE), status(1, State.END)], [status(2, State.START)]]
    assert [one.version for one in merge_statuses(answers)] == [3, 2, 1]
    assert merge_statuses([]) == merge_statuses([[], []]) == []


class Configuration:
    """Notes in which order configs are applied; the first takes its time."""

    def __init__(self) -> None:
        self.applied: list[str] = []

    def apply(self, config: Any, wake: Any) -> None:
        name = config.model_config_list.config[0].name
        if name == "refused":
            raise ServingError(Code.INVALID_ARGUMENT, "no")
        self.applied.append(name)
        wake()

    def finish(self, config: Any, watch: Any, kind: str) -> None:
        if config.model_config_list.config[0].name == "broken":
            raise ServingError(Code.UNKNOWN, "did not become available")


class Catalog:
    """One model with one version."""

    def statuses(self, name: str) -> list[VersionStatus]:
        return [status(1, State.AVAILABLE)] if name == "m" else []


def config(name: str) -> bytes:
    made = wire.ModelServerConfig()
    made.model_config_list.config.add(name=name)
    data: bytes = made.SerializeToString()
    return data


def hub(configuration: Any) -> Hub:
    catalog: Any = Catalog()
    scheduler: Any = None
    return Hub(catalog, configuration, scheduler, Metrics())


def test_an_answer_says_whether_the_config_is_in_force() -> None:
    async def main() -> list[Any]:
        asked = hub(Configuration())
        return [await asked.answer(RELOAD, config(name)) for name in ("good", "refused", "broken")]

    good, refused, broken = asyncio.run(main())
    assert (good["code"], good["in_force"]) == (Code.OK, True)
    assert (refused["code"], refused["in_force"]) == (Code.INVALID_ARGUMENT, False)
    assert (broken["code"], broken["in_force"]) == (Code.UNKNOWN, True)
    assert json.loads(json.dumps([good, refused, broken])) == [good, refused, broken]


def test_reloads_are_applied_in_the_order_of_their_coming() -> None:
    names = [str(number) for number in range(20)]

    async def main() -> list[str]:
        configuration = Configuration()
        asked = hub(configuration)
        await asyncio.gather(*(asked.answer(RELOAD, config(name)) for name in names))
        return configuration.applied

    assert asyncio.run(main()) == names


class OneGone:
    """Another worker that knows a version which this one lacks, and one that is just starting."""

    async def ask(self, kind: str, argument: Any, answer: Any) -> list[Any]:
        own = await answer(kind, argument)
        return [own, [[2, int(State.AVAILABLE), 0, ""], [1, int(State.AVAILABLE), 0, ""]]]


def test_a_status_is_asked_of_all() -> None:
    asked = hub(Configuration())
    asked._peers = OneGone()

    async def main() -> list[Any]:
        assert await asked.answer(STATUSES, "nobody") == []
        return [(one.version, one.state) for one in await asked.statuses("m", None)]

    assert asyncio.run(main()) == [(2, State.START), (1, State.AVAILABLE)]
