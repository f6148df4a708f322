"""Whether a port is free, and what is said of one that isn't."""

from __future__ import annotations

import os
import socket

import pytest

from tfdeploy.runtimes.ports import check_ports, in_use, listener_on, port_state


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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may listen on every port")
def test_a_port_below_1024_that_nobody_has_is_free_for_who_may() -> None:
    assert port_state("127.0.0.1", 1) == "free"
