"""Where labels and versions stood over time, as the journal saw it."""

from __future__ import annotations

from collections.abc import Sequence

from tfdeploy.journal import Entry, Served, State
from tfdeploy.journal.pointing import (
    highest_of,
    label_at,
    label_of,
    serves,
    since,
    values_over_time,
)


def state(stable: int | None, *versions: int) -> State:
    labels = {"m": {"stable": stable}} if stable is not None else {}
    return State("text", {"a": Served("running", {"m": versions}, labels)})


def entry(number: int, before: State, after: State | None) -> Entry:
    return Entry(
        number=number,
        command=("tfdeploy", "up", "s"),
        user="u",
        host="h",
        pid=1,
        started=0.0,
        began=float(number * 10),
        ended=float(number * 10 + 1),
        before=before,
        found="text",
        wanted="text",
        after=after,
        result="done" if after else "failed",
    )


DOWN = State("text", {})
ENTRIES: Sequence[Entry] = (
    entry(1, DOWN, state(2, 2)),
    entry(2, state(2, 2), state(3, 3)),
    entry(3, state(3, 3), None),
    entry(4, state(3, 3), State("text")),
    entry(5, state(3, 3), state(3, 3, 4)),
)


def test_values_are_listed_in_order_each_run_once() -> None:
    assert values_over_time(ENTRIES, "a", label_of("m", "stable")) == [2, 3]
    assert values_over_time(ENTRIES, "a", highest_of("m")) == [2, 3, 4]
    assert values_over_time(ENTRIES, "a", label_of("m", "canary")) == []
    assert values_over_time(ENTRIES, "other", highest_of("m")) == []


def test_what_holds_began_with_the_change_that_brought_it() -> None:
    assert since(ENTRIES, "a", label_at("m", "stable", 3)) == 21.0
    assert since(ENTRIES, "a", serves("m", 4)) == 51.0
    assert since(ENTRIES, "a", label_at("m", "stable", 2)) is None


def test_what_was_there_before_the_first_entry_has_no_begin() -> None:
    assert since(ENTRIES[1:2], "a", serves("m", 3)) == 21.0
    assert since(ENTRIES[3:], "a", serves("m", 3)) is None


def test_a_service_that_was_down_begins_anew() -> None:
    again = (
        *ENTRIES,
        entry(6, state(3, 3, 4), DOWN),
        entry(7, DOWN, state(3, 3)),
    )
    assert since(again, "a", serves("m", 3)) == 71.0
    assert since(again[:-1], "a", serves("m", 3)) is None
