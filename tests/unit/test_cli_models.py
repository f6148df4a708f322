"""export and inspect: options that would be without effect, and base paths that are half broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfdeploy.cli.main import run

# saved_model.pb of a graph with the tag `serve` and no signatures.
GRAPH = b"\x12\x09\x0a\x07\x22\x05serve"
Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    "options",
    [
        ["--scale", "1/255"],
        ["--offset", "0"],
        ["--image-size", "8x8", "--channels", "3"],
        ["--resize", "bilinear"],
        ["--image-input", "image_bytes"],
    ],
)
def test_options_of_the_image_front_need_it(options: list[str], capsys: Capture) -> None:
    assert run(["export", "gone.keras", "--name", "m", *options]) == 2
    said = capsys.readouterr().err
    assert f"error: {', '.join(options[::2])}: without --image" in said
    assert "[TFD216]" in said


def test_options_of_the_image_front_are_taken_with_it(capsys: Capture) -> None:
    words = ["--image", "--scale", "1/255", "--offset", "-1", "--image-size", "8x8"]
    assert run(["export", "gone.keras", "--name", "m", *words, "--channels", "1"]) == 2
    assert "[TFD101]" in capsys.readouterr().err


@pytest.fixture
def half_broken(tmp_path: Path) -> Path:
    for number, graph in ((1, GRAPH), (2, GRAPH[:4]), (3, GRAPH)):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "saved_model.pb").write_bytes(graph)
    return tmp_path


def test_inspect_shows_the_good_versions_and_then_the_error(
    half_broken: Path, capsys: Capture
) -> None:
    assert run(["inspect", str(half_broken)]) == 3
    out, err = capsys.readouterr()
    assert [line[:10] for line in out.splitlines()] == ["version 1:", "version 3:"]
    assert err.count("[TFD111]") == 1


def test_inspect_puts_the_error_into_its_one_document(half_broken: Path, capsys: Capture) -> None:
    assert run(["inspect", str(half_broken), "--json"]) == 3
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert [one["version"] for one in document["versions"]] == ["1", "3"]
    assert [one["code"] for one in document["errors"]] == ["TFD111"]
    assert err.count("[TFD111]") == 1


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
@pytest.mark.parametrize("words", [["up", "s"], ["predict", "s", "m"], ["add-model", "s", "m"]])
def test_a_timeout_is_a_time(words: list[str], seconds: str, capsys: Capture) -> None:
    assert run([*words, "--timeout", seconds]) == 2
    said = capsys.readouterr().err
    assert "[TFD216]" in said
    assert f"'{seconds}' is no number of seconds above 0" in said
