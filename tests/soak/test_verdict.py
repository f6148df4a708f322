"""When a run counts as failed."""

from collections.abc import Callable
from typing import Any

import pytest
from soak.observation import Judge, Observation
from soak.summary import render_summary, summarize
from soak.timeline import Timeline
from soak.watching import Sample, trend, warm_up_seconds

ENDING = {"stop_seconds": 0.1, "exit_code": 143, "alarms": []}
Figure = Callable[[int], int]


def samples(seconds: int, memory: Figure, files: Figure = lambda second: 40) -> list[Sample]:
    return [
        Sample(second, memory(second), 1, memory(second), files(second), 30, second / 2)
        for second in range(seconds)
    ]


def verdict(taken: list[Sample], ending: dict[str, Any] = ENDING, *seen: Observation) -> list[str]:
    judge = Judge(Timeline())
    for observation in seen:
        judge.add(observation)
    summary = summarize(judge, taken, len(taken), {"reloads": 3}, ending)
    reasons: list[str] = summary["reasons"]
    assert ("; ".join(reasons) or "all is well") in render_summary(summary)
    return reasons


def test_warm_up_is_a_minute_or_a_third() -> None:
    assert (warm_up_seconds(3600), warm_up_seconds(180), warm_up_seconds(60)) == (60, 60, 20)


def test_what_grows_during_the_warm_up_is_no_leak() -> None:
    assert verdict(samples(600, lambda second: 100 + min(second, 60))) == []


def test_a_slow_leak_is_found() -> None:
    reasons = verdict(samples(3600, lambda second: 10_000 + second))
    assert reasons == ["RSS grew by 28.3%"]


def test_a_minute_allows_more_than_an_hour() -> None:
    assert verdict(samples(60, lambda second: 1000 + second)) == []
    assert verdict(samples(60, lambda second: 1000 + 5 * second)) == ["RSS grew by 11.7%"]


def test_peaks_are_no_leak() -> None:
    assert verdict(samples(600, lambda second: 300 if second % 3 == 0 else 100)) == []


def test_a_descriptor_lost_every_ten_seconds_is_found() -> None:
    reasons = verdict(samples(600, lambda second: 100, lambda second: 40 + second // 10))
    assert reasons == ["files went from 47 to 88"]


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ({**ENDING, "exit_code": None}, "it did not end on SIGTERM"),
        ({**ENDING, "exit_code": -6}, "it ended with -6 on SIGTERM"),
        ({**ENDING, "alarms": ["Traceback"]}, "1 alarms in its log"),
    ],
)
def test_a_bad_end_fails(ending: dict[str, Any], reason: str) -> None:
    assert verdict(samples(60, lambda second: 100), ending) == [reason]


def test_one_lost_request_fails() -> None:
    lost = Observation("rest rows", "lost", note="reset")
    assert verdict(samples(60, lambda second: 100), ENDING, lost) == ["1 lost"]


def test_a_server_that_vanished_has_no_trend() -> None:
    taken = samples(60, lambda second: 100)[:30]
    assert trend(taken, 60, lambda s: s.rss_bytes) == (0.0, 0.0)
    judge = Judge(Timeline())
    assert summarize(judge, taken, 60, {}, ENDING)["reasons"] == [
        "memory was not measured to the end"
    ]
