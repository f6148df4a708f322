"""Labels and versions move in the stack file: what is served, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.stack import StackFile, parse_stack
from tfdeploy.stack.moves import (
    move_label,
    pin,
    retire,
    set_canary,
    unpin,
    version_before,
    wanted_of,
)
from tfdeploy.stack.schema import Latest

HEAD = "# mine\nstack: s\nservices:\n  a:\n    models:\n"
Make = Callable[[str], StackFile]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """A stack whose model ``m`` has versions 1 to 5 on disk; its settings are given."""
    for number in range(1, 6):
        (tmp_path / "models" / "m" / str(number)).mkdir(parents=True)

    def make(settings: str) -> StackFile:
        text = f"{HEAD}      m: {settings}  # why\n"
        return parse_stack(text, tmp_path / "stacks" / "s" / "stack.yaml")

    return make


def model(file: StackFile) -> str:
    """The model's line; all else is as it was."""
    assert file.text.startswith(HEAD)
    assert file.text.endswith("  # why\n")
    return file.text.removeprefix(f"{HEAD}      m: ").removesuffix("  # why\n")


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(TfdeployError) as caught:
        call()
    assert caught.value.code == "TFD231"
    return f"{caught.value.message} {caught.value.hint}"


STABLE_3 = "{versions: {specific: [3]}, labels: {stable: 3}}"
CANARY_4 = "{versions: {specific: [3, 4]}, labels: {stable: 3, canary: 4}}"


@pytest.mark.parametrize(
    ("before", "label", "version", "after"),
    [
        (STABLE_3, "stable", 4, "{versions: {specific: [4]}, labels: {stable: 4}}"),
        (STABLE_3, "stable", 3, STABLE_3),
        (CANARY_4, "stable", 4, "{versions: {specific: [4]}, labels: {stable: 4, canary: 4}}"),
        (CANARY_4, "canary", 5, "{versions: {specific: [3, 5]}, labels: {stable: 3, canary: 5}}"),
        (STABLE_3, "new", 5, "{versions: {specific: [3, 5]}, labels: {stable: 3, new: 5}}"),
        # Pinned on purpose, and no label's: it stays.
        (
            "{versions: {specific: [1, 3]}, labels: {stable: 3}}",
            "stable",
            4,
            "{versions: {specific: [1, 4]}, labels: {stable: 4}}",
        ),
        (
            "{versions: all, labels: {stable: 3}}",
            "stable",
            4,
            "{versions: all, labels: {stable: 4}}",
        ),
        ("{}", "stable", 5, "{versions: {specific: [5]}, labels: {stable: 5}}"),
        ("{}", "stable", 4, "{versions: {specific: [4, 5]}, labels: {stable: 4}}"),
    ],
)
def test_a_label_moves_and_what_nobody_needs_goes(
    made: Make, before: str, label: str, version: int, after: str
) -> None:
    assert model(move_label(made(before), "a", "m", label, version)) == after


def test_a_label_moves_to_what_lies_on_disk_only(made: Make) -> None:
    said = refused(lambda: move_label(made(STABLE_3), "a", "m", "stable", 9))
    assert "version 9 isn't in" in said
    assert "on disk: 1, 2, 3, 4, 5." in said


@pytest.mark.parametrize(
    ("before", "version", "after", "stable"),
    [
        (STABLE_3, 4, CANARY_4, 3),
        (CANARY_4, 5, "{versions: {specific: [3, 5]}, labels: {stable: 3, canary: 5}}", 3),
        (STABLE_3, 2, "{versions: {specific: [2, 3]}, labels: {stable: 3, canary: 2}}", 3),
        ("{}", 4, "{versions: {specific: [4, 5]}, labels: {stable: 5, canary: 4}}", 5),
        # The server has taken the newest already: the one before it is what is stable.
        ("{}", 5, "{versions: {specific: [4, 5]}, labels: {stable: 4, canary: 5}}", 4),
    ],
)
def test_a_canary_serves_beside_the_stable_one(
    made: Make, before: str, version: int, after: str, stable: int
) -> None:
    file, found = set_canary(made(before), "a", "m", version)
    assert (model(file), found) == (after, stable)


def test_what_is_stable_is_no_canary_and_nor_is_what_is_alone(made: Make) -> None:
    assert "no canary" in refused(lambda: set_canary(made(STABLE_3), "a", "m", 3))
    only_1 = "{versions: {specific: [1]}}"
    assert "alone" in refused(lambda: set_canary(made(only_1), "a", "m", 1))


