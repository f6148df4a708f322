"""Compose files of the tutorial kind, imported, come up on a real engine."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import SERVER_IMAGE, Box, tfdeploy

SAMPLES = Path(__file__).parents[1] / "importing" / "samples"


@pytest.mark.parametrize(
    ("sample", "asked"),
    [
        ("config_file", [("half_plus", "serving"), ("latest", "serving")]),
        ("two_services", [("half_plus", "half-plus"), ("other", "other")]),
    ],
)
def test_a_tutorials_compose_file_runs_as_a_stack(
    box: Box, sample: str, asked: list[tuple[str, str]]
) -> None:
    project = box.root / "project"
    shutil.copytree(SAMPLES / sample, project)
    shutil.copytree(box.models, project / "saved_models" / "half")
    compose = project / "docker-compose.yml"
    text = re.sub(r"tensorflow/serving:[\d.]+", SERVER_IMAGE, compose.read_text())
    # The host's ports may be taken.
    compose.write_text(re.sub(r"\b850[01]:(850[01])", r"\1", text))
    shutil.rmtree(box.folder)
    imported = tfdeploy("import", str(compose), "--name", box.name, cwd=box.root)
    assert imported.returncode == 0, imported.stdout + imported.stderr
    (box.root / "stacks" / box.name).rename(box.folder)
    box.ok("up", "--runtime", "docker")
    for model, service in asked:
        assert box.ask(model, 2.0, service=service) == 4.0
    health: dict[str, Any] = box.inspect(asked[0][1])["State"]["Health"]
    assert health["Status"] in ("starting", "healthy")
    assert box.ok("plan").strip().endswith("up to date")
