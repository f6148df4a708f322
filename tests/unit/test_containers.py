"""What `docker inspect` says, as a service of ours."""

from __future__ import annotations

from typing import Any

import pytest

from tfdeploy.runtimes.containers import (
    describe,
    host_address,
    host_ports,
    service_state,
    used_memory,
)
from tfdeploy.serverlog import Ending


def inspected(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    ports = {
        "8500/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32769"}],
        "8501/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8501"}],
    }
    return {
        "State": state,
        "Config": {"Labels": {"tfdeploy.server-hash": "abc"}},
        "NetworkSettings": {"Ports": ports},
        "RestartCount": 0,
        **more,
    }


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ({"Status": "running"}, "running"),
        ({"Status": "running", "Health": {"Status": "healthy"}}, "running"),
        ({"Status": "running", "Health": {"Status": "starting"}}, "starting"),
        ({"Status": "running", "Health": {"Status": "unhealthy"}}, "unhealthy"),
        ({"Status": "restarting", "Health": {"Status": "unhealthy"}}, "starting"),
        ({"Status": "paused"}, "unhealthy"),
        ({"Status": "created"}, "exited"),
        ({"Status": "exited"}, "exited"),
        ({"Status": "dead"}, "exited"),
    ],
)
def test_the_engines_state_and_health_become_one_word(state: Any, ours: str) -> None:
    assert service_state(state) == ours


def test_a_running_container_tells_hash_addresses_and_since_when() -> None:
    started = "2026-01-02T03:04:05.123456789Z"
    state = {"Status": "running", "Running": True, "Pid": 7, "StartedAt": started}
    service = describe("serving", inspected(state, RestartCount=2))
    assert service.state == "running"
    assert service.server_hash == "abc"
    assert service.rest_url == "http://127.0.0.1:8501"
    assert service.grpc_address == "127.0.0.1:32769"
    assert service.restarts == 2
    assert service.started_at == pytest.approx(1767323045.123456)
    assert service.detail == "pid 7"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, "more memory than its limit"),
        ({"Status": "exited", "ExitCode": 139}, "exit code 139, signal 11"),
        ({"Status": "exited", "ExitCode": 1}, "exit code 1"),
        ({"Status": "restarting", "ExitCode": 255}, "exit code 255"),
        ({"Status": "created", "Error": "no such device"}, "no such device"),
        ({"Status": "created"}, "never started"),
    ],
)
def test_an_ended_container_says_why_in_words(state: Any, words: str) -> None:
    service = describe("serving", inspected({**state, "StartedAt": "0001-01-01T00:00:00Z"}))
    assert words in service.detail
    assert service.started_at is None


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, Ending(137, True)),
        ({"Status": "restarting", "ExitCode": 132}, Ending(132)),
        ({"Status": "running", "ExitCode": 0}, None),
        ({"Status": "created", "ExitCode": 0}, None),
    ],
)
def test_how_a_container_ended_is_kept(state: Any, ending: Ending | None) -> None:
    assert describe("serving", inspected(state)).ending == ending


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "127.0.0.1:9"),
        ("0.0.0.0", "127.0.0.1:9"),
        ("::", "127.0.0.1:9"),
        ("127.0.0.1", "127.0.0.1:9"),
        ("192.168.1.5", "192.168.1.5:9"),
        ("::1", "[::1]:9"),
    ],
)
def test_an_address_is_one_that_this_host_can_reach(host: str, address: str) -> None:
    bound = {"NetworkSettings": {"Ports": {"8501/tcp": [{"HostIp": host, "HostPort": "9"}]}}}
    assert host_address(bound, 8501) == address


def test_ports_that_are_not_published_are_no_addresses() -> None:
    assert host_address({"NetworkSettings": {"Ports": {"8501/tcp": None}}}, 8501) == ""
    assert host_address({"NetworkSettings": {}}, 8501) == ""
    assert host_ports(inspected({})) == {32769, 8501}


@pytest.mark.parametrize(
    ("memory", "used"),
    [
        ({"usage": 1000, "stats": {"inactive_file": 300}}, 700),
        ({"usage": 1000, "stats": {"total_inactive_file": 400, "inactive_file": 300}}, 600),
        ({"usage": 1000, "stats": {"inactive_file": 2000}}, 1000),
        ({"usage": 1000}, 1000),
        ({}, None),
    ],
)
def test_memory_is_told_without_the_cache_of_files(
    memory: dict[str, Any], used: int | None
) -> None:
    assert used_memory({"memory_stats": memory}) == used
