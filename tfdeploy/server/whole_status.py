"""The states of versions over several processes: a version is where its slowest process is."""

from collections.abc import Sequence
from typing import Any

from tfdeploy.server.catalog import VersionStatus
from tfdeploy.server.status import ServingError
from tfdeploy.wire import Code, State


def dump_statuses(statuses: Sequence[VersionStatus]) -> list[Any]:
    """Statuses as data that JSON can hold."""
    return [
        [status.version, int(status.state), int(status.error.code), status.error.message]
        for status in statuses
    ]


def load_statuses(data: Sequence[Any]) -> list[VersionStatus]:
    """What `dump_statuses` made."""
    return [
        VersionStatus(version, State(state), ServingError(Code(code), message))
        for version, state, code, message in data
    ]


def merge_statuses(answers: Sequence[Sequence[VersionStatus]]) -> list[VersionStatus]:
    """One status for each version that any process knows, the highest version first."""
    known: dict[int, list[VersionStatus]] = {}
    for answer in answers:
        for status in answer:
            known.setdefault(status.version, []).append(status)
    return [_merge(known[version], len(answers)) for version in sorted(known, reverse=True)]


def _merge(statuses: list[VersionStatus], processes: int) -> VersionStatus:
    failed = [status for status in statuses if status.error.code != Code.OK]
    if failed:
        return failed[0]
    states = {status.state for status in statuses}
    version = statuses[0].version
    if states == {State.END}:
        return statuses[0]
    if states & {State.UNLOADING, State.END}:
        return VersionStatus(version, State.UNLOADING)
    # A process that was restarted does not know the version yet.
    first = min(states) if len(statuses) == processes else State.START
    return VersionStatus(version, first)
