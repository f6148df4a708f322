"""What fronts refuse before TensorFlow is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.fronts import ImageFront, MapFront, TextFront
from tfdeploy.exporting.fronts.image_shapes import ImageShape, image_shape
from tfdeploy.exporting.fronts.presets import PRESETS
from tfdeploy.exporting.python_names import load_name


def refused(make: Callable[[], Any], code: str = "TFD116") -> TfdeployError:
    with pytest.raises(TfdeployError) as caught:
        make()
    assert caught.value.code == code
    return caught.value


@pytest.mark.parametrize(
    ("asked", "shape", "expected"),
    [
        ({}, (None, 28, 28), ImageShape(28, 28, 1, False)),
        ({}, (None, 28, 30, 1), ImageShape(28, 30, 1, True)),
        ({}, (8, 28, 30, 4), ImageShape(28, 30, 4, True)),
        ({"height": 9, "width": 8}, (None, None, None, None), ImageShape(9, 8, 3, True)),
        ({"height": 28}, (None, 28, 28, 3), ImageShape(28, 28, 3, True)),
        ({}, (None, 2, 28, 30, 3), ImageShape(28, 30, 3, True, several=True)),
        ({"channels": 1}, (None, None, 28, 30, None), ImageShape(28, 30, 1, True, several=True)),
    ],
)
def test_sizes_come_from_the_model(asked: Any, shape: Any, expected: ImageShape) -> None:
    assert image_shape(
        **{"height": None, "width": None, "channels": None, **asked}, shape=shape
    ) == (expected)


@pytest.mark.parametrize(
    ("asked", "shape", "words"),
    [
        ({}, (None, 784), "[?, 784], which is no image"),
        ({}, None, "[...]"),
        ({}, (None, 3, 224, 224), "no image has 224 channels"),
        ({"height": 32}, (None, 28, 28), "height = 32"),
        ({"channels": 3}, (None, 28, 28), "channels = 3"),
        ({"height": 9}, (None, None, None, 3), "leaves the width open"),
    ],
)
def test_shapes_that_are_no_image(asked: Any, shape: Any, words: str) -> None:
    sizes = {"height": None, "width": None, "channels": None, **asked}
    assert words in refused(lambda: image_shape(**sizes, shape=shape)).message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alias": "image"}, "carries bytes"),
        ({"alias": "a b_bytes"}, "can't be called"),
        ({"method": "cubic"}, "no resize method 'cubic'"),
        ({"channels": 2}, "2 channels"),
        ({"height": 0}, "a height of 0 pixels"),
        ({"width": -1}, "a width of -1 pixels"),
        ({"keep_aspect": "fit"}, "no way 'fit'"),
        ({"pad_value": 9.0}, "nothing is padded"),
        ({"pad_value": 9.0, "keep_aspect": "crop"}, "nothing is padded"),
        ({"preset": "vgg16", "scale": 0.5}, "vgg16 is given, and scale, too"),
        ({"preset": "vgg16", "mean": (1.0,), "std": (2.0,)}, "mean and std, too"),
        ({"offset": 1.0, "mean": 1.0}, "An offset is given"),
        ({"std": (1.0, 0.0, 1.0)}, "is 0"),
        ({"scale": 0.0}, "is 0"),
        ({"raw": True}, "don't say how high"),
    ],
)
def test_image_fronts_that_cant_be(options: dict[str, Any], words: str) -> None:
    assert words in refused(lambda: ImageFront(**options)).message


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("mobilnet_v2", "mobilenet_v2"),
        ("ResNet50", "resnet50"),
        ("vgg-16", "vgg16"),
        ("VGG19", "vgg19"),
    ],
)
def test_a_preset_that_isnt_there_brings_the_nearest(name: str, near: str) -> None:
    hint = refused(lambda: ImageFront(preset=name)).hint
    assert f"'{near}'" in hint
    assert all(one in hint for one in PRESETS)


def vocabulary(folder: Path, content: bytes) -> Path:
    path = folder / "words.txt"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", "words.txt", "is empty"),
        (b"\n", "words.txt", "is empty"),
        (b"[UNK]\na\n\nb\n", "words.txt:3", "is empty"),
        (b"[UNK]\na\nb\n\n", "words.txt:4", "is empty"),
        (b"\n[UNK]\na\nb\na\n", "words.txt:5", "'a' twice, first in line 3"),
        (b"\xef\xbb\xbf[UNK]\na\n", "words.txt:1", "byte order mark"),
        (b"[UNK]\na\n\xe4\n", "words.txt:3", "isn't UTF-8"),
        (b"a\nb\n", "words.txt", "no token '[UNK]', which `unknown` is to be"),
    ],
)
def test_vocabularies_that_cant_be(tmp_path: Path, content: bytes, line: str, words: str) -> None:
    path = vocabulary(tmp_path, content)
    error = refused(lambda: TextFront(path))
    assert words in error.message
    assert error.where == str(tmp_path / line)


def test_a_vocabulary_that_isnt_there(tmp_path: Path) -> None:
    assert "No such file" in refused(lambda: TextFront(tmp_path / "no.txt")).message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alias": "a text"}, "can't be called"),
        ({"split": "words"}, "can't be split by 'words'"),
        ({"length": 0}, "a length of 0"),
        ({"first_id": -1}, "begin at 0"),
        ({"unknown": "a", "unknown_id": 1}, "Both"),
        ({"unknown": "none"}, "no token 'none'"),
        ({"padding": "none"}, "no token 'none'"),
    ],
)
def test_text_fronts_that_cant_be(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    path = vocabulary(tmp_path, b"[PAD]\r\n[UNK]\r\na\r\n")
    assert words in refused(lambda: TextFront(path, **options)).message


@pytest.mark.parametrize(
    "options", [{"function": "crop"}, {"function": "a:b", "inputs": {"x y": 1}}]
)
def test_map_fronts_that_cant_be(options: dict[str, Any]) -> None:
    refused(lambda: MapFront(**options))


def test_python_objects_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "found_by_name.py").write_text("class Outer:\n    inner = 7\n")
    (tmp_path / "breaks_when_imported.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    assert load_name("found_by_name:Outer.inner", "here") == 7
    for text, words in {
        "found_by_name": "names no Python object",
        "not_there_at_all:x": "can't be imported",
        "breaks_when_imported:x": "division by zero",
        "found_by_name.py:Outer": "can't be imported",
        "found_by_name:Inner": "has no 'Inner'",
    }.items():
        error = refused(lambda text=text: load_name(text, "here"), "TFD101")  # type: ignore[misc]
        assert words in error.message and error.where == "here"
    assert "Outer" in error.hint
