"""Which answers the timeline lets pass, and which it complains about."""

import pytest
from soak.observation import Judge, Observation
from soak.timeline import Question, Timeline


@pytest.fixture
def timeline() -> Timeline:
    """Version 1 serves from 10; 2 may from 20, does from 22; 1 may end at 20, has at 25."""
    timeline = Timeline()
    timeline.may_begin("m@", 0, 10)
    timeline.has_begun("m@", 0, 10)
    timeline.may_begin("m", 1, 10)
    timeline.has_begun("m", 1, 10)
    timeline.may_begin("m@stable", 1, 10)
    timeline.has_begun("m@stable", 1, 10)
    timeline.may_begin("m", 2, 20)
    timeline.may_end("m", 1, 20)
    timeline.has_begun("m", 2, 22)
    timeline.has_ended("m", 1, 25)
    return timeline


@pytest.mark.parametrize(
    ("version", "start", "end", "complaint"),
    [
        (1, 11, 12, None),
        (1, 21.9, 30, None),
        (2, 19, 20.5, None),
        (1, 21, 21.5, None),
        (1, 25.5, 26, "possible were [2]"),
        (2, 11, 12, "possible were [1]"),
        (1, 22.5, 23, "2 was there"),
        (3, 11, 12, "possible were [1]"),
    ],
    ids=[
        "the only one", "asked before its successor was seen", "came in between",
        "either while they change",
        "after its end", "before its time", "an older one than the newest", "never there",
    ],
)  # fmt: skip
def test_the_latest_version(
    timeline: Timeline, version: int, start: float, end: float, complaint: str | None
) -> None:
    found = timeline.complaint(Question("m"), start, end, version)
    assert (found is None) == (complaint is None)
    assert complaint is None or complaint in str(found)


def test_a_number_must_answer_itself(timeline: Timeline) -> None:
    asked = Question("m", "version", "1")
    assert timeline.complaint(asked, 21, 24, 1) is None
    assert timeline.complaint(asked, 21, 24, 2) == "version 2 answered"


def test_not_found_is_right_only_for_what_may_be_gone(timeline: Timeline) -> None:
    number = Question("m", "version", "1")
    assert timeline.absence_complaint(number, 11, 12) is not None
    assert timeline.absence_complaint(number, 19, 21) is None
    assert timeline.absence_complaint(number, 30, 31) is None
    assert timeline.absence_complaint(Question("m"), 20.5, 21) is not None
    assert timeline.absence_complaint(Question("m", "label", "stable"), 11, 12) is not None
    assert timeline.absence_complaint(Question("other"), 11, 12) is None
    timeline.may_end("m@", 0, 40)
    assert timeline.absence_complaint(Question("m"), 41, 42) is None


def test_a_label_answers_with_a_version_that_it_was_on(timeline: Timeline) -> None:
    asked = Question("m", "label", "stable")
    assert timeline.complaint(asked, 11, 12, 1) is None
    assert "the label was on [1]" in str(timeline.complaint(asked, 23, 24, 2))
    timeline.may_begin("m@stable", 2, 23)
    assert timeline.complaint(asked, 23, 24, 2) is None


def test_a_status_lists_what_is_there(timeline: Timeline) -> None:
    asked = Question("m")
    assert timeline.listing_complaint(asked, 11, 12, {1}) is None
    assert timeline.listing_complaint(asked, 21, 21, {1, 2}) is None
    assert "[1] not AVAILABLE" in str(timeline.listing_complaint(asked, 11, 12, set()))
    assert "[2] AVAILABLE" in str(timeline.listing_complaint(asked, 11, 12, {1, 2}))


def test_a_version_may_come_back(timeline: Timeline) -> None:
    timeline.may_begin("m", 1, 50)
    timeline.has_begun("m", 1, 52)
    assert timeline.complaint(Question("m", "version", "1"), 51, 51, 1) is None
    assert timeline.complaint(Question("m", "version", "1"), 30, 31, 1) is not None
    assert timeline.absence_complaint(Question("m", "version", "1"), 53, 54) is not None


def test_the_judge_turns_contradictions_into_failures(timeline: Timeline) -> None:
    judge = Judge(timeline)
    judge.add(Observation("k", "answered", Question("m"), 11, 12, (1,)))
    judge.add(Observation("k", "answered", Question("m"), 11, 12, (2,), sent=b"POST"))
    judge.add(Observation("k", "absent", Question("m"), 11, 12))
    judge.add(Observation("k", "lost", Question("m"), 11, 12, note="reset"))
    judge.add(Observation("k", "listed", Question("m"), 11, 12, (1, 2)))
    judge.add(Observation("k", "refused"))
    assert judge.by_kind() == {"k": {"answered": 1, "lost": 2, "refused": 1, "wrong": 2}}
    assert len(judge.failures) == 4
    assert "b'POST'" in judge.failures[0]
