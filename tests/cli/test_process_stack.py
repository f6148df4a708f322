"""A stack on the process runtime, from up to down, with real servers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.conftest import WriteStack
from tests.conftest import Cli
from tfdeploy.journal import changing
from tfdeploy.processes import find

STACK = """\
stack: s
runtime: process
services:
  one:
    models:
      half: {versions: {specific: [1, 2]}, labels: {stable: 1}}
"""


def record(cli: Cli, service: str = "one") -> dict[str, Any]:
    path = cli.cwd / f"stacks/s/.run/{service}.pid.json"
    return json.loads(path.read_text())


def answer(cli: Cli, *words: str) -> Any:
    ran = cli("predict", "s", "half", "-", "--json", *words, stdin="[2.0]").succeeded()
    return ran.document["predictions"]


def spoil(version: Path) -> None:
    """Weights of the right size that are none: found out by loading only."""
    weights = version / "variables" / "variables.data-00000-of-00001"
    weights.write_bytes(b"x" * weights.stat().st_size)


def test_up_predict_status_logs_plan_and_down(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK)
    up = cli("up", "s", "--json").succeeded().document
    assert [step["step"] for step in up["steps"]] == ["write", "start", "wait"]
    assert up["services"]["one"]["models"] == {"half": [1, 2]}
    assert answer(cli) == [3.0]
    assert answer(cli, "--label", "stable") == [2.0]
    assert answer(cli, "--version", "1") == [2.0]
    columns = cli("predict", "s", "half", "-", "--columns", "--json", stdin="[2.0]")
    assert columns.document == {"outputs": [3.0]}
    status = cli("status", "s", "--json").succeeded().document
    assert {row["version"]: row["labels"] for row in status["models"]} == {2: [], 1: ["stable"]}
    assert cli("plan", "s").stdout.strip() == "stack s on process: up to date"
    assert "Exporting HTTP/REST API" in cli("logs", "s", "one", "--tail", "20").stdout
    pid = record(cli)["pid"]
    assert cli("down", "s").succeeded().stdout.endswith("\nstack s on process: stopped one\n")
    assert find(pid) is None
    assert cli("status", "s").exit_code == 1
    assert cli("down", "s").succeeded().stdout == "stack s on process: nothing was running\n"


def test_the_curl_line_gives_the_same_answer(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    for rows in ([2.0], [2.0] * 5000):
        line = cli("predict", "s", "half", "-", "--curl", stdin=json.dumps(rows)).stdout
        reply = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
        assert json.loads(reply.stdout)["predictions"] == [3.0] * len(rows)


def test_adding_a_model_and_moving_a_label_reload_the_same_server(
    cli: Cli, stack: WriteStack, half: Path, half_versions: Path
) -> None:
    path = stack(STACK.replace("half: {v", "# a comment\n      half: {v"))
    cli("up", "s").succeeded()
    pid = record(cli)["pid"]
    cli("add-model", "s", "again", str(half_versions / "3"), "--up").succeeded()
    assert sorted(p.name for p in (cli.cwd / "models/again").iterdir()) == ["3"]
    ran = cli("add-model", "s", "half", "--versions", "1,3", "--label", "stable=3", "--up")
    assert "old and new side by side" in ran.succeeded().stdout
    assert answer(cli, "--label", "stable") == [4.0]
    cli("remove-model", "s", "again", "--up").succeeded()
    assert record(cli)["pid"] == pid
    assert "# a comment" in path.read_text()
    assert "again" not in path.read_text()
    rows = cli("status", "s", "--json").succeeded().document["models"]
    assert {row["model"] for row in rows} == {"half"}


def test_a_version_that_fails_to_load_leaves_the_old_ones_serving(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    config = cli.cwd / "stacks/s/.run/rendered/one/models.config"
    before = config.read_text()
    spoil(half / "3")
    stack(STACK.replace("[1, 2]", "[2, 3]").replace("stable: 1", "stable: 2"))
    ran = cli("up", "s")
    assert ran.exit_code == 5
    assert "half 3 on service 'one' failed to load" in ran.stderr
    assert "Checksum does not match" in ran.stderr
    assert config.read_text() == before
    assert answer(cli, "--label", "stable") == [2.0]


def test_a_new_service_that_fails_is_gone_and_the_others_are_untouched(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    pid = record(cli)["pid"]
    spoil(half / "3")
    stack(STACK + "  two:\n    models:\n      half: {versions: {specific: [3]}}\n")
    ran = cli("up", "s")
    assert ran.exit_code == 5
    assert "Service 'two' ended: half 3" in ran.stderr
    assert record(cli)["pid"] == pid
    assert not (cli.cwd / "stacks/s/.run/two.pid.json").exists()
    assert not (cli.cwd / "stacks/s/.run/rendered/two").exists()
    assert answer(cli, "--service", "one") == [3.0]


def test_a_flag_that_kills_the_server_brings_the_old_one_back(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    stack(STACK + "    flags: {ssl_config_file: /nowhere}\n")
    ran = cli("up", "s")
    assert ran.exit_code == 5
    assert "/nowhere" in ran.stderr
    assert answer(cli) == [3.0]


def test_a_killed_server_is_seen_and_the_next_up_starts_it(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    os.kill(record(cli)["pid"], signal.SIGKILL)
    assert cli("status", "s").exit_code == 1
    plan = cli("plan", "s", "--json").document
    assert [step["step"] for step in plan["steps"]][-2:] == ["start", "wait"]
    cli("up", "s").succeeded()
    assert answer(cli) == [3.0]


def test_a_server_outlives_the_terminal_that_started_it(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    shell = subprocess.Popen(cli.argv("up", "s"), cwd=cli.cwd, start_new_session=True)
    assert shell.wait(timeout=60) == 0
    # What a closing terminal sends to everybody of its session reaches nobody.
    with pytest.raises(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGHUP)
    assert os.getsid(record(cli)["pid"]) != shell.pid
    assert answer(cli) == [3.0]


def test_a_stack_runs_on_one_runtime_at_a_time(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK.replace("runtime: process\n", ""))
    cli("up", "s", "--runtime", "process").succeeded()
    other = cli("up", "s", "--runtime", "docker")
    assert (other.exit_code, "TFD406" in other.stderr) == (4, True)
    assert "the stack was brought up on it" in cli("plan", "s").stderr


def test_a_server_binary_is_used_and_remembered(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK)
    binary = cli.cwd / "tensorflow_model_server"
    binary.write_text(f'#!/bin/sh\nexec {sys.executable} -m tfdeploy.server "$@"\n')
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    up = cli("up", "s", "--server-binary", str(binary)).succeeded()
    assert str(binary) in up.stdout
    assert record(cli)["argv"][0] == str(binary)
    assert cli("plan", "s").stdout.strip().endswith("up to date")
    assert answer(cli) == [3.0]


def test_a_published_port_is_the_one_that_answers(
    cli: Cli, stack: WriteStack, half: Path, unused_port: int
) -> None:
    stack(STACK + f"    publish: {{rest: {unused_port}}}\n")
    services = cli("up", "s", "--json").succeeded().document["services"]
    assert services["one"]["rest"] == f"http://127.0.0.1:{unused_port}"
    assert cli("plan", "s").stdout.strip().endswith("up to date")


def test_two_commands_do_not_change_a_stack_at_once(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    path = stack(STACK)
    with changing(path.parent):
        for words in (("up", "s"), ("down", "s"), ("add-model", "s", "half")):
            other = cli(*words)
            assert (other.exit_code, "TFD415" in other.stderr) == (5, True)
        assert cli("status", "s").exit_code == 1
    # A server that was started under the lock doesn't keep it.
    cli("up", "s").succeeded()
    cli("up", "s").succeeded()


def test_a_model_that_cannot_be_added_is_not_left_behind(
    cli: Cli, stack: WriteStack, half_versions: Path
) -> None:
    text = stack(STACK.replace("half: {versions: {specific: [1, 2]}, labels: {stable: 1}}", ""))
    before = text.read_text()
    ran = cli("add-model", "s", "new", str(half_versions), "--label", "stable=9")
    assert (ran.exit_code, "TFD205" in ran.stderr) == (2, True)
    assert not (cli.cwd / "models/new").exists()
    assert text.read_text() == before


def test_a_refused_model_is_never_served(
    cli: Cli, stack: WriteStack, half: Path, half_versions: Path
) -> None:
    shutil.rmtree(half / "3")
    shutil.rmtree(half / "2")
    stack(STACK.replace("{versions: {specific: [1, 2]}, labels: {stable: 1}}", "{}"))
    cli("up", "s").succeeded()
    ran = cli("add-model", "s", "half", str(half_versions / "2"), "--label", "canary=9")
    assert (ran.exit_code, "TFD205" in ran.stderr) == (2, True)
    assert [path.name for path in half.iterdir()] == ["1"]


def test_a_label_pins_the_versions_of_a_model_that_serves_its_latest(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    path = stack(STACK.replace("{versions: {specific: [1, 2]}, labels: {stable: 1}}", "{}"))
    cli("add-model", "s", "half", "--label", "stable=1").succeeded()
    assert "versions: {specific: [1, 3]}" in path.read_text()


def test_status_sees_what_the_stack_file_says_and_the_server_does_not(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    stack(STACK.replace("stable: 1", "stable: 2"))
    moved = cli("status", "s", "--json")
    assert (moved.exit_code, moved.document["healthy"]) == (1, False)
    assert "label stable of half answers with 1, and should with 2" in moved.document["problems"]
    assert {r["version"]: r["labels"] for r in moved.document["models"]} == {2: [], 1: ["stable"]}
    stack(STACK + "    flags: {rest_api_timeout_in_ms: 20000}\n")
    flagged = cli("status", "s")
    assert (flagged.exit_code, "`up` would recreate one" in flagged.stdout) == (1, True)
    assert "s as at its last start" in flagged.stdout
    stack(STACK)
    assert cli("status", "s").exit_code == 0
    shutil.rmtree(half / "2")
    gone = cli("status", "s")
    assert (gone.exit_code, "TFD113" in gone.stdout) == (1, True)


def test_a_failed_add_model_up_leaves_the_stack_file_as_it_was(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    path = stack(STACK)
    cli("up", "s").succeeded()
    spoil(half / "3")
    ran = cli("add-model", "s", "half", "--versions", "2,3", "--label", "stable=2", "--up")
    assert ran.exit_code == 5
    assert path.read_text() == STACK
    assert "END" in cli("status", "s").succeeded().stdout
    assert answer(cli, "--label", "stable") == [2.0]


def test_a_server_that_hangs_is_unhealthy_and_started_anew(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    os.kill(record(cli)["pid"], signal.SIGSTOP)
    assert "unhealthy" in cli("status", "s").stdout
    cli("up", "s").succeeded()
    assert answer(cli) == [3.0]


def test_the_embedded_server_listens_on_the_address_that_is_published(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    cli("up", "s").succeeded()
    process = psutil.Process(record(cli)["pid"])
    listening = {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_the_logs_of_a_stack_that_never_was_up_are_none(cli: Cli, stack: WriteStack) -> None:
    stack(STACK)
    ran = cli("logs", "s")
    assert (ran.exit_code, "TFD408" in ran.stderr) == (4, True)
