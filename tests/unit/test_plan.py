"""What must change, and why: one row of the table after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tfdeploy import wire
from tfdeploy.plan import (
    CheckAnswers,
    Checks,
    ObservedService,
    ObservedStack,
    ObservedVersion,
    Plan,
    Reload,
    WaitAvailable,
    WriteFiles,
    make_plan,
)
from tfdeploy.plan.observed import State
from tfdeploy.render import RenderedStack, Templates, render_stack
from tfdeploy.stack import Stack, Wanted, parse_stack
from tfdeploy.stack.checks import CheckRequest

TEMPLATES = Templates()
PATH = Path("/somewhere/stacks/s/stack.yaml")
ONE = "stack: s\nservices: {a: {models: {m: {}}}}\n"
ALL: Wanted = {"a": {"m": (1,)}}


def made(text: str) -> tuple[Stack, RenderedStack]:
    file = parse_stack(text, PATH)
    return file.stack, render_stack(file, templates=TEMPLATES)


def model(**settings: object) -> str:
    inner = ", ".join(f"{key}: {value}" for key, value in settings.items())
    return f"stack: s\nservices: {{a: {{models: {{m: {{{inner}}}}}}}}}\n"


def observed(
    text: str,
    state: State = "running",
    versions: Mapping[str, Mapping[int, str]] | None = None,
    **other: Any,
) -> ObservedStack:
    """Every service of a stack file as it was brought up from it."""
    rendered = made(text)[1]
    states = {"m": {1: "AVAILABLE"}} if versions is None else versions
    found = {
        model: tuple(ObservedVersion(number, said) for number, said in numbers.items())
        for model, numbers in states.items()
    }
    return ObservedStack(
        rendered.files,
        {
            name: ObservedService(
                name,
                state,
                **{
                    "server_hash": one.server_hash,
                    "models_hash": one.models_hash,
                    "versions": found,
                    **other,
                },
            )
            for name, one in rendered.services.items()
        },
    )


def planned(text: str, now: ObservedStack, wanted: Wanted = ALL) -> Plan:
    stack, rendered = made(text)
    return make_plan(stack, rendered, wanted, now, "process")


def kinds(plan: Plan) -> list[str]:
    return [" ".join(str(step).split()[:2]).rstrip(":") for step in plan.steps]


def causes(plan: Plan) -> list[str]:
    return [step.cause for step in plan.steps]


NOTHING = ObservedStack({}, {})


# --- the table ---


def test_an_absent_service_is_rendered_started_and_waited_for() -> None:
    plan = planned(ONE, NOTHING)
    assert kinds(plan) == ["write 4", "start a", "wait a"]
    assert causes(plan)[:2] == ["nothing is rendered yet", "it isn't running"]
    (written,) = (step for step in plan.steps if isinstance(step, WriteFiles))
    assert dict(written.texts) == made(ONE)[1].files


def test_an_exited_service_starts_again_with_the_reason_of_its_end() -> None:
    plan = planned(ONE, observed(ONE, "exited", {}, detail="exit code 1"))
    assert kinds(plan) == ["start a", "wait a"]
    assert causes(plan)[0] == "it ended (exit code 1)"


def test_another_server_hash_recreates() -> None:
    plan = planned(ONE, observed(ONE.replace("{m: {}}", "{m: {}}, user: u")))
    assert kinds(plan) == ["write compose.yaml", "recreate a", "wait a"]
    assert causes(plan) == [
        "the stack file says otherwise",
        "image, flags, ports, mounts or GPU differ; it is away until its models are loaded",
        "it is new",
    ]


def test_another_models_hash_reloads_without_a_restart() -> None:
    plan = planned(model(labels="{stable: 1}"), observed(ONE))
    assert kinds(plan) == ["check a", "reload a", "wait a"]
    (reload,) = (step for step in plan.steps if isinstance(step, Reload))
    assert reload.models_config == made(model(labels="{stable: 1}"))[1].files["a/models.config"]
    assert str(reload) == "reload a (no restart)"


def test_a_reload_that_was_cut_short_is_sent_again_though_the_file_says_the_same() -> None:
    stack, rendered = made(ONE)
    assert make_plan(stack, rendered, ALL, observed(ONE), "process").steps == ()
    plan = make_plan(stack, rendered, ALL, observed(ONE), "process", {"a"})
    assert kinds(plan) == ["reload a", "wait a"]
    assert causes(plan)[0] == "an earlier change of it was cut short"


def test_both_hashes_recreate_once_with_the_new_models_in_place() -> None:
    text = model(labels="{stable: 1}") + "image: other:1\n"
    plan = planned(text, observed(ONE))
    assert kinds(plan) == ["write 2", "recreate a", "wait a"]
    assert isinstance(plan.steps[0], WriteFiles)
    assert "a/models.config" in plan.steps[0].texts


def test_all_as_it_should_be_is_an_empty_plan() -> None:
    plan = planned(ONE, observed(ONE))
    assert plan.steps == ()
    assert str(plan) == "stack s on process: up to date"
    assert plan.as_data() == {"stack": "s", "runtime": "process", "steps": []}


@pytest.mark.parametrize("state", ["LOADING", "START", "UNLOADING", "END"])
def test_a_version_that_isnt_available_is_reloaded(state: str) -> None:
    plan = planned(ONE, observed(ONE, versions={"m": {1: state}}))
    assert kinds(plan) == ["reload a", "wait a"]
    assert causes(plan)[0] == "m 1 isn't AVAILABLE"


def test_a_model_that_the_server_doesnt_know_is_reloaded() -> None:
    assert kinds(planned(ONE, observed(ONE, versions={}))) == ["reload a", "wait a"]


def test_a_service_that_still_loads_is_waited_for() -> None:
    plan = planned(ONE, observed(ONE, "starting", {}))
    assert (kinds(plan), causes(plan)) == (["wait a"], ["it is still loading"])


def test_an_unhealthy_service_is_recreated() -> None:
    plan = planned(ONE, observed(ONE, "unhealthy"))
    assert kinds(plan) == ["recreate a", "wait a"]
    assert causes(plan)[0] == "it is unhealthy; it is away until its models are loaded"


def test_a_service_that_the_stack_no_longer_has_is_stopped_and_its_files_go() -> None:
    both = ONE.replace("}}}\n", "}}, b: {models: {m: {}}}}\n")
    plan = planned(ONE, observed(both))
    assert kinds(plan) == ["write compose.yaml,", "stop b"]
    written = plan.steps[0]
    assert isinstance(written, WriteFiles)
    assert written.removed == ("b/healthcheck.sh", "b/models.config", "b/monitoring.config")
    assert "b/models.config" in written.removed


def test_a_gone_service_that_is_absent_needs_no_stop() -> None:
    now = ObservedStack({}, {"b": ObservedService("b", "absent")})
    assert not any("stop" in kind for kind in kinds(planned(ONE, now)))


def test_files_alone_may_differ() -> None:
    now = observed(ONE)
    files = {**now.files, "a/healthcheck.sh": "# old\n"}
    plan = planned(ONE, ObservedStack(files, now.services))
    assert kinds(plan) == ["write a/healthcheck.sh"]


# --- several services ---


def test_new_services_start_together_then_running_ones_change_one_by_one() -> None:
    old = "stack: s\nservices: {a: {models: {m: {}}}, c: {models: {m: {}}}, z: {models: {m: {}}}}\n"
    new = (
        "stack: s\nservices: {a: {user: u, models: {m: {}}}, b: {models: {m: {}}}, "
        "c: {models: {m: {labels: {x: 1}}}}, d: {models: {m: {}}}}\n"
    )
    wanted = {name: {"m": (1,)} for name in "abcd"}
    assert kinds(planned(new, observed(old), wanted))[1:] == [
        "start b",
        "start d",
        "wait b",
        "wait d",
        "recreate a",
        "wait a",
        "check c",
        "reload c",
        "wait c",
        "stop z",
    ]


# --- reloads in two phases ---


def first_config(plan: Plan) -> dict[str, Any]:
    first = next(step for step in plan.steps if isinstance(step, Reload))
    config = wire.parse_text(wire.ModelServerConfig, first.models_config)
    return {one.name: one for one in config.model_config_list.config}


def numbers(one: Any) -> list[int]:
    return list(one.model_version_policy.specific.versions)


def test_a_label_moves_after_its_version_is_there() -> None:
    old = model(versions="{specific: [3]}", labels="{stable: 3}")
    new = model(versions="{specific: [4]}", labels="{stable: 4}")
    plan = planned(new, observed(old, versions={"m": {3: "AVAILABLE"}}), {"a": {"m": (4,)}})
    assert kinds(plan) == ["reload a", "wait a", "check a", "reload a", "wait a"]
    one = first_config(plan)["m"]
    assert dict(one.version_labels) == {"stable": 3}
    assert numbers(one) == [3, 4]
    waits = [step for step in plan.steps if isinstance(step, WaitAvailable)]
    assert [wait.labels for wait in waits] == [{}, {"m": {"stable": 4}}]
    last = plan.steps[3]
    assert isinstance(last, Reload)
    assert last.models_config == made(new)[1].services["a"].models_config


def test_the_first_phase_loads_all_that_its_wait_waits_for() -> None:
    old = model(versions="{specific: [3]}", labels="{stable: 3}")
    new = model(versions="{latest: 3}", labels="{stable: 5}")
    now = observed(old, versions={"m": {3: "AVAILABLE"}})
    plan = planned(new, now, {"a": {"m": (4, 5, 6)}})
    assert numbers(first_config(plan)["m"]) == [3, 4, 5, 6]


def test_a_label_that_moves_between_loaded_versions_needs_one_reload() -> None:
    old = model(versions="all", labels="{stable: 3}")
    new = model(versions="all", labels="{stable: 4}")
    now = observed(old, versions={"m": {3: "AVAILABLE", 4: "AVAILABLE"}})
    assert kinds(planned(new, now, {"a": {"m": (3, 4)}})) == ["check a", "reload a", "wait a"]


def test_a_new_label_on_a_new_version_needs_one_reload() -> None:
    old = model(versions="{specific: [3]}")
    new = model(versions="{specific: [3, 4]}", labels="{canary: 4}")
    now = observed(old, versions={"m": {3: "AVAILABLE"}})
    assert kinds(planned(new, now, {"a": {"m": (3, 4)}})) == ["check a", "reload a", "wait a"]


def test_nothing_that_serves_goes_before_what_is_new_is_there() -> None:
    old = "stack: s\nservices: {a: {models: {m: {}, gone: {}}}}\n"
    new = "stack: s\nservices: {a: {models: {m: {}, n: {}}}}\n"
    states = {"m": {1: "AVAILABLE"}, "gone": {7: "AVAILABLE"}}
    plan = planned(new, observed(old, versions=states), {"a": {"m": (1,), "n": (2,)}})
    assert kinds(plan) == [*["reload a", "wait a"] * 2, "write a/healthcheck.sh"]
    config = first_config(plan)
    assert set(config) == {"m", "gone", "n"}
    assert numbers(config["gone"]) == [7]
    assert config["n"].base_path == "/models/n"


def test_a_model_that_goes_needs_one_reload() -> None:
    old = "stack: s\nservices: {a: {models: {m: {}, gone: {}}}}\n"
    states = {"m": {1: "AVAILABLE"}, "gone": {7: "AVAILABLE"}}
    plan = planned(ONE, observed(old, versions=states))
    assert kinds(plan) == ["reload a", "wait a", "write a/healthcheck.sh"]


def test_a_label_on_a_version_that_is_gone_doesnt_hold_up_its_move() -> None:
    old = model(versions="{specific: [3]}", labels="{stable: 3}")
    new = model(versions="{specific: [4]}", labels="{stable: 4}")
    plan = planned(new, observed(old, versions={"m": {3: "END"}}), {"a": {"m": (4,)}})
    # Moved to a version that isn't loaded, it would have the whole config refused.
    assert dict(first_config(plan)["m"].version_labels) in ({}, {"stable": 3})
    assert 4 in numbers(first_config(plan)["m"])


def test_another_folder_under_a_loaded_number_needs_a_restart() -> None:
    plan = planned(model(path="other"), observed(ONE))
    assert kinds(plan)[-2:] == ["recreate a", "wait a"]
    assert "m has another base path" in causes(plan)[-2]
    assert isinstance(plan.steps[0], WriteFiles)
    assert "a/models.config" in plan.steps[0].texts


def test_another_folder_with_other_numbers_is_where_the_new_ones_load_from() -> None:
    plan = planned(model(path="other"), observed(ONE), {"a": {"m": (5,)}})
    assert not any("recreate" in kind for kind in kinds(plan))
    assert first_config(plan)["m"].base_path == "/models/other"
    assert numbers(first_config(plan)["m"]) == [1, 5]


def test_a_models_config_that_cant_be_read_is_replaced() -> None:
    now = observed(ONE)
    broken = ObservedStack({**now.files, "a/models.config": "{broken"}, now.services)
    service = ObservedService(**{**now.services["a"].__dict__, "models_hash": "other"})
    plan = planned(ONE, ObservedStack(broken.files, {"a": service}))
    assert kinds(plan) == ["reload a", "wait a"]


# --- what is asked before requests move ---

ASKED = CheckRequest("checks.0", None, [1.0], [2.0])


def asked_of(*numbers: int) -> Checks:
    """One request for these versions of any model, and none for others."""
    return Checks(lambda service, model, version: (ASKED,) if version in numbers else ())


def checks_in(plan: Plan) -> list[CheckAnswers]:
    return [step for step in plan.steps if isinstance(step, CheckAnswers)]


def moved(
    old: str, new: str, now: Mapping[int, str], wanted: tuple[int, ...], checks: Checks
) -> Plan:
    stack, rendered = made(new)
    return make_plan(
        stack,
        rendered,
        {"a": {"m": wanted}},
        observed(old, versions={"m": now}),
        "process",
        checks=checks,
    )


PINNED_3 = model(versions="{specific: [3]}", labels="{stable: 3}")
PINNED_4 = model(versions="{specific: [4]}", labels="{stable: 4}")
CANARY_4 = model(versions="{specific: [3, 4]}", labels="{stable: 3, canary: 4}")
THREE = {3: "AVAILABLE"}
BOTH = {3: "AVAILABLE", 4: "AVAILABLE"}


def test_the_version_is_asked_when_it_serves_and_before_the_label_moves() -> None:
    plan = moved(PINNED_3, PINNED_4, THREE, (4,), asked_of(4))
    assert kinds(plan) == ["reload a", "wait a", "check a", "reload a", "wait a"]
    (check,) = checks_in(plan)
    assert (check.version, check.before, check.requests) == (4, 3, (ASKED,))
    assert str(check) == "check a: m 4 answers 1 request"
    assert check.cause == "label stable moves to it from 3"
    assert check.as_data()["requests"] == ["checks.0"]


def test_a_new_label_waits_until_its_version_has_answered() -> None:
    plan = moved(PINNED_3, CANARY_4, THREE, (3, 4), asked_of(4))
    assert kinds(plan) == ["reload a", "wait a", "check a", "reload a", "wait a"]
    assert dict(first_config(plan)["m"].version_labels) == {"stable": 3}
    assert numbers(first_config(plan)["m"]) == [3, 4]
    (check,) = checks_in(plan)
    assert (check.before, check.cause) == (None, "label canary is new on it")


def test_a_label_that_moves_between_loaded_versions_is_asked_before_the_one_reload() -> None:
    new = CANARY_4.replace("stable: 3", "stable: 4")
    plan = moved(CANARY_4, new, BOTH, (3, 4), asked_of(4))
    assert kinds(plan) == ["check a", "reload a", "wait a"]


def test_two_labels_that_move_to_one_version_are_one_check() -> None:
    new = model(versions="{specific: [5]}", labels="{stable: 5, canary: 5}")
    (check,) = checks_in(moved(CANARY_4, new, BOTH, (5,), asked_of(5)))
    causes = "label canary moves to it from 4, label stable moves to it from 3"
    assert (check.cause, check.before) == (causes, 3)


def test_labels_that_stay_are_not_asked_for() -> None:
    new = model(versions="{specific: [3, 4]}", labels="{stable: 3}")
    assert checks_in(moved(PINNED_3, new, THREE, (3, 4), asked_of(3, 4))) == []


def test_a_pinned_version_that_another_replaces_is_a_move_without_labels() -> None:
    old, new = model(versions="{specific: [3]}"), model(versions="{specific: [4]}")
    (check,) = checks_in(moved(old, new, THREE, (4,), asked_of(4)))
    assert (check.version, check.before, check.cause) == (4, 3, "it serves in place of 3")


def test_what_the_server_takes_from_disk_by_itself_is_no_move() -> None:
    latest = model(versions="{latest: 1}")
    assert checks_in(moved(latest, latest, THREE, (4,), asked_of(4))) == []


def test_a_label_on_a_new_server_is_asked_when_it_is_up() -> None:
    new = PINNED_4.replace("models", "user: u, models")
    plan = moved(PINNED_3, new, THREE, (4,), asked_of(4))
    assert kinds(plan)[-3:] == ["recreate a", "wait a", "check a"]
    assert checks_in(plan)[0].before is None
    assert checks_in(moved(PINNED_3, new, THREE, (4,), asked_of())) == []


def test_a_first_start_asks_nothing() -> None:
    stack, rendered = made(PINNED_3)
    wanted = {"a": {"m": (3,)}}
    plan = make_plan(stack, rendered, wanted, NOTHING, "process", checks=asked_of(3))
    assert checks_in(plan) == []


def test_a_check_that_is_skipped_says_why_and_asks_nothing() -> None:
    checks = replace(asked_of(4), skipped="--no-checks was given")
    (check,) = checks_in(moved(PINNED_3, PINNED_4, THREE, (4,), checks))
    assert str(check) == "skip the check of m 4 on a"
    assert (check.cause, check.requests) == ("--no-checks was given", ())
    assert check.as_data()["skipped"] is True


# --- as people and programs read it ---


def test_every_step_is_data_with_its_cause() -> None:
    data = planned(ONE, NOTHING).as_data()
    assert [step["step"] for step in data["steps"]] == ["write", "start", "wait"]
    assert data["steps"][2] == {
        "step": "wait",
        "what": "wait a: m 1 AVAILABLE",
        "cause": "it is new",
        "service": "a",
        "versions": {"m": [1]},
    }


def test_a_plan_reads_as_numbered_lines_with_causes() -> None:
    lines = str(planned(ONE, observed(ONE, "unhealthy"))).splitlines()
    assert lines == [
        "plan for stack s on process:",
        "  1. recreate a             because it is unhealthy; "
        "it is away until its models are loaded",
        "  2. wait a: m 1 AVAILABLE  because it is new",
    ]
