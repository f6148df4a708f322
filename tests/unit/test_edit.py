"""A stack file is edited as a person would: one place changes, everything else stays."""

from __future__ import annotations

from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeploy.errors import TfdeployError
from tfdeploy.render import bundled_folder
from tfdeploy.render.starter import starter_text
from tfdeploy.stack import StackFile, parse_stack
from tfdeploy.stack.edit import add_model, pick_service, remove_model
from tfdeploy.stack.schema import Latest, Specific

PATH = Path("stacks/s/stack.yaml")
TWO = """\
# mine
stack: 's'   # quoted so
image: "a:1"

services:
  # the first
  a:
    models: {}   # none yet

  # the second
  b:
    models:
      x: {}
      # about y
      y:
        labels: {stable: 3}  # why

  # the third
  c:
    image: "q:1"
# end
"""
FOUR = "stack: s\nservices:\n    a:\n        models:\n            x: {}\n"
FLOW = "stack: s\nservices: {a: {models: {x: {}}, user: 'u'}, b: {}, c: {user: u}, d: {models: }}\n"
REFERENCE = (bundled_folder() / "stack.reference.yaml").read_text()
STYLES = [TWO, FOUR, FLOW, REFERENCE, TWO.replace("\n", "\r\n"), FOUR.rstrip(), "\ufeff" + TWO]


def edited(text: str, edit: Callable[[StackFile], StackFile]) -> str:
    after = edit(parse_stack(text, PATH))
    assert after.stack == parse_stack(after.text, PATH).stack
    return after.text


def changes(before: str, after: str) -> list[str]:
    lines = list(unified_diff(before.splitlines(), after.splitlines(), n=0))[2:]
    return [f"{line[0]} {line[1:]}" for line in lines if line[0] in "+-"]


def added(text: str, name: str = "m", service: str = "a", **settings: object) -> list[str]:
    return changes(text, edited(text, lambda f: add_model(f, name, service, **settings)))  # type: ignore[arg-type]


def removed(text: str, name: str, service: str | None = None) -> list[str]:
    return changes(text, edited(text, lambda f: remove_model(f, name, service)))


# --- adding ---


def test_a_model_goes_behind_the_last_one_and_before_the_comment_below() -> None:
    assert added(TWO, service="b") == ["+       m: {}"]
    after = edited(TWO, lambda file: add_model(file, "m", "b"))
    assert "# why\n      m: {}\n\n  # the third\n" in after


def test_empty_braces_open_and_their_comment_stays() -> None:
    assert added(TWO) == [
        "-     models: {}   # none yet",
        "+     models:   # none yet",
        "+       m: {}",
    ]


def test_missing_models_are_made_at_the_end_of_the_service() -> None:
    assert added(TWO, service="c") == ["+     models:", "+       m: {}"]
    assert edited(TWO, lambda f: add_model(f, "m", "c")).endswith("      m: {}\n# end\n")


def test_models_with_nothing_behind_it() -> None:
    assert added("stack: s\nservices:\n  a:\n    models:  # c\n") == ["+       m: {}"]


def test_four_spaces_stay_four_spaces() -> None:
    assert added(FOUR) == ["+             m: {}"]
    four = "stack: s\nservices:\n    a:\n        user: u\n"
    assert added(four) == ["+         models:", "+             m: {}"]


@pytest.mark.parametrize(
    ("service", "line"),
    [
        ("a", "{a: {models: {x: {}, m: {}}, user: 'u'}, b: {}, c: {user: u}, d: {models: }}"),
        (
            "b",
            "{a: {models: {x: {}}, user: 'u'}, b: {models: {m: {}}}, c: {user: u}, d: {models: }}",
        ),
        (
            "c",
            "{a: {models: {x: {}}, user: 'u'}, b: {}, "
            "c: {user: u, models: {m: {}}}, d: {models: }}",
        ),
        (
            "d",
            "{a: {models: {x: {}}, user: 'u'}, b: {}, c: {user: u}, d: {models: {m: {}} }}",
        ),
    ],
)
def test_braces_stay_braces(service: str, line: str) -> None:
    assert edited(FLOW, lambda f: add_model(f, "m", service)).splitlines()[1] == f"services: {line}"


def test_a_starter_file_takes_its_first_model() -> None:
    text = starter_text("s", service="a", image=None, full=False)
    assert added(text) == ["-     models: {}", "+     models:", "+       m: {}"]