@pytest.mark.parametrize(
    ("before", "versions", "after"),
    [
        ("{}", (), "{versions: {specific: [5]}}"),
        ("{versions: {latest: 2}}", (), "{versions: {specific: [4, 5]}}"),
        ("{}", (4, 3, 4), "{versions: {specific: [3, 4]}}"),
        (STABLE_3, (3, 4), "{versions: {specific: [3, 4]}, labels: {stable: 3}}"),
        (STABLE_3, (), STABLE_3),
    ],
)
def test_versions_are_pinned(
    made: Make, before: str, versions: tuple[int, ...], after: str
) -> None:
    assert model(pin(made(before), "a", "m", versions)) == after


def test_a_pin_keeps_what_labels_point_at(made: Make) -> None:
    said = refused(lambda: pin(made(STABLE_3), "a", "m", [4]))
    assert "label stable points at 3" in said
    assert "tfdeploy promote s m VERSION --label stable" in said


def test_a_pin_goes_and_the_latest_serves_again(made: Make) -> None:
    file = unpin(made("{versions: {specific: [3]}}"), "a", "m", Latest())
    assert model(file) == "{}"
    assert wanted_of(file, "a", "m") == (5,)
    assert model(unpin(made("{}"), "a", "m", Latest())) == "{}"
    assert model(unpin(made("{}"), "a", "m", Latest(latest=2))) == "{versions: {latest: 2}}"


def test_labels_keep_the_pin_unless_all_serve_or_they_are_dropped(made: Make) -> None:
    said = refused(lambda: unpin(made(STABLE_3), "a", "m", Latest()))
    assert "label stable points at 3" in said
    served_all = unpin(made(STABLE_3), "a", "m", "all")
    assert model(served_all) == "{versions: all, labels: {stable: 3}}"
    dropped = unpin(made(STABLE_3), "a", "m", Latest(), drop_labels=True)
    assert (model(dropped), wanted_of(dropped, "a", "m")) == ("{labels: {}}", (5,))


@pytest.mark.parametrize(
    ("before", "version", "after"),
    [
        ("{versions: {specific: [3, 4]}}", 4, "{versions: {specific: [3]}}"),
        ("{versions: all}", 5, "{versions: {specific: [1, 2, 3, 4]}}"),
        ("{versions: {latest: 2}}", 5, "{versions: {specific: [4]}}"),
    ],
)
def test_a_version_is_retired(made: Make, before: str, version: int, after: str) -> None:
    assert model(retire(made(before), "a", "m", version)) == after


@pytest.mark.parametrize(
    ("before", "version", "said"),
    [
        (CANARY_4, 4, "label canary points at 4"),
        (CANARY_4, 5, "version 5 isn't served. served are 3, 4."),
        ("{}", 5, "version 5 is the only one served"),
    ],
)
def test_a_version_that_is_needed_is_not_retired(
    made: Make, before: str, version: int, said: str
) -> None:
    assert said in refused(lambda: retire(made(before), "a", "m", version))


@pytest.mark.parametrize(
    ("values", "now", "there", "before"),
    [
        ([3, 4], 4, [3, 4], 3),
        ([2, 3, 4, 3], 3, [2, 3, 4], 2),
        ([2, 3, 4, 3, 2], 2, [2, 3, 4], None),
        ([2, 3, 4, 3, 5], 5, [2, 3, 4, 5], 3),
        ([2, 3, 4], 4, [2, 4], 2),
        ([4], 4, [1, 4], None),
        ([], 4, [1, 4], None),
        ([1, 2], 7, [1, 2, 7], 2),
    ],
)
def test_a_step_back_undoes_the_steps_behind_it(
    values: list[int], now: int, there: list[int], before: int | None
) -> None:
    assert version_before(values, now, there) == before


def test_block_style_keeps_its_comments(made: Make, tmp_path: Path) -> None:
    text = f"""{HEAD}      m:
        # pinned since May
        versions:
          specific: [3]   # the good one
        labels:
          stable: 3       # for clients
        checks:
          - request: [1.0]   # half
"""
    file = parse_stack(text, tmp_path / "stacks" / "s" / "stack.yaml")
    after = move_label(file, "a", "m", "stable", 4).text
    assert "# pinned since May" in after
    assert "stable: 4       # for clients" in after
    assert "- request: [1.0]   # half" in after
    assert "specific: [4]" in after
