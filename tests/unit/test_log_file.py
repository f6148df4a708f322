"""Anybody's log as text, whatever wrote it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tfdeploy.cli.log_file import read_lines
from tfdeploy.errors import TfdeployError

TEXT = "first\nsécond\r\nthird"
LINES = ["first", "sécond", "third"]


def read(path: Path, tail: int | None = None) -> tuple[int, list[str]]:
    first, lines = read_lines(str(path), tail)
    return first, [line.strip() for line in lines]


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        gzip.compress(TEXT.encode()),
        gzip.compress(TEXT.encode("utf-16")),
    ],
    ids=["utf-8", "utf-8 with a mark", "utf-16", "utf-16-be", "utf-32", "gzip", "gzip of utf-16"],
)
def test_a_log_is_read_whatever_its_encoding(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(data)
    assert read(path) == (1, LINES)
    assert read(path, 2) == (2, LINES[1:])
    assert read(path, 9) == (1, LINES)


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.touch()
    assert read(path) == (1, [])
    assert read(path, 3) == (1, [])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x7fELF\0\0\0", "no text"),
        (TEXT.encode("utf-16-le"), "no text"),
        (gzip.compress(b"\0" * 9), "no text"),
        (gzip.compress(TEXT.encode())[:-4], "end-of-stream"),
        (b"\x1f\x8b no gzip", "can't be read"),
    ],
    ids=["a program", "utf-16 without a mark", "gzip of no text", "cut gzip", "no gzip"],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(data)
    with pytest.raises(TfdeployError, match=says) as caught:
        read(path)
    assert caught.value.code == "TFD505"
    assert caught.value.where == str(path)