def test_settings_are_written_on_the_models_line() -> None:
    text = "stack: s\nservices:\n  a:\n    models:\n"
    settings = {"path": "far/m", "versions": Specific(specific=[3, 4]), "labels": {"stable": 3}}
    assert added(text, **settings) == [
        "+       m: {path: far/m, versions: {specific: [3, 4]}, labels: {stable: 3}}"
    ]
    assert added(text, versions="all") == ["+       m: {versions: all}"]
    assert added(text, path="m", versions=Latest(latest=2)) == [
        "+       m: {versions: {latest: 2}}"
    ]


@pytest.mark.parametrize("name", ["no", "on", "1", "0b1", "1_0", "1.5", "1e3", "12", "null", "-"])
def test_names_that_yaml_reads_otherwise_are_quoted(name: str) -> None:
    labels = {"on": 1} if name == "-" else {name.replace(".", ""): 1}
    assert added("stack: s\nservices:\n  a: {}\n", name, labels=labels, path="a b: c")


# --- a model that is there already ---


def test_known_models_get_new_settings_and_keep_the_others() -> None:
    assert added(TWO, "y", "b", labels={"canary": 4}) == [
        "-         labels: {stable: 3}  # why",
        "+         labels: {stable: 3, canary: 4}  # why",
    ]
    assert added(TWO, "y", "b", labels={"stable": 5})[1] == "+         labels: {stable: 5}  # why"
    assert added(TWO, "y", "b", versions=Latest(latest=2)) == ["+         versions: {latest: 2}"]
    assert added(TWO, "x", "b", path="z") == ["-       x: {}", "+       x: {path: z}"]


def test_a_known_model_without_news_changes_nothing() -> None:
    assert added(TWO, "y", "b") == []
    assert added(TWO, "x", "b", path="x") == []


def test_a_path_of_its_own_can_be_put_back() -> None:
    text = "stack: s\nservices: {a: {models: {m: {path: z}}}}\n"
    after = edited(text, lambda f: add_model(f, "m", "a", path="m"))
    assert parse_stack(after, PATH).stack.services["a"].models["m"].path == "m"


def test_a_policy_in_a_block_is_replaced_whole() -> None:
    text = (
        "stack: s\nservices:\n  a:\n    models:\n      m:\n        versions:\n"
        "          specific:\n            - 3\n            - 4\n        path: z  # here\n"
    )
    assert added(text, versions="all") == [
        "-         versions:",
        "-           specific:",
        "-             - 3",
        "-             - 4",
        "+         versions: all",
    ]


def test_labels_in_a_block_get_a_line() -> None:
    text = (
        "stack: s\nservices:\n  a:\n    models:\n      m:\n        labels:\n"
        "          old: 1  # one\n\n    user: u\n"
    )
    assert added(text, labels={"new": 2}) == ["+           new: 2"]


def test_a_model_with_nothing_behind_it_gets_settings() -> None:
    text = "stack: s\nservices:\n  a:\n    models:\n      m:  # c\n"
    assert added(text, path="z") == ["-       m:  # c", "+       m: {path: z}  # c"]


# --- removing ---


def test_a_model_goes_with_its_lines_and_no_other() -> None:
    assert removed(TWO, "y") == ["-       y:", "-         labels: {stable: 3}  # why"]
    assert removed(TWO, "x") == ["-       x: {}"]


def test_the_last_model_leaves_empty_braces() -> None:
    assert removed(FOUR, "x") == [
        "-         models:",
        "-             x: {}",
        "+         models: {}",
    ]
    assert "{a: {models: {}, user" in edited(FLOW, lambda f: remove_model(f, "x", None))


@pytest.mark.parametrize(
    ("name", "left"), [("a", "b: {}, c: {}"), ("b", "a: {}, c: {}"), ("c", "a: {}, b: {}")]
)
def test_commas_go_with_their_model(name: str, left: str) -> None:
    text = "stack: s\nservices: {s: {models: {a: {}, b: {}, c: {}}}}\n"
    after = edited(text, lambda f: remove_model(f, name, "s"))
    assert f"models: {{{left}}}" in after


# --- what can't be done ---


def refusal(edit: Callable[[], object]) -> TfdeployError:
    with pytest.raises(TfdeployError) as caught:
        edit()
    assert caught.value.code == "TFD208"
    return caught.value


def test_services_and_models_that_arent_there_are_told_with_those_that_are() -> None:
    file = parse_stack(TWO, PATH)
    assert "services of the stack: a, b, c" in refusal(lambda: add_model(file, "m", "q")).hint
    assert "models of the stack: x, y" in refusal(lambda: remove_model(file, "q", None)).hint
    assert "in service 'a'" in refusal(lambda: remove_model(file, "x", "a")).message
    assert "Which service" in refusal(lambda: pick_service(file, None)).message
    assert pick_service(parse_stack(FOUR, PATH), None) == "a"


