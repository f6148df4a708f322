"""What is wanted against what is observed, and whether it can still come."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.plan import (
    Health,
    ObservedService,
    ObservedStack,
    ObservedVersion,
    Plan,
    Reload,
    StartService,
    Step,
    WaitAvailable,
    compare_health,
)
from tfdeploy.plan.waiting import (
    Target,
    missing_targets,
    parse_target,
    why_health_is_hopeless,
    why_targets_are_hopeless,
)
from tfdeploy.render import Templates, models_hash, render_stack
from tfdeploy.stack import parse_stack

TEXT = """\
stack: s
services:
  one:
    models:
      digits: {versions: {specific: [3, 4]}, labels: {stable: 3}}
      faces: {versions: {latest: 2}}
"""
FILE = parse_stack(TEXT, Path("/somewhere/stacks/s/stack.yaml"))
RENDERED = render_stack(FILE, templates=Templates())
WANTED = {"one": {"digits": (3, 4), "faces": (7, 8)}}
HASH = models_hash(RENDERED.services["one"].models_config)


def service(state: str = "running", **more: object) -> ObservedService:
    versions = {
        "digits": (ObservedVersion(4, "AVAILABLE"), ObservedVersion(3, "AVAILABLE")),
        "faces": (ObservedVersion(8, "AVAILABLE"), ObservedVersion(7, "AVAILABLE")),
    }
    labels = {"digits": {"stable": 3}}
    known = {"versions": versions, "labels": labels, "models_hash": HASH, **more}
    return ObservedService("one", state, **known)  # type: ignore[arg-type]


def health(now: ObservedService, *steps: Step, refusals: tuple[TfdeployError, ...] = ()) -> Health:
    plan = None if refusals else Plan("s", "docker", steps)
    observed = ObservedStack({}, {"one": now})
    return compare_health(FILE.stack, WANTED, observed, plan, RENDERED, refusals)


def changed(model: str, *versions: ObservedVersion) -> ObservedService:
    return service(versions={**service().versions, model: versions})


def test_all_as_wanted_is_healthy() -> None:
    found = health(service())
    assert found.healthy
    assert [(row.model, row.version, row.labels) for row in found.versions] == [
        ("digits", 4, ()),
        ("digits", 3, ("stable",)),
        ("faces", 8, ()),
        ("faces", 7, ()),
    ]
    assert list(found.differing) == []


def test_an_old_version_that_goes_on_serving_differs_on_both_sides() -> None:
    now = changed("faces", ObservedVersion(7, "AVAILABLE"), ObservedVersion(6, "AVAILABLE"))
    assert list(health(now).differing) == [
        "faces 8 on one is NOT LOADED",
        "faces 6 on one is AVAILABLE, and not wanted",
    ]


@pytest.mark.parametrize(("error", "shown"), [("", []), ("it broke", [(6, "END", True)])])
def test_an_unwanted_version_that_ended_is_shown_only_when_it_failed(
    error: str, shown: list[tuple[int, str, bool]]
) -> None:
    rest = (ObservedVersion(8, "AVAILABLE"), ObservedVersion(7, "AVAILABLE"))
    found = health(changed("faces", *rest, ObservedVersion(6, "END", error)))
    rows = [(row.version, row.state, row.ok) for row in found.versions if row.version == 6]
    assert rows == shown


@pytest.mark.parametrize(
    ("state", "detail", "shown"),
    [
        ("starting", "", "LOADING"),
        ("running", "", "LOADING"),
        ("exited", "exit code 1", "EXITED"),
        ("absent", "", "ABSENT"),
        ("unhealthy", "it doesn't answer", "UNHEALTHY"),
    ],
)
def test_a_server_that_tells_nothing_gives_its_own_state(
    state: str, detail: str, shown: str
) -> None:
    found = health(service(state, versions={}, detail=detail))
    assert {row.state for row in found.versions} == {shown}
    assert {row.error for row in found.versions} == {detail if state == "exited" else ""}


def test_a_label_that_is_elsewhere_or_nowhere_differs() -> None:
    assert health(service(labels={})).label_problems == (
        "label stable of digits doesn't answer, and should with 3",
    )
    assert health(service(labels={"digits": {"stable": 4}})).label_problems == (
        "label stable of digits answers with 4, and should with 3",
    )


def test_what_up_would_do_differs_and_a_repeated_reload_may_be_waited_for() -> None:
    wait = WaitAvailable("c", "one", WANTED["one"])
    found = health(service(), Reload("faces 8 isn't AVAILABLE", "one", "config"), wait)
    assert found.pending == ("`up` would reload one (no restart), because faces 8 isn't AVAILABLE",)
    assert found.stuck == ()
    other = health(service(models_hash="other"), Reload("models differ", "one", "config"))
    assert other.stuck == other.pending
    assert health(service(), StartService("it isn't running", "one")).stuck


def test_why_up_would_refuse_differs() -> None:
    error = TfdeployError("TFD113", "Version 4 isn't on disk.", where="w", hint="h")
    found = health(service(), refusals=(error,))
    assert found.problems == ("`up` would refuse: Version 4 isn't on disk.  [TFD113]",)
    assert not found.healthy


def test_a_service_that_the_stack_file_has_no_longer_is_compared_too() -> None:
    old = ObservedService("old", "running", versions={"m": (ObservedVersion(1, "AVAILABLE"),)})
    observed = ObservedStack({}, {"one": service(), "old": old})
    found = compare_health(FILE.stack, WANTED, observed, Plan("s", "docker", ()), RENDERED)
    assert list(found.differing) == ["m 1 on old is AVAILABLE, and not wanted"]


def test_a_model_without_versions_has_a_row() -> None:
    observed = ObservedStack({}, {"one": ObservedService("one", "running")})
    found = compare_health(FILE.stack, {"one": {"m": ()}}, observed, None, None)
    assert list(found.differing) == ["m on one is NOTHING ON DISK"]


# --- waiting ---


def test_targets_are_read() -> None:
    assert parse_target("digits=4") == Target("digits", 4)
    assert parse_target("digits@stable=3") == Target("digits", 3, "stable")
    assert str(parse_target("digits@stable=3")) == "digits@stable=3"
    for text in ("digits", "digits=", "digits=x", "=4", "digits@=4", "@stable=4", "digits=-1"):
        with pytest.raises(ValueError, match="isn't of the form"):
            parse_target(text)


def missing(text: str, now: ObservedService) -> list[str]:
    observed = ObservedStack({}, {"one": now})
    return list(missing_targets([parse_target(text)], FILE.stack, observed))


def test_what_is_missing_is_said() -> None:
    assert missing("digits=4", service()) == []
    assert missing("digits@stable=3", service()) == []
    assert missing("faces=9", service()) == ["faces 9 is NOT LOADED on one"]
    assert missing("faces=9", service("starting", versions={})) == ["faces 9 is LOADING on one"]
    assert missing("digits@stable=4", service()) == ["label stable of digits answers with 3 on one"]
    assert missing("x=1", service()) == ["x isn't in the stack"]


def never(text: str, now: ObservedService) -> str | None:
    observed = ObservedStack({}, {"one": now})
    return why_targets_are_hopeless([parse_target(text)], FILE.stack, WANTED, observed)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x=1", "the stack has no model 'x'"),
        ("digits=5", "the stack file wants version 3, 4 of digits, not 5"),
        ("digits@stable=4", "the stack file points label 'stable' at version 3"),
        ("digits@canary=4", "the stack file gives digits no label 'canary'"),
        ("faces=6", "newer versions of faces are on disk, and the newest are served"),
        ("faces=9", None),
        ("faces=8", None),
        ("digits@stable=3", None),
    ],
)
def test_a_target_that_nothing_brings_is_hopeless(text: str, why: str | None) -> None:
    assert never(text, service()) == why


def test_a_failed_version_and_a_service_that_ended_are_hopeless() -> None:
    broken = changed("faces", ObservedVersion(9, "END", "no such op\nand more"))
    assert never("faces=9", broken) == "faces 9 failed to load: no such op"
    # Unloaded in peace, it may be loaded again.
    assert never("faces=9", changed("faces", ObservedVersion(9, "END"))) is None
    assert never("faces=8", ObservedService("one", "absent")) == "service 'one' isn't up"
    ended = ObservedService("one", "exited", detail="exit code 1")
    assert never("faces=8", ended) == "service 'one' ended: exit code 1"


def test_a_stack_that_waiting_doesn_t_mend_is_hopeless() -> None:
    def why(now: ObservedService, *steps: Step) -> str | None:
        return why_health_is_hopeless(health(now, *steps), ObservedStack({}, {"one": now}))

    start = StartService("it isn't running", "one")
    assert why(service(), start) == "`up` would start one, because it isn't running"
    assert why(changed("faces", ObservedVersion(8, "LOADING"))) is None
    broken = changed("faces", ObservedVersion(8, "END", "no such op"))
    assert why(broken) == "faces 8 failed to load: no such op"
    nothing = ObservedStack({}, {})
    assert why_health_is_hopeless(health(service()), nothing) == "the stack isn't up"
