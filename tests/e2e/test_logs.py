"""What a container's end and its log mean."""

from __future__ import annotations

import json

from tests.e2e.conftest import Box


def test_a_server_that_is_killed_for_its_memory_says_so_with_the_fix(box: Box) -> None:
    box.write({"serving": {"models": {"half": {}}, "resources": {"memory": "40MiB"}}})
    failed = box.run("up", "--timeout", "120")
    assert failed.returncode == 5, failed.stdout + failed.stderr
    assert "[TFD410]" in failed.stderr
    assert "the kernel killed it" in failed.stderr
    assert "(`tfdeploy explain TFD493`)" in failed.stderr


def test_the_log_of_a_container_is_explained(box: Box) -> None:
    box.ok("up")
    assert "serving: no known problem in" in box.ok("logs", "--explain")
    noise = box.root / "models" / "half" / "9"
    noise.write_text("a file, not a version")
    box.run("wait", "--for", "half=9", "--timeout", "60")
    (log,) = json.loads(box.ok("logs", "--explain", "--json"))["logs"]
    (problem,) = [one for one in log["findings"] if not one["harmless"]]
    assert (problem["code"], problem["about"]) == ("TFD110", ["half 9"])