def test_a_model_in_two_services_must_be_named_with_one() -> None:
    text = "stack: s\nservices: {a: {models: {x: {}}}, b: {models: {x: {}}}}\n"
    error = refusal(lambda: remove_model(parse_stack(text, PATH), "x", None))
    assert "in several services: a, b" in error.message
    assert removed(text, "x", "b")


@pytest.mark.parametrize(
    "text",
    [
        "stack: s\nservices:\n  b: {models: &m {x: {}}}\n  a: {models: *m}\n",
        "stack: s\nservices:\n  b: &b {models: {x: {}}}\n  a: {<<: *b}\n",
    ],
)
def test_anchors_and_merge_keys_are_left_to_people(text: str) -> None:
    file = parse_stack(text, PATH)
    assert "by hand" in refusal(lambda: add_model(file, "m", "a")).hint


def test_a_label_that_is_no_word_is_refused_as_in_the_file() -> None:
    with pytest.raises(TfdeployError) as caught:
        add_model(parse_stack(TWO, PATH), "m", "a", labels={"a-b": 1})
    assert caught.value.code == "TFD203"


# --- round trips ---

names = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True).filter(lambda name: name.strip("."))
labels = st.dictionaries(st.from_regex(r"[A-Za-z0-9_]{1,6}", fullmatch=True), st.integers(0, 99))
policies = st.sampled_from([None, "all", Latest(latest=2), Specific(specific=[1, 2])])


@settings(deadline=None)
@given(st.sampled_from(STYLES), names, labels, policies, st.data())
def test_adding_a_model_and_removing_it_again_changes_nothing(
    text: str, name: str, new: dict[str, int], policy: object, data: st.DataObject
) -> None:
    before = parse_stack(text, PATH)
    service = data.draw(st.sampled_from(sorted(before.stack.services)))
    if name in before.stack.services[service].models:
        return
    there = add_model(before, name, service, versions=policy, labels=new)  # type: ignore[arg-type]
    assert there.stack.services[service].models[name].labels == new
    after = remove_model(there, name, service)
    assert after.stack == before.stack
    if before.stack.services[service].models:
        assert after.text == text
    else:
        assert [line for line in changes(text, after.text) if "models" not in line] in (
            [],
            changes(text, after.text),
        )


comments = st.sampled_from(["", "  # c", "   # d: {e}"])
between = st.sampled_from(["", "\n", "{0}# own line\n", "# at the margin\n", "\n\n{0}# two\n\n"])


@given(st.sampled_from([2, 3, 4]), st.lists(st.tuples(comments, between), min_size=3, max_size=3))
def test_comments_and_empty_lines_stay_wherever_they_are(
    step: int, around: list[tuple[str, str]]
) -> None:
    text = "stack: s\nservices:\n"
    for service, (comment, own) in zip("abc", around, strict=True):
        text += f"{' ' * step}{service}:{comment}\n{own.format(' ' * 2 * step)}"
        text += f"{' ' * 2 * step}models:{comment}\n{own.format(' ' * 3 * step)}"
        text += f"{' ' * 3 * step}x: {{}}{comment}\n{own.format(' ' * 3 * step)}"
    for service in "abc":
        there = add_model(parse_stack(text, PATH), "m", service)
        assert changes(text, there.text) == [f"+ {' ' * 3 * step}m: {{}}"]
        assert remove_model(there, "m", service).text == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{labels: {stable: 1, canary: 2}}", "{labels: {stable: 1}}"),
        ("{labels: {canary: 2}}", "{labels: {}}"),
        (
            "\n        labels:\n          stable: 1  # kept\n          canary: 2\n",
            "\n        labels:\n          stable: 1  # kept\n",
        ),
    ],
)
def test_a_label_is_dropped_and_nothing_else(before: str, after: str) -> None:
    text = "stack: s\nservices:\n  a:\n    models:\n      m: {}\n"
    file = parse_stack(text.replace("{}\n", f"{before.rstrip()}\n"), PATH)
    assert add_model(file, "m", "a", dropped=["canary"]).text == text.replace(
        "{}\n", f"{after.rstrip()}\n"
    )


def test_a_label_that_is_not_there_cannot_be_dropped() -> None:
    file = parse_stack("stack: s\nservices: {a: {models: {m: {labels: {stable: 1}}}}}\n", PATH)
    with pytest.raises(TfdeployError, match="no label 'canary'") as caught:
        add_model(file, "m", "a", dropped=["canary"])
    assert caught.value.code == "TFD208"
