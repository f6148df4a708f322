"""Models of a set-up are looked at where they lie on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.savedmodel_bytes import FLOAT, meta_graph, node, number, saved, signature, tensor
from tfdeploy.lint import Finding, lint_setup, read_setup

COMPOSE = """\
services:
  a:
    image: tensorflow/serving:{tag}
    init: true
    environment: {{MODEL_NAME: half}}
    volumes: ['./models:/models']
    command: [{flags}]
"""
FIXED = signature({"x": tensor("x:0", FLOAT, [1, 4])}, {"y": tensor("y:0", FLOAT, [1, 2])})


def lint(folder: Path, tag: str = "2.20.0", flags: str = "") -> list[Finding]:
    (folder / "compose.yaml").write_text(COMPOSE.format(tag=tag, flags=flags))
    return lint_setup(read_setup(folder / "compose.yaml"))


def model(folder: Path, **parts: object) -> Path:
    data = number(1, 1) + meta_graph(**{"signatures": {"serving_default": FIXED}, **parts})  # type: ignore[arg-type]
    return saved(folder / "models" / "half" / "1", data)


def test_nothing_is_said_of_a_good_model_or_of_none(tmp_path: Path) -> None:
    assert lint(tmp_path) == []
    (tmp_path / "models").mkdir()
    assert lint(tmp_path) == []
    model(tmp_path, version="2.20.0")
    assert lint(tmp_path) == []


def test_others_beside_it_tell_that_a_model_is_missing(tmp_path: Path) -> None:
    (tmp_path / "models" / "other" / "1").mkdir(parents=True)
    (finding,) = lint(tmp_path)
    assert (finding.code, finding.place.line) == ("TFD112", 5)


@pytest.mark.parametrize(
    ("made", "codes"),
    [
        ("v1/saved_model.pb", ["TFD114"]),
        ("saved_model.pb", ["TFD115"]),
        ("1/saved_model.pb", ["TFD111"]),
        ("1/other", ["TFD110"]),
    ],
)
def test_what_isnt_a_folder_of_versions(tmp_path: Path, made: str, codes: list[str]) -> None:
    path = tmp_path / "models" / "half" / made
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut short")
    assert [one.code for one in lint(tmp_path)] == codes


def test_a_model_that_is_newer_than_the_server(tmp_path: Path) -> None:
    model(tmp_path, version="2.18.0")
    assert lint(tmp_path, "2.18.1") == []
    (finding,) = lint(tmp_path, "2.11.0")
    assert (finding.code, finding.fix) == (
        "TFD118",
        "take tensorflow/serving of 2.18 or newer.",
    )


def test_an_op_that_the_server_lacks(tmp_path: Path) -> None:
    model(tmp_path, graph=node("f", "PyFunc"), ops=["PyFunc"], version="2.20.0")
    assert [one.code for one in lint(tmp_path)] == ["TFD118"]


def test_a_model_that_cant_be_batched(tmp_path: Path) -> None:
    model(tmp_path, version="2.20.0")
    (finding,) = lint(tmp_path, flags="--enable_batching=true")
    assert (finding.code, "can't be batched" in finding.message) == ("TFD214", True)


def test_files_in_the_model_that_arent_read_or_cant_be(tmp_path: Path) -> None:
    version = model(tmp_path, version="2.20.0")
    (version / "batching_params.pbtxt").write_text("max_batch_size { value: 8 }")
    assert [one.code for one in lint(tmp_path)] == ["TFD271"]
    both = "--enable_batching, --enable_per_model_batching_parameters"
    assert lint(tmp_path, flags=both) == []
    (version / "assets.extra").mkdir()
    (version / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no record")
    assert [one.code for one in lint(tmp_path, flags=both)] == ["TFD118"]
