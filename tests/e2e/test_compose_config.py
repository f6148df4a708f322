"""Compose itself reads every Compose file that we render."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tfdeploy.render import Templates, render_stack
from tfdeploy.runtimes.compose import find_compose
from tfdeploy.stack import parse_stack

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "rendered").glob("*/compose.yaml"))

EVERYTHING = """
stack: everything
image: tensorflow/serving:2.20.0
models_dir: ../$models
services:
  plain: {models: {a: {}}}
  gpu: {models: {a: {}}, gpu: {device: 1, memory_fraction: 0.5}}
  tuned:
    models: {a: {labels: {stable: 1}}, b: {versions: {specific: [1, 2]}}, c: {versions: all}}
    batching: {max_batch_size: 8, allowed_batch_sizes: [4, 8]}
    publish: {rest: 18501, grpc: "0.0.0.0:18500"}
    resources: {cpus: 0.5, memory: 1.5GiB}
    user: "1000:1000"
    environment: {PRICE: "$5 & 'more'", EMPTY: "", LEVEL: "no"}
    flags: {tensorflow_intra_op_parallelism: 2, enable_model_warmup: false}
"""


def config(compose_text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = find_compose()
    assert command is not None
    path = folder / "compose.yaml"
    path.write_text(compose_text)
    return subprocess.run(
        [*command, "--file", str(path), "config"], capture_output=True, text=True, check=False
    )


def test_compose_takes_every_field_and_reads_back_what_was_meant(
    engine: Any, tmp_path: Path
) -> None:
    file = parse_stack(EVERYTHING, tmp_path / "stacks" / "everything" / "stack.yaml")
    rendered = render_stack(file, templates=Templates())
    assert rendered.compose is not None
    done = config(rendered.compose, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "not set" not in done.stderr, "a $ was taken for a variable"
    assert "$$5 & 'more'" in done.stdout


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parent.name)
def test_compose_takes_every_golden_file(engine: Any, path: Path, tmp_path: Path) -> None:
    done = config(path.read_text(), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
