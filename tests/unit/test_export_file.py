"""Export files: read as they are meant, and every mistake named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.export_file import load_export_file
from tfdeploy.exporting.export_schema import parse_item, parse_ratio, parse_size
from tfdeploy.exporting.fronts import ExampleFront, ImageFront, MapFront, TextFront

FULL = """\
source: digits.keras
name: digits
tags: [champion, 2026-11]
inputs: {x: "input_1:0"}
outputs: {y: "softmax:0"}
session: {allow_growth: true, soft_placement: true, gpu_memory_fraction: 0.4}
signatures:
  serving_default:
    image: {size: 8x8, scale: 1/255, resize: nearest, keep_aspect: pad}
  raw:
  several:
    image:
      - {alias: left_bytes, into: left}
      - {alias: right_bytes, into: right, mean: [0.4, 0.5, 0.6], std: 0.2}
  words:
    text: {vocabulary: words.txt, length: 6, split: characters}
  mine:
    map:
      function: my_module:prepare
      inputs: {a_bytes: string, box: "float32[4]"}
  ranked:
    of: raw
    method: classify
    inputs: {a: b}
    outputs: {scores: y}
    labels: labels.txt
    examples: {alias: examples}
samples:
  raw: [{x: [1.0]}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("\n[UNK]\na\n")
    (tmp_path / "labels.txt").write_text("ant\nbee\n")
    return tmp_path


def test_a_file_with_every_block(folder: Path) -> None:
    (folder / "export.yaml").write_text(FULL)
    loaded = load_export_file(folder / "export.yaml")
    recipe = loaded.recipe
    assert loaded.name == "digits"
    assert recipe.source == str(folder / "digits.keras")
    assert recipe.tags == ("champion", "2026-11")
    assert recipe.loading.inputs == {"x": "input_1:0"}
    assert recipe.loading.session.gpu_memory_fraction == 0.4
    (image,) = recipe.signatures["serving_default"].fronts
    assert isinstance(image, ImageFront)
    assert (image.height, image.width, image.method) == (8, 8, "nearest")
    assert image.scale == pytest.approx(1 / 255)
    assert recipe.signatures["raw"].fronts == ()
    left, right = recipe.signatures["several"].fronts
    assert isinstance(left, ImageFront) and isinstance(right, ImageFront)
    assert (left.into, right.into) == ("left", "right")
    assert tuple(right.mean or ()) == (0.4, 0.5, 0.6)
    (text,) = recipe.signatures["words"].fronts
    assert isinstance(text, TextFront) and text.vocabulary == folder / "words.txt"
    (mapped,) = recipe.signatures["mine"].fronts
    assert isinstance(mapped, MapFront)
    assert mapped.inputs == {"a_bytes": ("string", ()), "box": ("float32", (4,))}
    ranked = recipe.signatures["ranked"]
    assert (ranked.of, ranked.method, ranked.labels) == ("raw", "classify", ("ant", "bee"))
    assert ranked.fronts == (ExampleFront("examples"),)
    assert recipe.samples == {"raw": [{"x": [1.0]}]}


def test_a_python_object_is_no_path(folder: Path) -> None:
    (folder / "export.yaml").write_text("source: my_package.train:model\n")
    assert load_export_file(folder / "export.yaml").recipe.source == "my_package.train:model"


@pytest.mark.parametrize(
    ("text", "line", "words", "hint"),
    [
        ("name: x\n", 1, "source: the field is missing", "docs/export.md"),
        ("source: a\nsignature: {}\n", 2, "no field 'signature'", "did you mean 'signatures'"),
        (
            "source: a\nsignatures:\n  m:\n    image: {siz: 8x8}\n",
            4,
            "no field 'siz'",
            "did you mean 'size'",
        ),
        (
            "source: a\nsignatures:\n  m:\n    image: {size: 8}\n",
            4,
            "write HEIGHTxWIDTH",
            "docs/export.md",
        ),
        (
            "source: a\nsignatures:\n  m:\n    method: guess\n",
            4,
            "signatures.m.method",
            "docs/export.md",
        ),
        (
            "source: a\nsignatures:\n  m:\n    image: {alias: photo}\n",
            3,
            "carries bytes",
            "_bytes",
        ),
        ("source: a\nsource: b\n", 2, "stands twice", "remove"),
        ("- a\n", 1, "an export file is a mapping", "docs/export.md"),
        ("source: [\n", 2, "isn't valid YAML", "indentation"),
    ],
)
def test_mistakes_are_named_with_their_line(
    folder: Path, text: str, line: int, words: str, hint: str
) -> None:
    (folder / "export.yaml").write_text(text)
    with pytest.raises(TfdeployError) as caught:
        load_export_file(folder / "export.yaml")
    error = caught.value.all()[0]
    assert error.code in ("TFD120", "TFD116")
    assert words in error.message
    assert error.where.startswith(f"{folder / 'export.yaml'}:{line}")
    assert hint in error.hint


def test_a_file_of_labels_that_isnt_there(folder: Path) -> None:
    text = "source: a\nsignatures: {m: {method: classify, labels: gone.txt}}\n"
    (folder / "export.yaml").write_text(text)
    with pytest.raises(TfdeployError) as caught:
        load_export_file(folder / "export.yaml")
    assert caught.value.code == "TFD120"


def test_how_values_are_written() -> None:
    assert parse_size("224 x 128") == (224, 128)
    assert parse_ratio("1/4") == 0.25 and parse_ratio(2) == 2.0 and parse_ratio("1e-3") == 0.001
    assert parse_item("float32[?, 3]") == ("float32", (None, 3))
    assert parse_item("string") == ("string", ())
    for parse, text in ((parse_size, "8"), (parse_ratio, "1/0"), (parse_item, "float32[a]")):
        with pytest.raises(ValueError, match="can't be read"):
            parse(text)
