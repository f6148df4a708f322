"""Every broken machine is found for what it is, and nothing is found on the healthy ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tfdeploy.doctor import CHECKS, Facts, Finding, examine, load_facts, save_facts
from tfdeploy.doctor.facts import Docker, Host, Unwritable
from tfdeploy.errors import CATALOGUE

HERE = Path(__file__).parent
BROKEN = HERE / "broken"
INDEX = yaml.safe_load((BROKEN / "index.yaml").read_text())
HEALTHY = sorted((HERE / "healthy").iterdir())


def findings(facts: Facts) -> list[Finding]:
    return [one for outcome in examine(facts, CHECKS) for one in outcome.findings]


@pytest.mark.parametrize("name", INDEX)
def test_a_broken_machine_is_found_for_what_it_is_and_nothing_else(name: str) -> None:
    found = findings(load_facts(BROKEN / name))
    assert [f"{one.severity} {one.code}" for one in found] == INDEX[name]["finds"]
    for one in found:
        assert one.message.endswith("."), one
        assert one.causes.endswith("."), one
        assert one.fix.endswith("."), one


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_nothing_is_found_on_a_healthy_machine(path: Path) -> None:
    assert findings(load_facts(path)) == []


def test_the_corpus_is_whole() -> None:
    assert {path.name for path in BROKEN.iterdir()} - {"index.yaml"} == set(INDEX)
    named = [one for one in INDEX.values() if re.search(r"#\d+$", one["from"])]
    assert len(named) >= 35
    assert len(HEALTHY) >= 6
    assert all(one["finds"] for one in INDEX.values())


def test_every_check_finds_something_in_the_corpus_under_a_code_that_is_explained() -> None:
    seen = {
        (outcome.check.name, finding.code)
        for name in INDEX
        for outcome in examine(load_facts(BROKEN / name), CHECKS)
        for finding in outcome.findings
    }
    assert {one.name for one in CHECKS} == {name for name, _ in seen}
    declared = {(check.name, code) for check in CHECKS for code in check.codes}
    from_the_file = {pair for pair in seen if pair[0] == "stack file and models"}
    assert declared == seen - from_the_file
    ours = {code for code in CATALOGUE if "TFD460" <= code < "TFD489"}
    assert ours <= {code for _, code in seen}
    for code in ours:
        assert CATALOGUE[code].why.endswith("."), code
        assert CATALOGUE[code].fix.endswith("."), code


def test_what_fix_would_do_is_told_by_the_table() -> None:
    mends = {
        outcome.check.name
        for name in INDEX
        for outcome in examine(load_facts(BROKEN / name), CHECKS)
        if any(finding.mend for finding in outcome.findings)
    }
    assert mends == {check.name for check in CHECKS if check.mends}


def test_a_bare_machine_is_told_of_without_a_guess() -> None:
    """Nothing is known: every check is made, or says why it isn't."""
    facts = Facts(runtime="process", host=Host(clock=1.8e9, tensorflow="2.20.0"), docker=Docker())
    outcomes = examine(facts, CHECKS)
    assert [one for one in outcomes if one.findings] == []
    skipped = {one.check.name: one.why_not for one in outcomes if one.why_not}
    assert skipped["processor"] == "this system doesn't list its features"
    assert skipped["engine"] == "services run as processes here"
    assert skipped["published ports"] == "no stack was given"


@pytest.mark.parametrize(
    "path", [*HEALTHY, *(BROKEN / name for name in INDEX)], ids=lambda p: p.stem
)
def test_facts_are_read_as_they_were_written(path: Path, tmp_path: Path) -> None:
    save_facts(tmp_path / "facts.json", load_facts(path))
    assert (tmp_path / "facts.json").read_text() == path.read_text()


def test_remedies_name_the_stack_and_causes_are_of_what_was_left() -> None:
    left = findings(load_facts(BROKEN / "left_by_a_kill.json"))
    assert [one.fix for one in left] == ["`tfdeploy doctor vision --fix` removes it."] * 2
    assert left[0].causes.startswith("nothing is refused for it")
    assert left[1].causes == "disk is taken for what nothing reads."
    (cut,) = findings(load_facts(BROKEN / "change_cut_short.json"))
    assert "`tfdeploy up vision`" in cut.fix
    assert "`tfdeploy undo vision`" in cut.fix
    full = findings(load_facts(BROKEN / "disk_full.json"))
    assert not any("STACK" in one.fix for one in (*left, cut, *full))


def test_a_folder_whose_mode_is_right_isnt_to_be_given_another() -> None:
    facts = load_facts(BROKEN / "left_by_a_kill.json")
    assert facts.stack
    folder = Unwritable(path="/srv/s", owner=0, own=True, by_mode=True)
    stack = facts.stack.model_copy(update={"leftovers": [], "unwritable": [folder]})
    (one,) = findings(facts.model_copy(update={"stack": stack}))
    assert "`lsattr -d /srv/s`" in one.fix
    assert "chmod" not in one.fix


def test_one_file_was_and_two_were() -> None:
    facts = load_facts(BROKEN / "files_from_the_future.json")
    assert facts.stack
    said = []
    for future in (["a"], ["a", "b"], ["a", "b", "c"]):
        stack = facts.stack.model_copy(update={"future": future})
        (one,) = findings(facts.model_copy(update={"stack": stack}))
        said.append(one.message)
    assert said == [
        "a was written at a time to come.",
        "a and 1 other were written at a time to come.",
        "a and 2 others were written at a time to come.",
    ]


# What each function of the table can meet: a machine of which nearly nothing is known.
@pytest.mark.parametrize("name", INDEX)
def test_facts_that_are_lost_one_by_one_are_no_reason_to_fail(name: str) -> None:
    facts = load_facts(BROKEN / name)
    for part in ("docker", "gpu", "disks", "stack", "runtime"):
        kept = facts.model_dump(mode="json", exclude={part})
        examine(Facts.model_validate(kept), CHECKS)
    whole = facts.model_dump(mode="json", exclude_defaults=True)
    for part in ("host", "docker", "stack"):
        for field in whole.get(part, {}):
            if field in ("name", "path", "clock"):
                continue
            less = {**whole, part: {k: v for k, v in whole[part].items() if k != field}}
            assert examine(Facts.model_validate(less), CHECKS)
