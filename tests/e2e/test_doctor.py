"""doctor on a real engine: a healthy stack, and the same with somebody in its way."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

# What may be wrong with the machine of a test is nothing of the stack's.
OF_THE_MACHINE = {"host", "Docker", "GPU", "disk"}
NO_PROXY = {"no_proxy": "localhost,127.0.0.1", "NO_PROXY": "localhost,127.0.0.1"}


def examined(box: Any, *words: str) -> dict[str, Any]:
    done = box.run("doctor", "--runtime", "docker", "--json", *words, environment=NO_PROXY)
    document = json.loads(done.stdout)
    assert done.returncode == (1 if document["findings"] else 0), done.stdout + done.stderr
    return dict(document)


def codes(document: dict[str, Any]) -> list[str]:
    return [one["code"] for one in document["findings"] if one["group"] not in OF_THE_MACHINE]


def test_a_healthy_stack_and_a_port_that_is_taken(box: Any, boxes: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        box.edit(lambda stack: stack["services"]["serving"].update(publish={"rest": port}))
        found = examined(box)
        assert codes(found) == ["TFD403"]
        assert f"(pid {os.getpid()})" in found["findings"][-1]["message"]
    document = examined(box)
    assert codes(document) == []
    outcomes = {one["check"]: one for one in document["checks"]}
    assert outcomes["engine"]["outcome"] == "ok"
    assert outcomes["images at hand"]["told"] == "all on this machine"
    assert document["facts"]["docker"]["version"] in outcomes["engine"]["told"]
    box.ok("up")
    assert codes(examined(box)) == [], "the stack's own container has the port now"
    with boxes() as second:
        second.give("half", 1)
        second.write({"serving": {"models": {"half": {}}, "publish": {"rest": port}}})
        found = examined(second)
        assert codes(found) == ["TFD403"]
        assert f"container {box.containers()['serving'].name}" in found["findings"][-1]["message"]


def test_a_container_that_nobody_wants_is_named(box: Any) -> None:
    services = {name: {"models": {"half": {}}} for name in ("serving", "old")}
    box.write(services)
    box.ok("up")
    box.write({"serving": services["serving"]})
    found = examined(box)
    assert codes(found) == ["TFD472"]
    assert box.containers()["old"].name in found["findings"][-1]["message"]
    box.ok("up")
    assert codes(examined(box)) == []


def test_a_container_that_was_killed_is_named(box: Any) -> None:
    box.ok("up")
    assert codes(examined(box)) == []
    box.containers()["serving"].kill()
    found = examined(box)
    assert codes(found) == ["TFD479"]
    assert "`tfdeploy up one`" in found["findings"][-1]["fix"]
    box.ok("up")
    assert codes(examined(box)) == []


def test_a_closed_model_is_opened_by_fix(box: Any) -> None:
    weights = next(box.root.glob("models/half/1/variables/*.index"))
    box.edit(lambda stack: stack["services"]["serving"].update(user="54321:54321"))
    weights.chmod(0o600)
    assert codes(examined(box)) == ["TFD215"]
    fixed = examined(box, "--fix")
    assert codes(fixed) == []
    assert [one["done"].startswith("opened ") for one in fixed["fixed"]] == [True]
    assert weights.stat().st_mode & 0o777 == 0o644
    box.ok("up")
