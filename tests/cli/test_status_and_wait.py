"""status and wait against real servers on the process runtime."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.cli.conftest import WriteStack
from tests.conftest import Cli

STACK = """\
stack: s
runtime: process
services:
  one:
    models:
      half: {versions: {specific: [1, 2]}, labels: {stable: 1}}
"""
LATEST = "stack: s\nruntime: process\nservices: {one: {models: {half: {}}}}\n"


def status(cli: Cli, exit_code: int = 0) -> Any:
    ran = cli("status", "s", "--json")
    assert ran.exit_code == exit_code, ran.stdout + ran.stderr
    return ran.document


def spoil(version: Path) -> None:
    weights = version / "variables" / "variables.data-00000-of-00001"
    weights.write_bytes(b"x" * weights.stat().st_size)


def publish(half: Path, half_versions: Path, number: int, *, broken: bool = False) -> None:
    """One more version, by a rename."""
    copy = Path(shutil.copytree(half_versions / "1", half / f"coming-{number}"))
    if broken:
        spoil(copy)
    copy.rename(half / str(number))


def test_requests_latency_memory_and_uptime_are_shown(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    for _ in range(3):
        cli("predict", "s", "half", "-", stdin="[2.0]").succeeded()
    assert cli("predict", "s", "half", "-", "--version", "9", stdin="[2.0]").exit_code == 6
    found = status(cli)
    (counted,) = found["requests"]
    assert (counted["answered"], counted["model"]) == (3, "half")
    assert counted["refused"] >= 1
    assert 0 < counted["p50_ms"] <= counted["p99_ms"]
    service = found["services"]["one"]
    assert service["memory_bytes"] > 50 * 2**20
    assert service["uptime_seconds"] > 0
    text = cli("status", "s").succeeded().stdout
    assert "MiB, http://127.0.0.1:" in text
    assert "requests since each server's start" in text
    assert "one      half   3         1" in text


def test_a_service_without_metrics_says_why(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK)
    templates = cli.cwd / "mine"
    templates.mkdir()
    (templates / "monitoring.config.j2").write_text("prometheus_config { enable: false }\n")
    cli("up", "s", "--templates", "mine").succeeded()
    # The folder of templates is remembered: what it makes is what is wanted.
    found = status(cli)
    assert found["requests"] == []
    why = "its monitoring.config doesn't enable metrics"
    assert found["services"]["one"]["no_requests_because"] == why
    assert f"no figures of one's requests: {why}" in cli("status", "s").stdout
    assert "up to date" in cli("plan", "s").succeeded().stdout
    shutil.rmtree(templates)
    assert any("There is no folder" in one for one in status(cli, 1)["problems"])


def test_a_push_that_kept_the_old_version_serving_is_a_difference(
    cli: Cli, stack: WriteStack, half: Path, half_versions: Path
) -> None:
    stack(LATEST)
    cli("up", "s").succeeded()
    cli("wait", "s", "--for", "half=3").succeeded()
    publish(half, half_versions, 4, broken=True)
    ran = cli("wait", "s", "--for", "half=4", "--json")
    assert ran.exit_code == 5
    assert ran.document["errors"][0]["code"] == "TFD450"
    assert "half 4 failed to load" in ran.stderr
    assert "A file of its variables is damaged.  [TFD450]" in ran.stderr
    assert "(`tfdeploy explain TFD111`)" in ran.stderr
    rows = {row["version"]: row for row in status(cli, 1)["models"]}
    assert (rows[4]["wanted"], rows[4]["state"], rows[4]["ok"]) == (True, "END", False)
    assert (rows[3]["wanted"], rows[3]["state"], rows[3]["ok"]) == (False, "AVAILABLE", False)


def test_wait_sees_a_version_that_is_published_while_it_waits(
    cli: Cli, stack: WriteStack, half: Path, half_versions: Path
) -> None:
    stack(LATEST)
    cli("up", "s").succeeded()
    with subprocess.Popen(
        cli.argv("wait", "s", "--for", "half=7"),
        cwd=cli.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == "waiting: half 7 is NOT LOADED on one\n"
        publish(half, half_versions, 7)
        out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, out + err
    assert "half=7, after" in out


NEVER = {
    "nobody=1": "the stack has no model 'nobody'",
    "half=3": "the stack file wants version 1, 2 of half, not 3",
    "half@stable=2": "points label 'stable' at version 1",
    "half@canary=2": "gives half no label 'canary'",
}


def test_wait_ends_at_once_where_nothing_can_come(cli: Cli, stack: WriteStack, half: Path) -> None:
    path = stack(STACK)
    for words in (["--for", "half=1"], []):
        ran = cli("wait", "s", *words, "--timeout", "200")
        assert (ran.exit_code, "isn't up" in ran.stderr) == (5, True)
    cli("up", "s").succeeded()
    cli("wait", "s", "--for", "half=2", "--for", "half@stable=1").succeeded()
    assert cli("wait", "s", "--json").succeeded().document["for"] == []
    for target, why in NEVER.items():
        ran = cli("wait", "s", "--for", target, "--timeout", "200")
        assert (ran.exit_code, "TFD450" in ran.stderr) == (5, True)
        assert why in ran.stderr
    path.write_text(STACK.replace("stable: 1", "stable: 2"))
    ran = cli("wait", "s", "--timeout", "200")
    assert "`up` would reload one" in ran.stderr
    assert ran.exit_code == 5
    assert cli("wait", "s", "--for", "half").exit_code == 2


def test_wait_says_what_is_missing_when_time_runs_out(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(LATEST)
    cli("up", "s").succeeded()
    ran = cli("wait", "s", "--for", "half=8", "--timeout", "1")
    assert ran.exit_code == 5
    assert "TFD451" in ran.stderr
    assert "half 8 is NOT LOADED on one" in ran.stderr


def test_watch_goes_on_until_it_is_interrupted(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    assert cli("status", "s", "--watch", "--json").exit_code == 2
    with subprocess.Popen(
        cli.argv("status", "s", "--watch", "--every", "0.2"),
        cwd=cli.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as watching:
        assert watching.stdout is not None
        lines = []
        for line in watching.stdout:
            lines.append(line)
            if line.startswith("requests of the last"):
                os.killpg(watching.pid, signal.SIGINT)
                break
        rest, err = watching.communicate(timeout=60)
    assert (watching.returncode, err) == (0, "")
    assert any(line.startswith("requests since each server's start") for line in lines)
    assert "\x1b" not in "".join(lines) + rest
