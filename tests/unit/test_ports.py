"""Whether a port is free, and what is said of one that isn't."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tfdeploy.runtimes.ports import (
    PortState,
    check_ports,
    free_ports,
    in_use,
    listener_on,
    port_state,
)


def test_a_port_that_somebody_listens_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert (port_state("127.0.0.1", port), in_use("127.0.0.1", port)) == ("taken", True)
        assert f"(pid {os.getpid()})" in listener_on(port)
        (error,) = check_ports([("127.0.0.1", port), ("127.0.0.1", 0)], where="w", service="s")
        assert f"Port {port} is in use by " in error.message
    assert port_state("127.0.0.1", port) == "free"
    assert listener_on(port) == ""


def test_an_address_of_another_machine() -> None:
    # TEST-NET-1 of RFC 5737: nobody has it.
    assert port_state("192.0.2.1", 8501) == "elsewhere"
    assert in_use("192.0.2.1", 8501)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Not root, who may listen on every port."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    if before == 0:
        os.seteuid(before)


def test_a_port_below_1024_that_nobody_has_is_forbidden(nobody: None) -> None:
    limit = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    lowest = int(limit.read_text()) if limit.exists() else 1024
    assert port_state("127.0.0.1", 1) == ("forbidden" if lowest > 1 else "free")


@pytest.mark.parametrize(
    ("state", "as_this_user", "codes"),
    [
        ("forbidden", True, ["TFD477"]),
        # The Docker engine may.
        ("forbidden", False, []),
        ("taken", True, ["TFD403"]),
        ("elsewhere", False, ["TFD403"]),
        ("free", True, []),
    ],
)
def test_what_a_state_means_for_who_will_listen(
    state: PortState, as_this_user: bool, codes: list[str]
) -> None:
    errors = check_ports(
        [("0.0.0.0", 80)],
        where="w",
        service="s",
        as_this_user=as_this_user,
        look=lambda _address, _port: state,
    )
    assert [one.code for one in errors] == codes


def test_chosen_ports_are_free_and_none_that_an_outgoing_connection_gets() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    limits = Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest = int(limits.read_text().split()[0]) if limits.exists() else 49152
    if lowest > 25000:  # else there may be too few below
        assert all(20000 <= port < lowest for port in ports)
    assert port_state("127.0.0.1", ports[0]) == "free"


def test_a_port_that_is_taken_is_not_chosen() -> None:
    with ExitStack() as stack:
        taken = {
            stack.enter_context(socket.create_server(("", port))).getsockname()[1]
            for port in free_ports(5)
        }
        assert len(taken) == 5
        assert not taken & set(free_ports(200))
