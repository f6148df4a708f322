"""Reading JSON as RapidJSON 1.1.0 does, with its error texts and offsets.

The original parses with kParseNanAndInfFlag, kParseIterativeFlag and kParseStopWhenDoneFlag
(tensorflow_serving/util/json_tensor.cc: ParseJson), so `NaN`, `Inf` and `Infinity` are numbers,
text after the document is ignored, nesting has no limit, and of repeated keys the first is found.
orjson reads most bodies; this reader takes over where orjson refuses, or could differ.
"""

import re
from typing import Any, Final

import orjson

from tfdeploy.server.status import invalid

_SPACE: Final = re.compile(rb"[ \t\n\r]*")
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]*)?")
# How far the original reads into a word that could be NaN, Inf or Infinity.
_SPECIAL: Final = re.compile(
    rb"-?(?:(NaN|Inf(?:inity|(?!i)))|N(?:aN?)?|Infi(?:n(?:i(?:ty?)?)?)?|I(?:nf?)?)"
)
# Elements that orjson reads just as this reader does, each with its comma. Possessive, because a
# match of a million elements must not remember how it could be undone.
_RUN: Final = re.compile(
    rb"(?:[ \t\n\r]*+-?+(?:0|[1-9][0-9]{0,17}+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]{1,2}+)?+"
    rb"[ \t\n\r]*+,)++"
)
_BRACKETS: Final = re.compile(rb"\[*+")
_PLAIN: Final = re.compile(rb'[^"\\\x00-\x1f]*')
_HEX: Final = re.compile(rb"[0-9a-fA-F]{4}")
_BOM: Final = b"\xef\xbb\xbf"
_ESCAPES: Final = {
    0x22: '"', 0x2F: "/", 0x5C: "\\", 0x62: "\b", 0x66: "\f", 0x6E: "\n", 0x72: "\r", 0x74: "\t",
}  # fmt: skip
_WORTH_A_LOOK: Final = 4096
_NO_START: Final = frozenset(b"\0,:]}")  # the original's parser has no way on from these
_LITERALS: Final = {0x6E: (b"null", None), 0x74: (b"true", True), 0x66: (b"false", False)}
_LEAST_INT64: Final = -(2**63)
_MOST_UINT64: Final = 2**64 - 1


def _fail(text: str, offset: int) -> Any:
    invalid(f"JSON Parse error: {text} at offset: {offset}")


