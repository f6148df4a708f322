"""The words that Compose is called with, and what is made of what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfdeploy.processes import Finished
from tfdeploy.runtimes.compose import (
    decisive_line,
    down_argv,
    failed,
    pull_argv,
    remove_argv,
    up_argv,
)

PLUGIN = ("docker", "compose")
PROJECT = ["docker", "compose", "--ansi", "never", "--project-name", "vision"]
FILE = Path("/stacks/vision/rendered/compose.yaml")

GPU = 'could not select device driver "nvidia" with capabilities: [[gpu]]'
PROGRESS = """\
 Network vision  Creating
 Network vision  Created
 Container vision-serving-1  Creating
 Container vision-serving-1  Created
 Container vision-serving-1  Starting
"""


def test_start_leaves_the_other_services_alone() -> None:
    argv = up_argv(PLUGIN, "vision", FILE, "serving")
    assert argv[: len(PROJECT)] == PROJECT
    assert argv[len(PROJECT) :] == [
        *("--file", str(FILE)),
        *("up", "--detach", "--no-deps", "serving"),
    ]


def test_recreate_differs_from_start_by_one_word() -> None:
    start = up_argv(PLUGIN, "vision", FILE, "serving")
    recreate = up_argv(PLUGIN, "vision", FILE, "serving", recreate=True)
    assert [word for word in recreate if word not in start] == ["--force-recreate"]
    assert recreate[-1] == "serving"


def test_an_image_is_pulled_before_anything_is_touched() -> None:
    argv = pull_argv(PLUGIN, "vision", FILE, "serving")
    assert argv == [*PROJECT, "--file", str(FILE), "pull", "--quiet", "serving"]


def test_stop_and_down_need_no_compose_file() -> None:
    stop = remove_argv(PLUGIN, "vision", "serving")
    assert stop == [*PROJECT, "rm", "--stop", "--force", "serving"]
    assert down_argv(PLUGIN, "vision") == [*PROJECT, "down", "--remove-orphans"]


def test_a_binary_on_its_own_is_called_like_the_plugin() -> None:
    plugin = down_argv(PLUGIN, "vision")
    assert down_argv(("/opt/docker-compose",), "vision") == ["/opt/docker-compose", *plugin[2:]]


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            f"{PROGRESS}Error response from daemon: {GPU}\n",
            f"Error response from daemon: {GPU}",
        ),
        (
            'time="2026-01-01T00:00:00Z" level=warning msg="unknown thing"\n'
            "no such service: classifier\n",
            "no such service: classifier",
        ),
        (
            "Error response from daemon: port is already allocated\n Container vision-a-1  Stopped",
            "Error response from daemon: port is already allocated",
        ),
        ("something else\n", "something else"),
        (" Container vision-serving-1  Starting\n", "Container vision-serving-1  Starting"),
        ("", "it said nothing"),
    ],
)
def test_the_decisive_line_is_no_progress_and_no_warning(output: str, line: str) -> None:
    assert decisive_line(output) == line


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (GPU, "nvidia-container-toolkit"),
        ("nvidia-container-cli: device error: 7: unknown device: unknown", "tfdeploy gpu list"),
        ("Bind for 127.0.0.1:8501 failed: port is already allocated", "publish another port"),
        ("driver failed: listen tcp4 0.0.0.0:8501: bind: address already in use", "another port"),
        ("pull access denied for nobody/nothing, repository does not exist", "image build"),
        ("write /var/lib/docker/x: no space left on device", "docker system df"),
        ("Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs", "resources.cpus"),
        ("could not find an available, non-overlapping IPv4 address pool", "network prune"),
        ("network bridge was found but has incorrect label", "another name"),
        ("what nobody has seen before", "by hand"),
    ],
)
def test_a_failure_is_told_once_with_the_hint_that_fits(line: str, hint: str) -> None:
    said = Finished((*PROJECT, "up"), 1, "", f"{PROGRESS}Error response from daemon: {line}\n")
    error = failed("Service 'serving' can't be started", said)
    assert error.code == "TFD413"
    assert error.message == f"Service 'serving' can't be started: {line}."
    assert f"exit 1: Error response from daemon: {line}" in error.where
    assert hint in error.hint


def test_what_a_hook_says_is_told_without_the_way_it_came() -> None:
    said = "nvidia-container-cli: device error: 7: unknown device: unknown"
    line = (
        "Error response from daemon: failed to create task for container: failed to create shim "
        "task: OCI runtime create failed: runc create failed: unable to start container process: "
        "error during container init: error running hook #0: error running hook: exit status 1, "
        f"stdout: , stderr: {said}"
    )
    error = failed("Service 'serving' can't be started", Finished((*PROJECT, "up"), 1, "", line))
    assert error.message == f"Service 'serving' can't be started: {said}."
