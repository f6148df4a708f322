"""Every change of a running stack, made under load on real Compose, loses no request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_no_request_lost import judge, run_table


@pytest.mark.timeout(580)
def test_no_request_is_lost_while_a_stack_changes(
    server_image: str, other_image: str, gateway_image: str, tmp_path: Path
) -> None:
    images = [f"--image={server_image}", f"--other-image={other_image}"]
    words = ["--runtime=docker", *images, f"--gateway-image={gateway_image}"]
    load = run_table(tmp_path / "changes.json", *words)
    assert len(load["rows"]) >= 10
    judge(load)
