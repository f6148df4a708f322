"""A command starts fast: what is heavy is imported where it is needed, in command bodies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

from tfdeploy.cli.app import app
from tfdeploy.cli.main import run

HEAVY = {
    *("tensorflow", "keras", "docker", "grpc", "jinja2", "pydantic", "rich"),
    *("urllib3", "ruamel", "numpy", "yaml"),
}
SMALL = "stack: s\nservices: {a: {models: {half: {}}}}\n"
COMPOSE = """\
services:
  a:
    image: tensorflow/serving:2.20.0
    init: true
    volumes: ["./models/half:/models/model"]
"""
# saved_model.pb of a graph with the tag `serve` and no signatures.
GRAPH = b"\x12\x09\x0a\x07\x22\x05serve"


def commands() -> list[list[str]]:
    """The words of every command, those in groups included."""
    found = []
    for name, command in typer.main.get_group(app).commands.items():
        inner = getattr(command, "commands", None)
        found += [[name, one] for one in inner] if inner else [[name]]
    return found


def loaded(words: Sequence[str] | None, cwd: Path) -> set[str]:
    """The modules of a fresh interpreter that has imported the command line, and run a command."""
    code = (
        "import json, sys\nimport tfdeploy.cli\n"
        f"words = {None if words is None else list(words)!r}\n"
        "code = 0\n"
        "if words is not None:\n"
        "    from tfdeploy.cli.main import run\n"
        "    code = run(words)\n"
        "print(json.dumps([int(code), sorted(sys.modules)]), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True
    )
    exit_code, modules = json.loads(done.stderr.splitlines()[-1])
    assert exit_code == 0, done.stderr
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("words", [None, ["--help"], ["--version"], ["up", "--help"]])
def test_nothing_heavy_is_imported_before_a_command_runs(
    words: list[str] | None, tmp_path: Path
) -> None:
    assert loaded(words, tmp_path) & HEAVY == set()


@pytest.mark.parametrize(
    "words",
    [
        ["new", "t"],
        ["render", "s"],
        ["inspect", "models/half"],
        ["lint", "compose.yaml"],
        ["import", "compose.yaml", "--name", "t"],
        ["plan", "s", "--server-binary", sys.executable],
    ],
)
def test_commands_that_only_read_never_import_tensorflow(words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "stacks" / "s" / "stack.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(SMALL)
    model = tmp_path / "models" / "half" / "1"
    model.mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(GRAPH)
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    assert not loaded(words, tmp_path) & {"tensorflow", "keras", "docker"}


def test_every_command_is_there() -> None:
    known = {"new", "add-model", "remove-model", "render", "plan", "up", "down", "status", "logs"}
    known |= {
        "wait",
        "compare",
        "prune",
        "predict",
        "export",
        "inspect",
        "explain",
        "image build",
        "lint",
        "import",
    }
    assert known <= {" ".join(words) for words in commands()}


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_ends_with_two_examples(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--help"]) == 0
    lines = capsys.readouterr().out.rstrip().splitlines()
    *_, title, one, two = (line.strip() for line in lines)
    assert title == "Examples:"
    for line in (one, two):
        assert line.split(" | ")[-1].startswith(f"tfdeploy {' '.join(words)}")
