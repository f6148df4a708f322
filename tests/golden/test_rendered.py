"""Rendered files, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.golden.conftest import Compare
from tfdeploy.render import RenderedStack, Templates, bundled_folder, render_stack
from tfdeploy.stack import check_stack, parse_stack

TEMPLATES = Templates()
STACKS = {path.stem: path for path in (Path(__file__).parent / "stacks").glob("*.yaml")}
STACKS["reference"] = bundled_folder() / "stack.reference.yaml"


def rendered(name: str) -> RenderedStack:
    file = parse_stack(STACKS[name].read_text(), Path(f"/somewhere/stacks/{name}/stack.yaml"))
    assert check_stack(file) == []
    return render_stack(file, templates=TEMPLATES)


@pytest.mark.parametrize("name", sorted(STACKS))
def test_rendered_files_are_the_golden_ones(name: str, golden: Compare) -> None:
    files = rendered(name).files
    for path, text in files.items():
        golden(f"rendered/{name}/{path}", text)
    folder = Path(__file__).parent / "rendered" / name
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there == set(files)


def test_two_services_at_two_fifths_each_share_one_gpu() -> None:
    services = yaml.safe_load(rendered("two_gpus").files["compose.yaml"])["services"]
    assert list(services) == ["first", "second"]
    for service in services.values():
        assert service["image"] == "tensorflow/serving:2.20.0-gpu"
        assert service["command"].count("--per_process_gpu_memory_fraction=0.4") == 1
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "device_ids": ["0"], "capabilities": ["gpu"]}
