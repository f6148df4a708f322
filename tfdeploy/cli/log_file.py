"""Lines of anybody's log: a file or stdin, as text of any encoding that logs are kept in."""

from __future__ import annotations

import codecs
import gzip
import io
import sys
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from tfdeploy.errors import TfdeployError

_GZIP = b"\x1f\x8b"
_BOMS = (
    # UTF-32's begins with that of UTF-16, so it goes first.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_LOOKED_AT_BYTES = 8192


def read_lines(name: str, tail: int | None = None) -> tuple[int, Iterable[str]]:
    """The lines of a file, or of stdin for ``-``, and the number of the first one, from 1.

    Args:
        name: a text in UTF-8, or in UTF-16 with its mark, as PowerShell's ``>`` writes it; gzip is
            read through.
        tail: that many from the end; None for all, which are read when they are asked for.

    Raises:
        TfdeployError: TFD505, from the lines too.
    """
    lines = _lines(name)
    if tail is not None:
        kept = deque(enumerate(lines, 1), maxlen=tail)
        return (kept[0][0] if kept else 1), [line for _, line in kept]
    # What can't be read at all says so before anything is printed.
    return 1, chain([first], lines) if (first := next(lines, None)) is not None else ()


def _lines(name: str) -> Iterator[str]:
    try:
        with _opened(name) as file:
            yield from _decoded(name, file)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise TfdeployError(
            "TFD505",
            f"The log can't be read: {str(why).rstrip('.')}.",
            where=name,
            hint="give the path of a text file, or - for standard input.",
        ) from error


@contextmanager
def _opened(name: str) -> Iterator[io.BufferedReader]:
    if name == "-":
        yield cast("io.BufferedReader", sys.stdin.buffer)
        return
    with Path(name).open("rb") as file:
        yield file


def _decoded(name: str, file: io.BufferedReader) -> Iterator[str]:
    if file.peek(2)[:2] == _GZIP:
        with gzip.open(file) as packed:
            yield from _decoded(name, io.BufferedReader(cast("io.RawIOBase", packed)))
        return
    head = file.peek(_LOOKED_AT_BYTES)[:_LOOKED_AT_BYTES]
    encoding = next((one for bom, one in _BOMS if head.startswith(bom)), "utf-8")
    if encoding.startswith("utf-8") and b"\0" in head:
        raise TfdeployError(
            "TFD505",
            "This is no text: there are NUL bytes in it.",
            where=name,
            hint="give a log as text, in UTF-8, or in UTF-16 with a byte order mark.",
        )
    yield from _split(file, encoding)


def _split(file: BinaryIO, encoding: str) -> Iterator[str]:
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="\n")
    try:
        yield from text
    finally:
        # Else it closes the file, which may be stdin.
        text.detach()
