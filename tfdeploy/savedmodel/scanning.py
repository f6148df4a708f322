"""What a graph holds, found by looking for bytes: a walk over 180,000 nodes would take seconds.

A search takes a millisecond or less for each MB. What it looks for is a field with its number and
length, so that the same words inside a constant or a vocabulary aren't taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tfdeploy.savedmodel.reading import find_graph, open_model
from tfdeploy.savedmodel.wire import Message

# tensorflow/core/framework/node_def.proto: name = 1, op = 2, device = 4.
_DEVICE = re.compile(rb"\x22(.)((?:/[A-Za-z_]+:[\w.*-]+)*/(?:device:)?GPU:(?:\d+|\*))", re.I | re.S)
_TEXT_DEVICE = re.compile(rb'\bdevice: "([^"\n]*/(?:device:)?GPU:(?:\d+|\*))"', re.I)
_LONGEST_DEVICE = 127
# An attribute of a function or a node: key = 1, value = 2, and in it b = 5 (attr_value.proto).
_COMPILE = b"\n\x0f_XlaMustCompile\x12\x02\x28\x01"
_TEXT_COMPILE = re.compile(rb'key: "_XlaMustCompile"\s+value \{\s+b: true')
_LONGEST_NAME = 1000
# One answer names a few nodes; a graph whose every node has the flaw isn't searched to its end.
_ENOUGH = 1000


class Graph(Protocol):
    """The graph of one SavedModel."""

    def gpu_devices(self) -> list[str]:
        """The GPU devices that nodes are hard-placed on, such as ``/device:GPU:0``."""

    def must_compile(self) -> bool:
        """Whether a function was made with ``jit_compile=True``."""

    def node_names(self, op: str) -> list[str]:
        """The names of the first nodes of that op, those inside functions included."""


@contextmanager
def open_graph(folder: Path, tag: str = "serve") -> Iterator[Graph]:
    """The graph with exactly that tag, open for searches.

    Raises:
        TfdeployError: TFD110, TFD111 as ``read_saved_model``.
    """
    with open_model(folder) as (file, message):
        if file.suffix == ".pbtxt":
            yield _TextGraph(file.read_bytes())
        else:
            graph = find_graph(message, file, tag)
            yield _BinaryGraph(graph, _devices_written_by(graph))


def _devices_written_by(graph: Message) -> tuple[bytes, ...]:
    """How the graph's writer spelt a GPU: TensorFlow 2 has one way; each costs a pass."""
    info = graph.message(1)
    major = info.first_text(5).partition(".")[0] if info else ""
    is_two = major.isdecimal() and int(major) >= 2
    return (b"device:GPU:",) if is_two else (b"GPU:", b"gpu:")


class _BinaryGraph:
    def __init__(self, graph: Message, device_words: tuple[bytes, ...]) -> None:
        self._buffer, self._start, self._end = graph.buffer, graph.start, graph.end
        self._device_words = device_words

    def gpu_devices(self) -> list[str]:
        found: dict[str, None] = {}
        for word in self._device_words:
            for place in self._places(word):
                start = max(self._start, place - _LONGEST_DEVICE)
                for match in _DEVICE.finditer(self._buffer[start : place + len(word) + 8]):
                    if match[1][0] == len(match[2]):
                        found[match[2].decode("ascii", "replace")] = None
        return list(found)

    def must_compile(self) -> bool:
        return self._buffer.find(_COMPILE, self._start, self._end) >= 0

    def node_names(self, op: str) -> list[str]:
        field = b"\x12" + bytes([len(op)]) + op.encode()
        names = (self._name_before(place) for place in self._places(field))
        return list(dict.fromkeys(name for name in names if name))

    def _places(self, field: bytes) -> Iterator[int]:
        place = self._buffer.find(field, self._start, self._end)
        for _ in range(_ENOUGH):
            if place < 0:
                return
            yield place
            place = self._buffer.find(field, place + len(field), self._end)

    def _name_before(self, end: int) -> str:
        """The string field 1 that ends there; empty where there is none."""
        before = self._buffer[max(self._start, end - _LONGEST_NAME) : end]
        key = len(before)
        # The length of a name of ten letters is the byte of the key, so one may be taken for it.
        for _ in range(2):
            key = before.rfind(b"\n", 0, key)
            if key >= 0 and (name := _string(before[key + 1 :])):
                return name.decode("utf-8", "replace")
        return ""


def _string(data: bytes) -> bytes:
    """What follows the length at the start, where that is all the rest; else nothing."""
    if len(data) > 1 and data[0] == len(data) - 1 <= 0x7F:
        return data[1:]
    if len(data) > 2 and (data[0] & 0x7F) + (data[1] << 7) == len(data) - 2 and data[0] > 0x7F:
        return data[2:]
    return b""


class _TextGraph:
    def __init__(self, text: bytes) -> None:
        self._text = text

    def gpu_devices(self) -> list[str]:
        found = (match[1].decode("ascii", "replace") for match in _TEXT_DEVICE.finditer(self._text))
        return list(dict.fromkeys(found))

    def must_compile(self) -> bool:
        return _TEXT_COMPILE.search(self._text) is not None

    def node_names(self, op: str) -> list[str]:
        node = re.compile(rb'name: "([^"\n]*)"\s+op: "' + re.escape(op.encode()) + b'"')
        found = (match[1].decode("utf-8", "replace") for match in node.finditer(self._text))
        return list(dict.fromkeys(found))