def _count_keys(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(map(_count_keys, value.values()))
    if type(value) is list and value and type(value[0]) in (dict, list):
        return sum(map(_count_keys, value))
    return 0


def _keys_are_unique(body: bytes, document: Any) -> bool:
    """Whether no key was swallowed: each key has a colon, and strings can only add some."""
    colons = body.count(b":")
    if type(document) is dict and colons == len(document):
        return True
    try:
        return colons == _count_keys(document)
    except RecursionError:
        return False


def parse_json(body: bytes, last_inside: bool = False) -> Any:
    """The first JSON document of a request body.

    Bytes in strings that are not UTF-8 come as surrogate escapes.

    Args:
        body: The bytes.
        last_inside: Of keys that an object repeats the last one counts, except in the outermost
            object, where it is always the first. Examples are read that way.

    Raises:
        ServingError: INVALID_ARGUMENT, `JSON Parse error: ... at offset: N`.
    """
    if not body:
        invalid("JSON Parse error: The document is empty")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _Reader(body, last_inside).read()
    return document if _keys_are_unique(body, document) else _Reader(body, last_inside).read()


class _Reader:
    """A parser without recursion, as RapidJSON's iterative mode: open containers on a stack."""

    def __init__(self, body: bytes, last_inside: bool, worth_a_look: int = _WORTH_A_LOOK) -> None:
        self._body = body
        self._last_inside = last_inside
        self._worth_a_look = worth_a_look
        self._at = len(_BOM) if body.startswith(_BOM) else 0
        self._closing: int | None = None
        self._closing_from = 0
        self._is_doomed = False

    def read(self) -> Any:
        self._skip_space()
        if self._at == len(self._body) or self._peek() in _NO_START:
            return _fail("The document is empty.", self._at)
        root: list[Any] = []
        stack: list[Any] = [root]
        key: str | None = None
        while True:
            if len(stack) > 1 and isinstance(stack[-1], list):
                stack[-1] += self._run()
                self._dive(stack)
            value = self._value()
            self._store(stack[-1], key, value, self._last_inside and len(stack) > 2)
            if isinstance(value, (dict, list)) and not self._closes_at_once(value):
                stack.append(value)
            else:
                while len(stack) > 1 and self._closes_after_element(stack[-1]):
                    stack.pop()
            if len(stack) == 1:
                return root[0]
            key = self._key() if isinstance(stack[-1], dict) else None

    def _run(self) -> Any:
        """Numbers that another element follows: one by one they would take seconds."""
        if self._peek() == 0x5B:
            return ()
        start, self._at = self._at, self._end_of(_RUN)
        if self._at == start or self._must_fail(self._at - start, 1):
            return ()
        return orjson.loads(b"[%b]" % self._body[start : self._at - 1])

    def _dive(self, stack: list[Any]) -> None:
        """Open all but the last of the brackets that follow: one by one they would take seconds."""
        count = self._end_of(_BRACKETS) - self._at - 1
        if count <= 0:
            return
        if self._must_fail(count, count):
            stack += [[]] * count  # all the same one: nobody will look into it
        else:
            for _ in range(count):
                inner: list[Any] = []
                stack[-1].append(inner)
                stack.append(inner)
        self._at += count

    def _must_fail(self, size: int, opened: int) -> bool:
        """Whether fewer brackets close in what follows than must: then only the place where it
        fails is looked for: half a megabyte of brackets would take 48 MB as values.

        Args:
            size: How many bytes were just found; few are not worth a look.
            opened: How many brackets must close after that at least.
        """
        if not self._is_doomed and size >= self._worth_a_look:
            if self._closing is None:
                self._closing, self._closing_from = self._body.count(b"]", self._at), self._at
            self._closing -= self._body.count(b"]", self._closing_from, self._at)
            self._closing_from = self._at
            self._is_doomed = self._closing < opened
        return self._is_doomed

    def _store(self, container: Any, key: str | None, value: Any, replace: bool) -> None:
        if self._is_doomed:
            return
        if key is None:
            container.append(value)
        elif replace:
            container[key] = value
        else:
            container.setdefault(key, value)

    def _peek(self) -> int:
        return self._body[self._at] if self._at < len(self._body) else 0

    def _skip_space(self) -> None:
        self._at = self._end_of(_SPACE)

    def _end_of(self, pattern: re.Pattern[bytes]) -> int:
        match = pattern.match(self._body, self._at)
        return match.end() if match else self._at

    def _closes_at_once(self, container: Any) -> bool:
        """After an opening bracket: the matching one follows."""
        self._skip_space()
        if self._peek() != (0x7D if isinstance(container, dict) else 0x5D):
            return False
        self._at += 1
        return True

    def _closes_after_element(self, container: Any) -> bool:
        """After an element: the closing bracket follows (True) or a comma (False)."""
        self._skip_space()
        is_object = isinstance(container, dict)
        found = self._peek()
        if found == (0x7D if is_object else 0x5D):
            self._at += 1
            return True
        if found != 0x2C:
            _fail(
                "Missing a comma or '}' after an object member."
                if is_object
                else "Missing a comma or ']' after an array element.",
                self._at,
            )
        self._at += 1
        return False

    def _key(self) -> str:
        self._skip_space()
        if self._peek() != 0x22:
            _fail("Missing a name for object member.", self._at)
        key = self._string()
        self._skip_space()
        if self._peek() != 0x3A:
            _fail("Missing a colon after a name of object member.", self._at)
        self._at += 1
        return key

    def _value(self) -> Any:
        self._skip_space()
        first = self._peek()
        if first == 0x22:
            return self._string()
        if first in (0x7B, 0x5B):
            self._at += 1
            return {} if first == 0x7B else []
        if first in _LITERALS:
            return self._literal(*_LITERALS[first])
        return self._number()

    def _literal(self, word: bytes, value: Any) -> Any:
        for expected in word:
            if self._peek() != expected:
                _fail("Invalid value.", self._at)
            self._at += 1
        return value

    def _number(self) -> int | float:
        start = self._at
        special = _SPECIAL.match(self._body, start)
        if special is not None:
            self._at = special.end()
            return float(special[0] if special[1] else _fail("Invalid value.", self._at))
        match = _NUMBER.match(self._body, start)
        if match is None:
            minus = self._body[start : start + 1] == b"-"
            return float(_fail("Invalid value.", start + minus))
        if match[1] == b".":
            _fail("Miss fraction part in number.", match.end(1))
        if match[2] is not None and not match[2][-1:].isdigit():
            _fail("Miss exponent in number.", match.end())
        self._at = match.end()
        if match[1] is None and match[2] is None:
            integer = self._integer(match[0])
            if integer is not None:
                return integer
        value = float(match[0])
        if value in (float("inf"), float("-inf")):
            _fail("Number too big to be stored in double.", start)
        return value

    def _integer(self, text: bytes) -> int | None:
        if len(text) > 20:
            return None
        value = int(text)
        return value if _LEAST_INT64 <= value <= _MOST_UINT64 else None

    def _string(self) -> str:
        self._at += 1
        parts: list[bytes] = []
        while True:
            end = self._end_of(_PLAIN)
            parts.append(self._body[self._at : end])
            self._at = end
            found = self._peek()
            if found == 0x22:
                self._at += 1
                return b"".join(parts).decode("utf-8", "surrogateescape")
            if found == 0:
                _fail("Missing a closing quotation mark in string.", self._at)
            if found != 0x5C:
                _fail("Invalid escape character in string.", self._at)
            parts.append(self._escape().encode("utf-8"))

    def _escape(self) -> str:
        start = self._at
        self._at += 1
        letter = self._peek()
        self._at += 1
        if letter in _ESCAPES:
            return _ESCAPES[letter]
        if letter != 0x75:
            _fail("Invalid escape character in string.", start)
        code = self._hex(start)
        if 0xD800 <= code <= 0xDFFF:
            code = self._surrogate_pair(code, start)
        return chr(code)

    def _hex(self, start: int) -> int:
        match = _HEX.match(self._body, self._at)
        if match is None:
            return int(_fail("Incorrect hex digit after \\u escape in string.", start))
        self._at = match.end()
        return int(match[0], 16)

    def _surrogate_pair(self, high: int, start: int) -> int:
        if high > 0xDBFF or self._body[self._at : self._at + 2] != b"\\u":
            _fail("The surrogate pair in string is invalid.", start)
        self._at += 2
        low = self._hex(start)
        if not 0xDC00 <= low <= 0xDFFF:
            _fail("The surrogate pair in string is invalid.", start)
        return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
