"""One stack, up: what answers, from where, and how it is locked up. The tests share it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

ASK_BY_NAME = """
import json, urllib.request
url = "http://serving:8501/v1/models/half:predict"
with urllib.request.urlopen(url, json.dumps({"instances": [2.0]}).encode(), timeout=10) as reply:
    print(json.load(reply)["predictions"])
import grpc
with grpc.insecure_channel("serving:8500") as channel:
    grpc.channel_ready_future(channel).result(timeout=10)
print("gRPC is open")
"""


@pytest.fixture(scope="module")
def stack(boxes: Callable[[], Any]) -> Iterator[Any]:
    with boxes() as box:
        box.give("half", 1)
        limits = {"cpus": 1.5, "memory": "1GiB"}
        box.write({"serving": {"models": {"half": {}}, "resources": limits}})
        box.ok("up")
        yield box


def test_up_says_where_it_answers_and_predict_asks_there(stack: Any) -> None:
    said = json.loads(stack.ok("up", "--json"))
    assert said["steps"] == []
    assert said["services"]["serving"]["rest"].startswith("http://127.0.0.1:")
    assert said["services"]["serving"]["models"] == {"half": [1]}

    answer = json.loads(stack.ok("predict", "half", "-", "--json", input="[2.0, 4.0]"))
    assert [2.0, 3.0] in answer.values()


def test_the_health_check_turns_healthy_and_status_agrees(
    stack: Any, eventually: Callable[..., None]
) -> None:
    eventually(lambda: stack.inspect()["State"]["Health"]["Status"] == "healthy")
    status = json.loads(stack.ok("status", "--json"))
    assert status["healthy"]
    assert status["services"]["serving"]["state"] == "running"


def test_another_container_reaches_it_by_its_name(stack: Any, server_image: str) -> None:
    printed = stack.client.containers.run(
        server_image,
        entrypoint="python3",
        command=["-c", ASK_BY_NAME],
        network=stack.name,
        remove=True,
    )
    assert printed.decode().splitlines() == ["[2.0]", "gRPC is open"]


def test_the_container_is_locked_up_and_bound_to_this_host(stack: Any) -> None:
    seen = stack.inspect()
    host = seen["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert not host["Privileged"]
    assert host["NanoCpus"] == 1_500_000_000
    assert host["Memory"] == 2**30
    assert not any(mount["RW"] for mount in seen["Mounts"] if mount["Type"] == "bind")
    bound = [one["HostIp"] for ports in seen["NetworkSettings"]["Ports"].values() for one in ports]
    assert bound == ["127.0.0.1", "127.0.0.1"]


def test_logs_show_what_the_server_wrote(stack: Any) -> None:
    assert "half" in stack.ok("logs", "--tail", "50")
    assert len(stack.ok("logs", "--tail", "3").splitlines()) == 3


def test_a_killed_server_is_started_again_by_the_engine(
    stack: Any, eventually: Callable[..., None]
) -> None:
    def answers() -> bool:
        try:
            return bool(stack.ask("half", 2.0) == 2.0)
        except OSError:
            return False

    before = stack.inspect()["RestartCount"]
    # From inside: `docker kill` counts as a stop that was wanted.
    kill = ["bash", "-c", "kill -9 $(cat /proc/1/task/1/children)"]
    stack.containers()["serving"].exec_run(kill)
    eventually(lambda: stack.inspect()["RestartCount"] == before + 1)
    eventually(answers)
    assert "1 restart," in stack.ok("status")


def test_down_removes_containers_and_network(stack: Any) -> None:
    assert "stopped serving" in stack.ok("down")
    assert stack.containers() == {}
    assert stack.client.networks.list(names=[stack.name]) == []
    assert "nothing was running" in stack.ok("down")
    assert stack.run("status").returncode == 1
