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


def test_the_log_of_a_first_start_that_fails_outlives_its_container(box: Box) -> None:
    box.write({"serving": {"models": {"half": {}}}})
    newest = max((box.root / "models" / "half").iterdir(), key=lambda path: int(path.name))
    weights = newest / "variables" / "variables.data-00000-of-00001"
    weights.write_bytes(b"x" * weights.stat().st_size)
    failed = box.run("up", "--timeout", "120")
    assert "`tfdeploy logs one serving`" in failed.stderr
    told = box.run("logs", "--explain")
    assert "isn't up; its last server wrote this" in told.stderr
    assert told.stdout.startswith(f"serving: TFD111: half {newest.name}: ")


def test_a_container_under_its_old_name_has_a_log(box: Box) -> None:
    box.write({"serving": {"models": {"half": {}}}})
    box.ok("up")
    box.write({"renamed": {"models": {"half": {}}}})
    assert "Running gRPC" in box.ok("logs", "serving")
    assert "serving: no known problem" in box.ok("logs", "--explain")


def test_a_kill_by_somebody_is_not_told_as_a_lack_of_memory(box: Box) -> None:
    box.write({"serving": {"models": {"half": {}}}})
    box.ok("up")
    box.containers()["serving"].kill()
    told = box.ok("logs", "--explain")
    assert "not for its container's memory limit" in told
    assert "  says: its exit code, 137" in told
