"""Protobuf text format as a tree that knows the line of every field.

What a file means is said by ``wire.parse_text``; this tree is for saying where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v\ufeff]+|\#[^\n]*)
      | (?P<newline>\n)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<word>[A-Za-z0-9_.+-]+)
      | (?P<sign>[{}<>:,;\[\]/])""",
    re.VERBOSE,
)
_CLOSING = {"{": "}", "<": ">"}
_DEEPEST = 50


class TextProtoError(ValueError):
    """The text isn't protobuf text format."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Scalar:
    """A number, a word or a string (without its quotes)."""

    text: str
    line: int
    quoted: bool = False


@dataclass(frozen=True)
class Message:
    """The fields between two braces, or of a whole file."""

    line: int
    fields: list[Field] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Field]:
        """Every field of a name, in the order written."""
        return (one for one in self.fields if one.name == name)

    def messages(self, name: str) -> Iterator[Message]:
        """Every message that a name holds."""
        return (one.value for one in self.all(name) if isinstance(one.value, Message))

    def scalars(self, name: str) -> list[Scalar]:
        """Every plain value that a name holds."""
        return [one.value for one in self.all(name) if isinstance(one.value, Scalar)]

    def text(self, name: str) -> str | None:
        """The last plain value of a name."""
        found = self.scalars(name)
        return found[-1].text if found else None

    def line_of(self, name: str) -> int:
        """The line of a field; the message's own where it has none."""
        return next((one.line for one in self.all(name)), self.line)


@dataclass(frozen=True)
class Field:
    """``name: value`` or ``name { ... }``."""

    name: str
    value: Scalar | Message
    line: int


def parse_tree(text: str) -> Message:
    """The tree of a text.

    Raises:
        TextProtoError: with the line at which reading stopped.
    """
    return _Reader(text).message(Message(1), None, 0)


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    @property
    def _line(self) -> int:
        if not self._tokens:
            return 1
        return self._tokens[min(self._at, len(self._tokens) - 1)][1]

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        return word

    def message(self, into: Message, closing: str | None, depth: int) -> Message:
        if depth > _DEEPEST:
            raise TextProtoError(self._line, "it is nested too deep")
        while self._peek() != (closing or ""):
            if not self._peek():
                raise TextProtoError(into.line, f"the '{_opening(closing)}' here is never closed")
            self._field(into, depth)
            while self._peek() in (",", ";"):
                self._next()
        self._next()
        return into

    def _field(self, into: Message, depth: int) -> None:
        line, name = self._line, self._name()
        colon = self._peek() == ":"
        if colon:
            self._next()
        if self._peek() in _CLOSING or self._peek() == "[":
            values = self._several(depth) if self._peek() == "[" else [self._value(depth)]
        elif colon:
            values = [self._value(depth)]
        else:
            raise TextProtoError(line, f"a ':' is missing behind '{name}'")
        into.fields.extend(Field(name, value, value.line) for value in values)

    def _name(self) -> str:
        line, word = self._line, self._next()
        if word == "[":
            parts = []
            while self._peek() not in ("]", ""):
                parts.append(self._next())
            self._next()
            return f"[{''.join(parts)}]"
        if not re.fullmatch(r"[A-Za-z0-9_.]+", word):
            raise TextProtoError(line, f"a field's name is expected, not {word!r}")
        return word

    def _several(self, depth: int) -> list[Scalar | Message]:
        line = self._line
        self._next()
        values: list[Scalar | Message] = []
        while self._peek() != "]":
            if not self._peek():
                raise TextProtoError(line, "the '[' here is never closed")
            values.append(self._value(depth))
            if self._peek() == ",":
                self._next()
        self._next()
        return values

    def _value(self, depth: int) -> Scalar | Message:
        line, word = self._line, self._next()
        if word in _CLOSING:
            return self.message(Message(line), _CLOSING[word], depth + 1)
        if word[:1] in ("'", '"'):
            parts = [word[1:-1]]
            while self._peek()[:1] in ("'", '"'):
                parts.append(self._next()[1:-1])
            return Scalar("".join(parts), line, quoted=True)
        if not word or not re.fullmatch(r"[A-Za-z0-9_.+-]+", word):
            raise TextProtoError(line, f"a value is expected, not {word or 'the end of the file'}")
        return Scalar(word, line)


def _opening(closing: str | None) -> str:
    return next((one for one, end in _CLOSING.items() if end == closing), "{")


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line, at = 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise TextProtoError(line, f"{text[at]!r} means nothing here")
        if match.lastgroup == "newline":
            line += 1
        elif match.lastgroup != "space":
            yield match[0], line
        at = match.end()
