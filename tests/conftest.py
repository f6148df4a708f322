"""What tests of several rooms need: a tiny real model, and the command line as users run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# With it set, servers keep to themselves what tests, and `up`, read in their logs.
os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests share its fixtures, and those on containers the engine and an image."""
    for item in items:
        group = "e2e" if "e2e" in item.path.parts else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.stdout)

    def succeeded(self) -> Ran:
        assert self.exit_code == 0, f"{self.stdout}\n{self.stderr}"
        return self


@dataclass(frozen=True)
class Cli:
    """The command line in a folder of its own."""

    cwd: Path
    environment: Mapping[str, str]
    prefix: Sequence[str] = ()

    def argv(self, *words: str) -> list[str]:
        return [*self.prefix, sys.executable, "-m", "tfdeploy", *words]

    def __call__(self, *words: str, stdin: str | None = None) -> Ran:
        done = subprocess.run(
            self.argv(*words),
            cwd=self.cwd,
            env={**os.environ, **self.environment},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def half_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base path with versions 1, 2 and 3 of y = 0.5 * x + version."""
    folder = tmp_path_factory.mktemp("made") / "half"
    words = [sys.executable, str(HERE / "half_plus.py"), str(folder), "1", "2", "3"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """``cli("up", "s")`` in an empty folder."""
    return Cli(tmp_path, {})


@pytest.fixture
def half(half_versions: Path, tmp_path: Path) -> Path:
    """The base path models/half in the command line's folder."""
    return Path(shutil.copytree(half_versions, tmp_path / "models" / "half"))
