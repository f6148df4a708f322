"""The changes that are made under load: one row each.

A new way to change a stack is one more row: what is run, and what must answer afterwards.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from changing.box import STACK, Box

SERVICE = "serving"
ANOTHER_FLAG = {"rest_api_timeout_in_ms": 20000}
# What a question is: see `tally.parse_question`. Whatever isn't here is asked after it came.
FIRST = {"line": 2, "line@stable": 1, "fresh": 1, "steady": 1, "steady#1": 1}
FIRST_BEHIND_GATEWAY = {"line": 2, "line@stable": 1, "steady": 1}


@dataclass(frozen=True)
class Change:
    """One row.

    Attributes:
        name: What a reader of the table calls it.
        argv: The words after `tfdeploy`.
        then: Question → the version that must answer afterwards, where it is another than
            before. During the change either may; a question that is new is asked from then on.
        gone: Questions that are asked no more, from just before the change.
        first: What is done by other means than `tfdeploy`, just before.
        exit_code: What the command must end with.
        kill_at: Kill it (SIGKILL) as soon as it prints this. What `then` names may answer from
            then on, as well as what answered before.
        has_gap: It can't be made without a gap, after which gRPC clients wait a second before they
            connect again; requests that are lost are counted, and no fault.
    """

    name: str
    argv: tuple[str, ...] = ("up", STACK)
    then: Mapping[str, int] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    first: Callable[[Box], object] | None = None
    exit_code: int = 0
    kill_at: str | None = None
    has_gap: bool = False


def first_stack(image: str | None, runtime: str, rest_port: int, grpc_port: int) -> dict[str, Any]:
    """The stack file that the table starts from; its ports stay when a server is started anew."""
    models = {
        "line": {"versions": {"specific": [1, 2]}, "labels": {"stable": 1}},
        "fresh": {},
        "steady": {},
    }
    service = {"models": models, "publish": {"rest": rest_port, "grpc": grpc_port}}
    stack: dict[str, Any] = {"image": image} if image else {}
    return {**stack, "runtime": runtime, "services": {SERVICE: service}}


def gateway_stack(
    image: str | None, runtime: str, gateway_image: str | None, port: int
) -> dict[str, Any]:
    """As `first_stack`, behind a gateway that has the only port."""
    stack = first_stack(image, runtime, 0, 0)
    service = stack["services"][SERVICE]
    gateway: dict[str, Any] = {"image": gateway_image} if gateway_image else {}
    models = {name: service["models"][name] for name in ("line", "steady")}
    return {
        **stack,
        "gateway": {**gateway, "publish": port, "drain_seconds": 2},
        "services": {SERVICE: {"models": models}},
    }


def publish_first(box: Box) -> None:
    """The versions that the table needs on disk; ``guest`` lies elsewhere until it is added."""
    box.publish("line", 1, 2, 3, 4)
    box.publish("fresh", 1)
    box.publish("steady", 1)
    box.publish("guest", 1, below="trained")


def changes() -> list[Change]:
    """The table, in order: each row starts from what the one before it left."""
    return [*_models_and_versions(), *_killed(), *_moves(), *_services()]


def changes_behind_gateway(other_image: str | None) -> list[Change]:
    """What takes another server, behind a gateway; the image too, where there is another one."""
    image = [Change("another image", first=lambda box: box.edit(_image(other_image)))]
    return [
        Change("a flag changed", first=lambda box: box.edit(_service(flags=ANOTHER_FLAG))),
        *(image if other_image else []),
        Change(
            "killed while the old server is drained",
            first=lambda box: box.edit(_service(batching={"num_batch_threads": 2})),
            exit_code=-signal.SIGKILL,
            kill_at="drain the old serving for 2 s ...",
        ),
        Change("the killed one, finished by an up"),
        Change(
            "a new server that doesn't come up",
            first=lambda box: box.edit(_service(flags={"ssl_config_file": "/nowhere"})),
            exit_code=5,
        ),
        Change("the flag as it was", first=lambda box: box.edit(_service(flags=ANOTHER_FLAG))),
        Change("promote", ("promote", STACK, "line", "2"), {"line@stable": 2}),
        Change("another limit of the gateway", first=lambda box: box.edit(_limit)),
    ]


def _service(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda stack: stack["services"][SERVICE].update(fields)


def _image(other: str | None) -> Callable[[dict[str, Any]], object]:
    return lambda stack: stack.update(image=other)


def _limit(stack: dict[str, Any]) -> None:
    stack["gateway"]["body_limit"] = "1MiB"


def _line(*words: str) -> tuple[str, ...]:
    return ("add-model", STACK, "line", "--service", SERVICE, *words, "--up")


def _models_and_versions() -> list[Change]:
    guest = ("add-model", STACK, "guest", "trained/guest", "--service", SERVICE, "--up")
    without = ("remove-model", STACK, "guest", "--service", SERVICE, "--up")
    return [
        Change("a model added", guest, {"guest": 1}),
        Change("a model removed", without, gone=("guest",)),
        Change(
            "a new version under latest",
            then={"fresh": 2},
            first=lambda box: box.publish("fresh", 2),
        ),
        Change("a label moved", _line("--label", "stable=2"), {"line@stable": 2}),
        Change("other versions pinned", _line("--versions", "2,3"), {"line": 3}),
        Change(
            "a label moved, its old version dropped",
            _line("--versions", "3", "--label", "stable=3"),
            {"line@stable": 3},
        ),
        Change(
            "a label back on a version that isn't loaded",
            _line("--versions", "2,3", "--label", "stable=2"),
            {"line@stable": 2},
        ),
        Change(
            "a version that can't be loaded",
            _line("--versions", "2,9"),
            first=lambda box: box.publish_broken("line", 9),
            exit_code=5,
        ),
    ]


def _killed() -> list[Change]:
    return [
        Change(
            "killed while a label moves",
            _line("--versions", "4", "--label", "stable=4"),
            {"line": 4},
            exit_code=-signal.SIGKILL,
            kill_at="old and new side by side) ...",
        ),
        Change("the killed one, finished by an up", then={"line": 4, "line@stable": 4}),
    ]


def _moves() -> list[Change]:
    """Starts from the line's version 4, `stable`, and the latest of `fresh`, 2."""
    promoted = {"line": 3, "line@stable": 3}
    return [
        Change("promote", ("promote", STACK, "line", "3"), promoted),
        Change("rollback", ("rollback", STACK, "line"), {"line": 4, "line@stable": 4}),
        Change("canary", ("canary", STACK, "line", "3"), {"line@canary": 3}),
        Change("promote the canary", ("promote", STACK, "line", "3"), promoted),
        Change(
            "promote what can't be loaded",
            ("promote", STACK, "line", "8"),
            first=lambda box: box.publish_broken("line", 8),
            exit_code=5,
        ),
        Change("pin other versions", ("pin", STACK, "line", "2", "3"), {"line#2": 2}),
        Change("retire", ("retire", STACK, "line", "2"), gone=("line#2",)),
        Change("pin what serves", ("pin", STACK, "fresh")),
        Change("a new version beside a pin", first=lambda box: box.publish("fresh", 3)),
        Change("unpin", ("unpin", STACK, "fresh"), {"fresh": 3}),
    ]


def _services() -> list[Change]:
    another = {"models": {"steady": {}}}
    return [
        Change(
            "a service added",
            first=lambda box: box.edit(lambda stack: stack["services"].update(another=another)),
        ),
        Change(
            "a service removed",
            first=lambda box: box.edit(lambda stack: stack["services"].pop("another")),
        ),
        Change(
            "a flag changed, without a gateway",
            first=lambda box: box.edit(_service(flags=ANOTHER_FLAG)),
            has_gap=True,
        ),
    ]
