"""The protobuf wire format, as much of it as a SavedModel's own description needs.

A field that nobody asks for costs its length prefix and no more, so a graph of 50 MB is stepped
over as fast as one of 50 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_WORD = 1 << 64


class WireError(ValueError):
    """The bytes are no protobuf message, or stop in the middle of one."""


@dataclass(frozen=True)
class Message:
    """The bytes from ``start`` up to ``end`` of a buffer, taken as one message."""

    buffer: bytes | mmap
    start: int
    end: int

    def messages(self, number: int) -> Iterator[Message]:
        """Every sub-message of that field number, in order.

        Raises:
            WireError: the bytes break off or make no message.
        """
        for field, wire_type, value, end in self._fields():
            if field == number and wire_type == _LENGTH:
                yield Message(self.buffer, value, end)

    def message(self, number: int) -> Message | None:
        """The last sub-message of that number (the last wins on the wire), or None."""
        return next(reversed(list(self.messages(number))), None)

    def texts(self, number: int) -> list[str]:
        """Every string of that field number."""
        return [found.text() for found in self.messages(number)]

    def first_text(self, number: int) -> str:
        """The string of that number, or an empty one."""
        return next(reversed(self.texts(number)), "")

    def integer(self, number: int) -> int:
        """The int64 of that number, or 0; negative numbers are ten bytes on the wire."""
        found = 0
        for field, wire_type, value, _ in self._fields():
            if field == number and wire_type == _VARINT:
                found = value
        return found - _WORD if found >= _WORD >> 1 else found

    def text(self) -> str:
        """These bytes as text."""
        try:
            return self.buffer[self.start : self.end].decode("utf-8")
        except UnicodeDecodeError as error:
            raise WireError("a name is no UTF-8 text") from error

    def _fields(self) -> Iterator[tuple[int, int, int, int]]:
        """Number, wire type, value (a length field's start) and end of every field."""
        position = self.start
        while position < self.end:
            key, position = self._varint(position)
            number, wire_type = key >> 3, key & 7
            value, end = self._value(wire_type, position)
            if number == 0 or end > self.end:
                raise WireError(f"a field at byte {position} reaches beyond its end")
            yield number, wire_type, value, end
            position = end

    def _value(self, wire_type: int, position: int) -> tuple[int, int]:
        if wire_type == _VARINT:
            return self._varint(position)
        if wire_type == _LENGTH:
            length, start = self._varint(position)
            return start, start + length
        if wire_type in (_FIXED32, _FIXED64):
            return position, position + (4 if wire_type == _FIXED32 else 8)
        raise WireError(f"no field can begin at byte {position}")

    def _varint(self, position: int) -> tuple[int, int]:
        result = 0
        for place in range(10):
            if position + place >= self.end:
                raise WireError(f"a number at byte {position} is cut short")
            byte = self.buffer[position + place]
            result |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return result % _WORD, position + place + 1
        raise WireError(f"a number at byte {position} never ends")
