"""Every change of a running stack, made under load on real Compose, loses no request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_no_request_lost import judge, run_table


@pytest.mark.timeout(580)
def test_no_request_is_lost_while_a_stack_changes(server_image: str, tmp_path: Path) -> None:
    load = run_table(tmp_path / "changes.json", "--runtime=docker", f"--image={server_image}")
    assert len(load["rows"]) >= 10
    judge(load)
