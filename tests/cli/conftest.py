"""Stacks on the process runtime, always taken down."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Cli

WriteStack = Callable[[str], Path]


@pytest.fixture
def stack(cli: Cli, tmp_path: Path) -> Iterator[WriteStack]:
    """Write stacks/s/stack.yaml; the stack is down when the test ends."""
    path = tmp_path / "stacks" / "s" / "stack.yaml"

    def write(text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    yield write
    if (path.parent / ".run").exists():
        write("stack: s\n")
        cli("down", "s")


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
