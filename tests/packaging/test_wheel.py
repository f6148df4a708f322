"""The wheel, built and installed into an environment with nothing else in it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*words: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the base install only."""
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    run(folder / "venv/bin/python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return folder / "venv" / "bin"


def test_the_wheel_is_named_and_filled_as_it_should_be(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name.startswith("tfdeploy_serving-")
    assert {f"tfdeploy/_templates/{path.name}" for path in (ROOT / "templates").iterdir()} <= {
        *names
    }
    assert not [name for name in names if name.startswith(("tests/", "stacks/", "docs/"))]


def test_the_base_install_renders_without_tensorflow(clean: Path, tmp_path: Path) -> None:
    tfdeploy = clean / "tfdeploy"
    run(tfdeploy, "new", "vision", cwd=tmp_path)
    run(tfdeploy, "render", "vision", cwd=tmp_path)
    compose = tmp_path / "stacks/vision/rendered/compose.yaml"
    assert "tensorflow_model_server" in compose.read_text()
    assert run(tfdeploy, "render", "vision", "--check", cwd=tmp_path).returncode == 0
    run(tfdeploy, "new", "full", "--full", cwd=tmp_path)
    run(tfdeploy, "render", "full", cwd=tmp_path)
    missing = run(clean / "python", "-c", "import tensorflow", cwd=tmp_path, check=False)
    assert "ModuleNotFoundError" in missing.stderr


def test_what_needs_an_extra_names_it(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "made.py").write_text("def model():\n    return None\n")
    export = run(
        clean / "tfdeploy", "export", "made:model", "--name", "m", cwd=tmp_path, check=False
    )
    assert export.returncode == 3
    assert "tfdeploy-serving[export]" in export.stderr
    stack = tmp_path / "stacks/s/stack.yaml"
    stack.parent.mkdir(parents=True)
    stack.write_text("stack: s\nservices:\n  one: {models: {m: {}}}\n")
    (tmp_path / "models/m/1").mkdir(parents=True)
    # An empty SavedModel of one meta graph with the tag `serve`.
    (tmp_path / "models/m/1/saved_model.pb").write_bytes(b"\x08\x01\x12\x09\x0a\x07\x22\x05serve")
    up = run(clean / "tfdeploy", "up", "s", "--runtime", "process", cwd=tmp_path, check=False)
    assert up.returncode == 4
    assert "tfdeploy-serving[server]" in up.stderr
