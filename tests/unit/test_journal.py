"""The journal: what is kept, what is forgotten, and where an undo goes back to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tfdeploy.errors import SeveralErrors, TfdeployError
from tfdeploy.journal import (
    JOURNAL_DIR,
    Damaged,
    Entry,
    Journal,
    Served,
    State,
    Writer,
    label_before,
    read_journal,
    versions_needed_by_undo,
)
from tfdeploy.journal.entry import parse_entry
from tfdeploy.journal.folder import KEPT, last_start_seconds, unsure_services
from tfdeploy.journal.restoring import restored
from tfdeploy.journal.undoing import is_edited, redoable, undoable, undone_by

A, B, C = (f"stack: s\nservices: {{one: {{models: {{{m}: {{}}}}}}}}\n" for m in "abc")


def up(version: int, **labels: int) -> dict[str, Served]:
    return {"one": Served("running", {"a": (version,)}, {"a": labels} if labels else {})}


def entry(number: int, before: str = A, after: str = B, **settings: Any) -> Entry:
    values: dict[str, Any] = {
        "number": number,
        "command": ("tfdeploy", "up", "s"),
        "user": "ann",
        "host": "box",
        "pid": 1,
        "started": 0.0,
        "began": 100.0 + number,
        "ended": 101.0 + number,
        "before": State(before, up(1)),
        "found": before,
        "wanted": after,
        "after": State(after, up(2)),
        "result": "done",
        "deploys": True,
        "plan": {"steps": [{"step": "start", "what": "start one", "service": "one"}]},
    }
    return Entry(**{**values, **settings})


def edit(number: int, before: str, after: str) -> Entry:
    states = {"before": State(before), "after": State(after), "plan": None, "deploys": False}
    return replace(entry(number, before, after), **states)


def undo(number: int, of: int, **settings: Any) -> Entry:
    return entry(number, kind="undo", of=of, **settings)


def numbers(entries: list[Entry]) -> list[int]:
    return [one.number for one in entries]


def cut_short(number: int, **settings: Any) -> Entry:
    return replace(entry(number, **settings), result="cut short", after=None, ended=None)


def test_an_entry_reads_back_as_it_was_written() -> None:
    plan = {"stack": "s", "runtime": "process", "steps": [{"step": "start", "what": "start one"}]}
    one = entry(3, plan=plan, step=1, server=("x",), brought=("/m",), error={"code": "TFD410"})
    assert parse_entry(json.loads(json.dumps(one.as_data()))) == one
    assert parse_entry({**one.as_data(), "of a later release": 1}) == one


def test_each_undo_goes_one_change_further_back_and_redo_comes_forth_again() -> None:
    entries = [entry(1), entry(2), entry(3)]
    assert numbers(undoable(entries)) == [1, 2, 3]
    entries += [undo(4, 3), undo(5, 2)]
    assert numbers(undoable(entries)) == [1]
    assert undone_by(entries) == {3: 4, 2: 5}
    assert redoable(entries) == entries[4]
    entries.append(replace(undo(6, 5), kind="redo"))
    assert numbers(undoable(entries)) == [1, 2]
    assert redoable(entries) == entries[3]


def test_a_new_change_ends_what_can_be_redone() -> None:
    entries = [entry(1), undo(2, 1), entry(3)]
    assert redoable(entries) is None
    assert numbers(undoable(entries)) == [3]


def test_what_failed_changed_nothing_and_is_nothing_to_undo() -> None:
    entries = [entry(1), entry(2, result="failed"), entry(3, result="interrupted")]
    assert numbers(undoable(entries)) == [1]
    assert numbers(undoable([entry(1), undo(2, 1, result="failed")])) == [1]


def test_an_undo_of_an_up_goes_back_over_the_edits_that_it_brought_up() -> None:
    entries = [entry(1, A, A), edit(2, A, B), entry(3, A, B, found=B)]
    assert numbers(undoable(entries)) == [1, 2, 3]
    assert numbers(undoable([*entries, undo(4, 3)])) == [1]
    assert numbers(undoable([*entries, undo(4, 3), replace(undo(5, 4), kind="redo")])) == [1, 2, 3]
    assert numbers(undoable([*entries[:2], undo(3, 2)])) == [1]


def test_what_was_cut_short_is_part_of_the_change_that_finished_it() -> None:
    entries = [entry(1), cut_short(2)]
    assert numbers(undoable(entries)) == [1, 2]
    journal = Journal(tuple(entries))
    assert journal.unfinished == [entries[1]]
    assert journal.deployed == entries[1].before
    entries.append(entry(3, B, B, finishes=2))
    assert numbers(undoable(entries)) == [1, 3]
    assert Journal(tuple(entries)).unfinished == []


def test_a_service_is_unsure_when_its_reload_was_begun_and_not_seen_to_end() -> None:
    steps = [{"step": "reload", "service": "one"}, {"step": "wait", "service": "one"}]
    steps += [{"step": "reload", "service": "two"}]
    at = {n: cut_short(1, plan={"steps": steps}, step=n).unsure_services() for n in range(4)}
    assert at == {0: set(), 1: {"one"}, 2: set(), 3: {"two"}}
    back = cut_short(1, plan={"steps": steps}, step=3, taking_back=True)
    assert back.unsure_services() == {"one", "two"}


@pytest.mark.parametrize(
    ("entries", "text", "edited"),
    [
        ([], A, False),
        ([entry(1)], B, False),
        ([entry(1)], A, True),
        ([entry(1), cut_short(2, before=B, after=C)], C, False),
        ([entry(1), cut_short(2, before=B, after=C)], A, True),
        ([entry(1), entry(2, C, C, result="failed")], C, True),
    ],
)
def test_an_edit_by_hand_is_seen(entries: list[Entry], text: str, edited: bool) -> None:
    assert is_edited(entries, text) is edited


def test_where_a_label_pointed_before() -> None:
    entries = [
        entry(1, before=A, after=A),
        replace(entry(2), before=State(A, up(1, stable=1)), after=State(A, up(2, stable=2))),
        replace(entry(3), before=State(A, up(2, stable=2)), after=State(A, up(3, stable=3))),
        edit(4, A, B),
    ]
    newest = Journal(tuple(entries)).newest_first
    assert label_before(newest, "one", "a", "stable", 3) == (2, entries[2])
    assert label_before(newest, "one", "a", "stable", 2) == (3, entries[2])
    assert label_before(newest, "one", "a", "canary", 3) is None


def test_versions_that_an_undo_needs_stay(tmp_path: Path) -> None:
    path = tmp_path / "stacks/s/stack.yaml"
    old = replace(entry(1), before=State(A, up(1)))
    new = replace(entry(2), before=State(A, up(2)))
    base_path = tmp_path / "models/a"
    journal = Journal((old, new))
    assert versions_needed_by_undo(journal, path) == {base_path: {2: 2}}
    assert versions_needed_by_undo(journal, path, changes=2) == {base_path: {2: 2, 1: 1}}
    undone = Journal((old, new, replace(undo(3, 2), before=State(A, up(7)))))
    assert versions_needed_by_undo(undone, path) == {base_path: {1: 1, 7: 3}}


def models(root: Path, *versions: int) -> Path:
    for version in versions:
        folder = root / "models/a" / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "saved_model.pb").write_bytes(b"")
    return root / "stacks/s/stack.yaml"


def test_a_state_comes_back_as_it_was_or_pinned_where_the_disk_moved_on(tmp_path: Path) -> None:
    path = models(tmp_path, 1, 2)
    assert restored(State(A, up(2)), path).text == A
    pinned = restored(State(A, up(1)), path)
    assert "specific: [1]" in pinned.text
    assert pinned.stack.services["one"].models["a"].versions.specific == [1]  # type: ignore[union-attr]


def test_a_state_whose_versions_are_gone_does_not_come_back(tmp_path: Path) -> None:
    path = models(tmp_path, 2)
    with pytest.raises(TfdeployError, match="version 1, no longer on disk") as gone:
        restored(State(A, up(1)), path)
    assert gone.value.code == "TFD422"
    text = A.replace("{a: {}}", "{a: {}, b: {}}")
    both = {"one": Served("running", {"a": (1,), "b": (4, 5)})}
    with pytest.raises(SeveralErrors) as several:
        restored(State(text, both), path)
    assert len(several.value.all()) == 2


def test_a_state_that_nobody_wrote_down_does_not_come_back(tmp_path: Path) -> None:
    with pytest.raises(TfdeployError) as unknown:
        restored(State(None, up(1)), tmp_path / "stack.yaml")
    assert unknown.value.code == "TFD421"


def test_a_damaged_entry_stands_aside_and_its_number_is_not_used_again(tmp_path: Path) -> None:
    said: list[str] = []
    writer = Writer(tmp_path, said.append)
    assert writer.begin(entry(0)).number == 1
    writer.end("done")
    path = tmp_path / JOURNAL_DIR / "000002.json"
    for text in ("", "{", "[]", "null", '{"number": 2}', '{"before": 1}', "\x00"):
        path.write_text(text)
        journal = read_journal(tmp_path)
        assert numbers(list(journal.entries)) == [1]
        assert [one.number for one in journal.damaged] == [2]
        assert isinstance(journal.damaged[0], Damaged)
    path.write_bytes(b"\xff\xfe")
    assert len(read_journal(tmp_path).damaged) == 1
    assert Writer(tmp_path, said.append).begin(entry(0)).number == 3
    assert said == []


def test_what_a_killed_command_left_is_closed_as_cut_short(tmp_path: Path) -> None:
    plan = {"steps": [{"step": "reload", "what": "reload one", "service": "one", "cause": "c"}]}
    Writer(tmp_path, print).begin(entry(0, result="working", ended=None, plan=plan, step=1))
    assert unsure_services(tmp_path) == set(), "on another host it is believed to be at work"
    closed = Writer(tmp_path, print).close_cut_short(read_journal(tmp_path))
    assert [(one.number, one.result, one.ended) for one in closed] == [(1, "cut short", None)]
    assert read_journal(tmp_path).entries[0].result == "cut short"
    assert unsure_services(tmp_path) == {"one"}
    assert Writer(tmp_path, print).close_cut_short(read_journal(tmp_path)) == []


def test_the_oldest_entries_go(tmp_path: Path) -> None:
    for _ in range(KEPT + 3):
        Writer(tmp_path, print).begin(entry(0))
    kept = numbers(list(read_journal(tmp_path).entries))
    assert (kept[0], kept[-1], len(kept)) == (4, KEPT + 3, KEPT)


def test_a_journal_that_cannot_be_written_stops_nothing_and_is_told_once(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_DIR).write_text("no folder")
    said: list[str] = []
    writer = Writer(tmp_path, said.append)
    writer.begin(entry(0))
    writer.update(step=1)
    writer.end("done")
    writer.drop()
    assert len(said) == 1
    assert "isn't written down" in said[0]


def test_how_long_a_service_took_to_start_is_known_from_its_last_start(tmp_path: Path) -> None:
    def steps(*kinds: str) -> dict[str, Any]:
        return {"steps": [{"step": kind, "service": "one"} for kind in kinds]}

    writer = Writer(tmp_path, lambda _: None)
    for plan, took in (
        (steps("start", "wait"), (0.5, 7.0)),
        (steps("recreate", "wait"), (1.0, 2.5)),
        (steps("reload", "wait"), (0.1, 9.0)),
    ):
        writer.begin(entry(0, plan=plan))
        writer.end("done", took=took)
    writer.begin(entry(0, plan=steps("recreate", "wait")))
    writer.end("failed", took=(4.0,))
    assert last_start_seconds(tmp_path, "one") == 3.5
    assert last_start_seconds(tmp_path, "two") is None
