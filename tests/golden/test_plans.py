"""Plans, word for word as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.golden.conftest import Compare
from tfdeploy.plan import (
    Checks,
    ObservedGateway,
    ObservedService,
    ObservedStack,
    ObservedVersion,
    Plan,
    make_plan,
)
from tfdeploy.render import RenderedStack, Templates, render_stack
from tfdeploy.stack import StackFile, parse_stack
from tfdeploy.stack.checks import CheckRequest

TEMPLATES = Templates()
_NONE = Checks()
Numbers = Mapping[str, tuple[int, ...]]
OLD = """\
stack: vision
services:
  classifier:
    models:
      digits: {versions: {specific: [3]}, labels: {stable: 3}}
  detector:
    models: {faces: {}}
"""
MOVED = OLD.replace("[3]", "[4]").replace("stable: 3", "stable: 4")
CANARY = OLD.replace("[3]", "[3, 4]").replace("stable: 3", "stable: 3, canary: 4")
NEW_MODEL = OLD.replace("{faces: {}}", "{faces: {}, cars: {}}")
OTHER_IMAGE = OLD + "    image: tensorflow/serving:2.19.1\n"
WITHOUT = OLD[: OLD.index("  detector")]
TWO = Checks(lambda *_: (CheckRequest("checks.0", None, [1]), CheckRequest("checks.1", None, [2])))
GATEWAY = OLD.replace("services:", "gateway: {}\nservices:")
FLAG = "    flags: {rest_api_timeout_in_ms: 60000}\n"
THREE = {"digits": (3,), "faces": (1,)}


def stack(text: str) -> tuple[StackFile, RenderedStack]:
    file = parse_stack(text, Path("/somewhere/stacks/vision/stack.yaml"))
    return file, render_stack(file, templates=TEMPLATES)


def running(text: str, available: Numbers) -> ObservedStack:
    """What a stack file looks like when it is up."""
    file, rendered = stack(text)
    services = {}
    for name, one in rendered.services.items():
        models = file.stack.services[name].models
        versions = {
            model: tuple(ObservedVersion(number, "AVAILABLE") for number in available[model])
            for model in models
            if model in available
        }
        services[name] = ObservedService(
            name, "running", one.server_hash, one.models_hash, versions=versions
        )
    if rendered.gateway is None:
        return ObservedStack(rendered.files, services)
    hashes = rendered.gateway.server_hash, rendered.gateway.config_hash
    return ObservedStack(rendered.files, services, ObservedGateway("running", "", *hashes))


def plan(
    text: str,
    now: ObservedStack,
    wanted: Numbers,
    checks: Checks = _NONE,
    started_in: float | None = None,
) -> Plan:
    file, rendered = stack(text)
    numbers = {
        name: {model: wanted[model] for model in service.models}
        for name, service in file.stack.services.items()
    }
    return make_plan(
        file.stack,
        rendered,
        numbers,
        now,
        "docker",
        checks=checks,
        started_in=lambda _: started_in,
    )


def one_unhealthy() -> ObservedStack:
    now = running(OLD, THREE)
    sick = replace(now.services["detector"], state="unhealthy")
    return ObservedStack(now.files, {**now.services, "detector": sick})


def left_beside() -> ObservedStack:
    now = running(GATEWAY, THREE)
    two = replace(now.services["detector"], slot="b", other=True)
    return replace(now, services={**now.services, "detector": two})


PLANS = {
    "gateway_first_up": plan(GATEWAY, ObservedStack({}, {}), THREE),
    "gateway_flag": plan(GATEWAY + FLAG, running(GATEWAY, THREE), THREE),
    "gateway_recreate": plan(
        GATEWAY + FLAG + "    strategy: recreate\n", running(GATEWAY, THREE), THREE
    ),
    "gateway_fixed_port": plan(
        GATEWAY + FLAG + "    publish: {rest: 8501}\n", running(GATEWAY, THREE), THREE
    ),
    "gateway_cut_short": plan(GATEWAY, left_beside(), THREE),
    "gateway_cut_short_and_changed": plan(GATEWAY + FLAG, left_beside(), THREE),
    "gateway_other_port": plan(
        GATEWAY.replace("{}\nservices", "{publish: 8443}\nservices"), running(GATEWAY, THREE), THREE
    ),
    "gateway_other_limit": plan(
        GATEWAY.replace("{}\nservices", "{body_limit: 1MiB}\nservices"),
        running(GATEWAY, THREE),
        THREE,
    ),
    "gateway_gone": plan(OLD, running(GATEWAY, THREE), THREE),
    "first_up": plan(OLD, ObservedStack({}, {}), THREE),
    "up_to_date": plan(OLD, running(OLD, THREE), THREE),
    "model_added": plan(NEW_MODEL, running(OLD, THREE), {**THREE, "cars": (1, 2)}),
    "label_moves": plan(MOVED, running(OLD, THREE), {**THREE, "digits": (4,)}),
    "label_moves_when_asked": plan(MOVED, running(OLD, THREE), {**THREE, "digits": (4,)}, TWO),
    "canary": plan(CANARY, running(OLD, THREE), {**THREE, "digits": (3, 4)}, TWO),
    "label_moves_unasked": plan(
        MOVED,
        running(OLD, THREE),
        {**THREE, "digits": (4,)},
        Checks(skipped="it has served before"),
    ),
    "other_image": plan(OTHER_IMAGE, running(OLD, THREE), THREE),
    "other_image_known_gap": plan(OTHER_IMAGE, running(OLD, THREE), THREE, started_in=42.3),
    "service_removed": plan(WITHOUT, running(OLD, THREE), THREE),
    "cut_short": plan(OLD, running(OLD, {"digits": (3,), "faces": ()}), THREE),
    "unhealthy": plan(OLD, one_unhealthy(), THREE),
}


@pytest.mark.parametrize("name", sorted(PLANS))
def test_plans_read_as_the_golden_ones(name: str, golden: Compare) -> None:
    golden(f"plans/{name}.txt", f"{PLANS[name]}\n")
