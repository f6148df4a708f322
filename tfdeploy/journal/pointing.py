"""Where labels and versions stood over time, as the journal saw it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tfdeploy.journal.entry import Entry, Served

Seen = Callable[[Served], int | None]


def label_at(model: str, label: str, version: int) -> Callable[[Served], bool]:
    """Whether a label answers with a version."""
    return lambda served: label_of(model, label)(served) == version


def serves(model: str, version: int) -> Callable[[Served], bool]:
    """Whether a version answers."""
    return lambda served: version in served.versions.get(model, ())


def label_of(model: str, label: str) -> Seen:
    """The version that a label answers with."""
    return lambda served: served.labels.get(model, {}).get(label)


def highest_of(model: str) -> Seen:
    """The version that requests without a label reach."""
    return lambda served: max(served.versions.get(model, ()), default=None)


def values_over_time(entries: Iterable[Entry], service: str, seen: Seen) -> list[int]:
    """Every value that was seen before and after changes, oldest first, each run of one once.

    Args:
        entries: oldest first.
        service: the service that is looked at.
        seen: what is looked at.
    """
    values: list[int] = []
    for served in _states(entries, service):
        value = seen(served)
        if value is not None and (not values or values[-1] != value):
            values.append(value)
    return values


def since(entries: Iterable[Entry], service: str, holds: Callable[[Served], bool]) -> float | None:
    """When what holds now began to, in seconds since 1970; None where no change shows its begin.

    A service that was down meanwhile begins anew.

    Args:
        entries: oldest first.
        service: the service that is looked at.
        holds: what is looked at.
    """
    began: float | None = None
    held = False
    for entry in entries:
        if entry.after is None or entry.after.services is None:
            continue
        served = entry.after.services.get(service)
        holds_now = served is not None and holds(served)
        if holds_now and not held:
            was = (entry.before.services or {}).get(service)
            began = None if was is not None and holds(was) else entry.ended
        held = holds_now
    return began if held else None


def _states(entries: Iterable[Entry], service: str) -> Iterator[Served]:
    for entry in entries:
        for state in (entry.before, entry.after):
            served = (state.services or {}).get(service) if state else None
            if served is not None:
                yield served
