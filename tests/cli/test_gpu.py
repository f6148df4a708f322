"""The gpu commands and stacks with shares, on a machine that has no GPU."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import WriteStack
from tests.conftest import Cli
from tfdeploy.errors import TfdeployError
from tfdeploy.runtimes.nvml import take_inventory

BOXES = Path(__file__).parents[1] / "inventories"
TWO = str(BOXES / "two_24gib.json")
SHARED = """\
stack: s
services:
  a: {models: {half: {}}, gpu: {device: 0, memory_fraction: 0.4}}
  b: {models: {half: {}}, gpu: {device: auto, memory: 6GiB}}
"""


def has_gpu() -> bool:
    try:
        take_inventory()
    except TfdeployError:
        return False
    return True


without_gpu = pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")


@without_gpu
def test_no_gpu_is_a_plain_sentence_and_no_failure(cli: Cli) -> None:
    ran = cli("gpu", "list").succeeded()
    assert ran.stdout == ""
    assert ran.stderr.startswith("There is no NVIDIA GPU on this machine that can be read.\n")
    assert cli("gpu", "list", "--json").succeeded().document["devices"] == []


@without_gpu
def test_nothing_is_written_and_nothing_measured_where_there_is_no_gpu(
    cli: Cli, half_versions: Path
) -> None:
    for words in (["list", "--write", "box.json"], ["profile", str(half_versions)]):
        ran = cli("gpu", *words)
        assert (ran.exit_code, "[TFD304]" in ran.stderr) == (4, True)
    assert not (cli.cwd / "box.json").exists()


@pytest.mark.parametrize("name", ["one_8gib", "two_24gib", "eight_80gib", "mig"])
def test_another_box_is_shown_from_its_file(cli: Cli, name: str) -> None:
    path = BOXES / f"{name}.json"
    told = json.loads(path.read_text())
    shown = cli("gpu", "list", "--inventory", str(path)).succeeded().stdout
    assert f"driver {told['driver']}" in shown
    assert shown.count(told["devices"][0]["name"]) == len(told["devices"])
    data = cli("gpu", "list", "--inventory", str(path), "--json").succeeded().document
    assert [one["uuid"] for one in data["devices"]] == [one["uuid"] for one in told["devices"]]


def test_wrong_batches_are_told_before_anything_is_measured(cli: Cli) -> None:
    ran = cli("gpu", "profile", "nowhere", "--batches", "1,x")
    assert (ran.exit_code, "[TFD216]" in ran.stderr) == (2, True)


def test_a_plan_is_drawn_and_told_as_data(cli: Cli, stack: WriteStack) -> None:
    stack(SHARED)
    drawn = cli("gpu", "plan", "s", "--inventory", TWO).succeeded().stdout
    assert drawn.startswith("stack s: 2 services on 1 of 2 GPUs (pack)\n")
    assert drawn.isascii()
    data = cli("gpu", "plan", "s", "--inventory", TWO, "--json").succeeded().document
    fractions = {
        one["service"]: one["memory_fraction"]
        for device in data["devices"]
        for one in device["services"]
    }
    assert fractions == {"a": 0.4, "b": 0.2533}


def test_a_plan_that_is_impossible_is_refused_in_the_same_words_by_render(
    cli: Cli, stack: WriteStack
) -> None:
    path = stack(SHARED.replace("6GiB", "60GiB"))
    planned = cli("gpu", "plan", "s", "--inventory", TWO, "--json")
    assert planned.exit_code == 2
    (error,) = planned.document["errors"]
    assert (error["code"], "60." in error["error"]) == ("TFD308", True)
    shutil.copy(TWO, path.parent / "gpus.json")
    rendered = cli("render", "s", "--json")
    assert rendered.document == planned.document


def test_a_stack_without_shares_needs_no_inventory(cli: Cli, stack: WriteStack) -> None:
    stack("stack: s\nservices: {a: {models: {half: {}}}}\n")
    ran = cli("gpu", "plan", "s").succeeded()
    assert "no service of the stack asks for a GPU" in ran.stderr


@without_gpu
def test_rendering_takes_the_inventory_beside_the_stack(cli: Cli, stack: WriteStack) -> None:
    path = stack(SHARED)
    ran = cli("render", "s")
    assert (ran.exit_code, "[TFD305]" in ran.stderr) == (2, True)
    shutil.copy(TWO, path.parent / "gpus.json")
    cli("render", "s").succeeded()
    document = yaml.safe_load((path.parent / "rendered" / "compose.yaml").read_text())
    assert "--per_process_gpu_memory_fraction=0.4" in document["services"]["a"]["command"]
    assert "--per_process_gpu_memory_fraction=0.2533" in document["services"]["b"]["command"]


@without_gpu
def test_a_server_on_the_cpu_is_no_success_and_the_stack_is_down_again(
    cli: Cli, stack: WriteStack, half_versions: Path
) -> None:
    shutil.copytree(half_versions, cli.cwd / "models" / "half")
    loud = Cli(cli.cwd, {**cli.environment, "TF_CPP_MIN_LOG_LEVEL": "0"}, cli.prefix)
    gpu = "gpu: {memory_fraction: 0.4}"
    stack(f"stack: s\nservices: {{a: {{models: {{half: {{}}}}, {gpu}}}}}\n")
    ran = loud("up", "s", "--runtime", "process")
    assert (ran.exit_code, "[TFD316]" in ran.stderr) == (5, True), ran.stdout + ran.stderr
    assert loud("status", "s").exit_code == 1
    gpu = "gpu: {memory_fraction: 0.4, required: false}"
    stack(f"stack: s\nservices: {{a: {{models: {{half: {{}}}}, {gpu}}}}}\n")
    ran = loud("up", "s", "--runtime", "process").succeeded()
    assert "runs on the CPU" in ran.stdout
    status = loud("status", "s").succeeded()
    assert "a: GPU 0, fraction 0.4" in status.stdout
