"""A folder with a stack, its models, and the command line, as an operator has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from soak.publishing import VersionFolders

ROOT = Path(__file__).resolve().parents[2]
STACK = "one"
_COMMAND_SECONDS = 400


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


class Box:
    """A stack in a folder of its own.

    Args:
        root: an empty folder.
        templates: what `soak.models` wrote.
        name: the stack's name.
        stack: the rest of the stack file.
    """

    def __init__(self, root: Path, templates: Path, name: str, stack: Mapping[str, Any]) -> None:
        self.root = root
        self._template = templates / "line"
        self._folders: dict[str, VersionFolders] = {}
        self.path = root / "stacks" / STACK / "stack.yaml"
        self.path.parent.mkdir(parents=True)
        self.path.write_text(yaml.safe_dump({"stack": name, **stack}, sort_keys=False))
        self.name = name

    def publish(self, model: str, *versions: int, below: str = "models") -> None:
        """Copy versions of y = 2x + version into a base path, each by one rename."""
        base = self.root / below / model
        if model not in self._folders:
            self._folders[model] = VersionFolders(self._template, base)
        for version in versions:
            self._folders[model].publish(version)

    def publish_broken(self, model: str, version: int) -> None:
        """Add a version that is whole from outside and can't be loaded."""
        self._folders[model].publish(version)
        for path in (self.root / "models" / model / str(version) / "variables").glob("*.data-*"):
            path.write_bytes(b"\0" * path.stat().st_size)

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the stack file by hand."""
        stack = yaml.safe_load(self.path.read_text())
        change(stack)
        self.path.write_text(yaml.safe_dump(stack, sort_keys=False))

    def run(self, *words: str) -> Ran:
        """Run `tfdeploy` in the folder, as users do."""
        done = subprocess.run(
            command_line(*words),
            cwd=self.root,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def run_and_kill(self, words: Sequence[str], at: str) -> Ran:
        """Run `tfdeploy`, and kill it as soon as a line holds a text."""
        printed = ""
        with subprocess.Popen(
            command_line(*words),
            cwd=self.root,
            env={**environment(), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                printed += line
                if at in line:
                    process.kill()
        return Ran(process.returncode, printed, "")

    def up(self, *words: str) -> dict[str, Any]:
        """Bring the stack up; its services with their addresses.

        Raises:
            RuntimeError: it failed; with what was printed.
        """
        ran = self.run("up", STACK, "--json", *words)
        if ran.exit_code:
            raise RuntimeError(f"up: {ran.stdout}{ran.stderr}")
        services: dict[str, Any] = json.loads(ran.stdout)["services"]
        return services

    def down(self) -> None:
        """Take the stack down, whatever state it is in.

        Raises:
            RuntimeError: it failed; with what was printed.
        """
        ran = self.run("down", STACK)
        if ran.exit_code:
            raise RuntimeError(f"down: {ran.stdout}{ran.stderr}")


def command_line(*words: str) -> Sequence[str]:
    """This checkout's `tfdeploy`."""
    return [sys.executable, "-m", "tfdeploy", *words]


def environment() -> dict[str, str]:
    """What every process is started with: this checkout, and no GPU."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}


def write_templates(folder: Path) -> None:
    """Make the models with TensorFlow, in a process of its own."""
    argv = [sys.executable, "-m", "soak.models", str(folder)]
    quiet = {**environment(), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(argv, cwd=ROOT / "benchmarks", env=quiet, check=True, stderr=subprocess.DEVNULL)
