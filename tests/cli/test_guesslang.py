"""A real model that nobody here made: the SavedModel inside the wheel of guesslang 2.2.1."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Cli


@pytest.fixture(scope="module")
def guesslang(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guesslang")
    words = ["download", "--quiet", "--no-deps", "--dest", str(folder), "guesslang==2.2.1"]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder / "guesslang" / "data" / "model"


def test_a_text_model_of_2021_is_inspected_added_served_and_asked(
    cli: Cli, guesslang: Path
) -> None:
    (version,) = cli("inspect", str(guesslang), "--json").succeeded().document["versions"]
    assert version["tensorflow_version"] == "2.5.0"
    assert set(version["signatures"]) == {"classification", "predict", "serving_default"}
    cli("new", "languages").succeeded()
    cli("add-model", "languages", "guesslang", str(guesslang)).succeeded()
    try:
        cli("up", "languages", "--runtime", "process").succeeded()
        text = Path(__file__).read_text()
        ran = cli("predict", "languages", "guesslang", "--text", text, "--json").succeeded()
        (row,) = ran.document["predictions"]
        scores = dict(zip(row["classes"], row["scores"], strict=True))
        assert max(scores, key=scores.__getitem__) == "py"
        assert sum(scores.values()) == pytest.approx(1, abs=1e-3)
        table = cli("predict", "languages", "guesslang", "--text", text).succeeded().stdout
        assert table.splitlines()[1].split()[1] == "py"
    finally:
        cli("down", "languages").succeeded()
