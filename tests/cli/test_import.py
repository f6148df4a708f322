"""Compose files of the tutorial kind become stacks that come up, with real servers."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Cli

SAMPLES = Path(__file__).parents[1] / "importing" / "samples"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def imported(cli: Cli, half_versions: Path) -> Iterator[Cli]:
    """A folder with models where the samples look for them; the stack is down at the end."""
    shutil.copytree(half_versions, cli.cwd / "saved_models" / "half")
    yield cli
    if (cli.cwd / "stacks" / "s" / ".run").exists():
        cli("down", "s")


def bring(cli: Cli, sample: str) -> None:
    """Copy a sample; its host ports become free ones, as the tutorial's may be taken here."""
    shutil.copytree(SAMPLES / sample, cli.cwd, dirs_exist_ok=True)
    path = cli.cwd / "docker-compose.yml"
    text = path.read_text()
    path.write_text(re.sub(r"\b850[01](?=:850[01])", lambda _: str(free_port()), text))


def predict(cli: Cli, model: str, *words: str) -> Any:
    ran = cli("predict", "s", model, "-", "--json", *words, stdin="[2.0]").succeeded()
    return ran.document["predictions"]


@pytest.mark.parametrize(
    ("sample", "models"),
    [
        ("one_model", ["half_plus"]),
        ("config_file", ["half_plus", "latest"]),
        ("two_services", ["half_plus", "other"]),
        ("batching_and_metrics", ["half_plus"]),
        ("two_on_a_gpu", ["half_plus", "second"]),
    ],
)
def test_a_tutorials_compose_file_becomes_a_stack_that_answers(
    imported: Cli, sample: str, models: list[str]
) -> None:
    bring(imported, sample)
    before = (imported.cwd / "docker-compose.yml").read_bytes()
    done = imported("import", "docker-compose.yml", "--name", "s", "--json").succeeded().document
    assert done["problems"] == []
    assert imported("lint", "s", "--json").succeeded().document["findings"] == []
    up = imported("up", "s", "--runtime", "process", "--json").succeeded().document
    wanted = yaml.safe_load((imported.cwd / "docker-compose.yml").read_text())["services"]
    assert len(up["services"]) == len([one for one in wanted if one != "web"])
    for model in models:
        assert predict(imported, model) == [4.0]
    if sample == "config_file":
        assert predict(imported, "half_plus", "--label", "stable") == [2.0]
    assert (imported.cwd / "docker-compose.yml").read_bytes() == before


def test_what_has_no_place_is_listed_with_its_line(imported: Cli) -> None:
    bring(imported, "two_services")
    told = imported("import", "docker-compose.yml", "--name", "s").succeeded().stdout
    assert "docker-compose.yml:2: service web: it is no model server" in told
    assert "docker-compose.yml:30: networks:" in told
    assert "+port 127.0.0.1:free to 8500" in told
    assert told.rstrip().endswith("tfdeploy up s")


def test_nothing_is_written_twice_or_for_a_look(imported: Cli) -> None:
    bring(imported, "one_model")
    look = imported("import", ".", "--name", "s", "--dry-run").succeeded()
    assert "half_plus: {path: half}" in look.stdout
    assert not (imported.cwd / "stacks").exists()
    imported("import", ".", "--name", "s").succeeded()
    again = imported("import", ".", "--name", "s")
    assert (again.exit_code, "TFD213" in again.stderr) == (2, True)


def test_a_models_config_alone_is_served_from_the_folder_that_is_named(imported: Cli) -> None:
    text = 'model_config_list { config { name: "half" base_path: "/models/half" } }'
    (imported.cwd / "models.config").write_text(text)
    words = ("--models-dir", "saved_models", "--name", "s")
    imported("import", "models.config", *words).succeeded()
    imported("up", "s", "--runtime", "process").succeeded()
    assert predict(imported, "half") == [4.0]
