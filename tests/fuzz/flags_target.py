"""Any words as a command line, against a model of the parser that asks C's own sscanf."""

import ctypes
import math
import os
from typing import Any, Final

from tfdeploy.server.flags import FIELDS, BadFlagValue, parse_flags, render_usage, unused_flags

_BLANKS: Final = " \t\n\v\f\r"
_TRUE: Final = ("true", "1")
_FALSE: Final = ("false", "0")


class Refused(Exception):
    """The original would print its usage and exit."""


def _scanned(form: bytes, into: Any, text: str) -> Any:
    extra = ctypes.c_char()
    sscanf = ctypes.CDLL(None).sscanf
    read = sscanf(os.fsencode(text), form + b"%c", ctypes.byref(into), ctypes.byref(extra))
    if read != 1:
        raise Refused
    return into.value


def model_value(kind: str, text: str) -> Any:
    """The value of a flag with `=`, as tsl/util/command_line_flags.cc reads it."""
    if kind == "string":
        return text
    if kind == "bool":
        if text.lower() not in _TRUE + _FALSE:
            raise Refused
        return text.lower() in _TRUE
    if kind == "float":
        return _scanned(b"%lf", ctypes.c_double(), text.rstrip(_BLANKS))
    value = _scanned(b"%ld", ctypes.c_long(), text.rstrip(_BLANKS))
    # sscanf's answer to a number that doesn't fit is anything; here it is refused.
    bits = 31 if kind == "int32" else 63
    digits = text.strip(_BLANKS).lstrip("+-").lstrip("0")
    if len(digits) > 19 or not -(2**bits) <= int(text) < 2**bits:
        raise Refused
    return value


def model(words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The flags that are set, and the words left over.

    Raises:
        Refused: the command line ends the original.
    """
    values: dict[str, Any] = {}
    left: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return values, [*left, word, *rest]
        name, equals, text = word[2:].partition("=")
        known = word[:2] == "--" and name in FIELDS
        kind = FIELDS[name].metadata["kind"] if known else ""
        if known and equals:
            values[name] = model_value(kind, text)
        elif kind == "bool":
            values[name] = True
        else:
            left.append(word)
    return values, left


def _is_odd_float(word: str) -> bool:
    # glibc alone reads `0x1p3`, `nan(...)` and `1e`: nobody writes them, and they are refused here.
    text = word.partition("=")[2].lower()
    return "0x" in text or "nan(" in text or text.rstrip("+-").endswith("e")


def check_words(words: list[str]) -> None:
    """Flags or BadFlagValue, as the model says."""
    try:
        flags, left = parse_flags(words)
    except BadFlagValue as refusal:
        render_usage(str(refusal))
        if any(map(_is_odd_float, words)):
            return
        try:
            expected = model(words)
        except Refused:
            return
        raise AssertionError(f"{refusal}, but {expected}") from None
    values, unknown = model(words)
    assert left == unknown
    for name, field in FIELDS.items():
        got, expected = getattr(flags, name), values.get(name, field.default)
        both_nan = got != got and expected != expected
        assert both_nan or (type(got), got) == (type(expected), expected), name
    assert unused_flags(flags).keys() <= FIELDS.keys()
    assert not math.isnan(flags.port)


def check(data: bytes) -> None:
    """Words apart by NUL, as a process gets them."""
    if data:
        check_words([os.fsdecode(word) for word in data.split(b"\0")])
