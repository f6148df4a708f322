"""JSON texts as the original writes them: numbers, strings, and values echoed in error messages.

Source: tensorflow_serving/util/json_tensor.cc (WriteDecimal, JsonValueToString) and RapidJSON's
PrettyWriter with four blanks and single-line arrays.
"""

import ctypes
import decimal
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from tfdeploy.server.grisu import shortest_digits

_LONGEST_ECHO: Final = 256
_INDENT: Final = "    "
_TO_ESCAPE: Final = re.compile(r'["\\\x00-\x1f]')
_SHORT_ESCAPES: Final = {
    '"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
}  # fmt: skip
_SMALLEST_FLOAT: Final = float(np.finfo(np.float32).smallest_normal)
_SMALLEST_DOUBLE: Final = float(np.finfo(np.float64).smallest_normal)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04X}"


def render_string(text: str) -> str:
    """A JSON string; only what must be escaped is."""
    return f'"{_TO_ESCAPE.sub(_escape, text)}"'


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _with_point(text: str) -> str:
    return text if "." in text or "e" in text else text + ".0"


def render_double(value: float) -> str:
    """`%.6g` if that reads back as the same double, else `%.17g`, with a point or an exponent."""
    if not math.isfinite(value):
        return _special(value)
    if abs(value) < _SMALLEST_DOUBLE:
        value = math.copysign(0.0, value)  # the original's threads flush denormals
    text = f"{value:.6g}"
    return _with_point(text if float(text) == value else f"{value:.17g}")


def render_float(value: float) -> str:
    """`%.6g` if that reads back as the same float32, else `%.9g`, with a point or an exponent."""
    if not math.isfinite(value):
        return _special(value)
    if abs(value) < _SMALLEST_FLOAT:
        value = math.copysign(0.0, value)
    text = f"{value:.6g}"
    same = text if ctypes.c_float(float(text)).value == value else f"{value:.9g}"
    return _with_point(same)


def _render_echoed_double(value: float) -> str:
    """RapidJSON's own format (internal/dtoa.h: Prettify): plain up to 21 digits."""
    if not math.isfinite(value):
        return _special(value)
    if value == 0:
        return str(value)
    digits, exponent = shortest_digits(abs(value))
    sign = "-" if value < 0 else ""
    number = decimal.Decimal(f"{sign}{digits}e{exponent}")
    if -7 < number.adjusted() < 21:
        plain = format(number, "f")
        return plain if "." in plain else plain + ".0"
    point = "." if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{point}{digits[1:]}e{number.adjusted()}"


def render_scalar(value: Any) -> str:
    """A JSON value that is no container, as the original echoes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return render_string(value)
    return str(value) if isinstance(value, int) else _render_echoed_double(value)


def render_pretty(value: Any, level: int = 0, scalar: Callable[[Any], str] = render_scalar) -> str:
    """Objects over several lines, arrays on one.

    Args:
        value: Any JSON value.
        level: How deep it lies in the text around it.
        scalar: Writes what is no container.
    """
    if isinstance(value, dict):
        if not value:
            return "{}"
        inner = "\n" + _INDENT * (level + 1)
        members = (
            f"{render_string(key)}: {render_pretty(item, level + 1, scalar)}"
            for key, item in value.items()
        )
        return "{" + inner + f",{inner}".join(members) + "\n" + _INDENT * level + "}"
    if isinstance(value, list):
        return "[" + ", ".join(render_pretty(item, level + 1, scalar) for item in value) + "]"
    return scalar(value)


def _pieces(value: Any, level: int = 0) -> Iterator[str]:
    """`render_pretty` bit by bit, for a reader that stops early."""
    if isinstance(value, dict) and value:
        inner = "\n" + _INDENT * (level + 1)
        opening = "{" + inner
        for key, item in value.items():
            yield f"{opening}{render_string(key[:_LONGEST_ECHO])}: "
            yield from _pieces(item, level + 1)
            opening = f",{inner}"
        yield "\n" + _INDENT * level + "}"
    elif isinstance(value, list) and value:
        opening = "["
        for item in value:
            yield opening
            yield from _pieces(item, level + 1)
            opening = ", "
        yield "]"
    else:
        yield render_pretty(value[:_LONGEST_ECHO] if isinstance(value, str) else value, level)


def echo(value: Any) -> str:
    """A value of the request for an error message, cut when long.

    It costs what is shown: a body of any size, and of any depth, can be wrong.
    """
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) >= _LONGEST_ECHO:
            break
    return text[:_LONGEST_ECHO]


def type_name(value: Any) -> str:
    """RapidJSON's name for the type of a value."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, str):
        return "String"
    if isinstance(value, dict):
        return "Object"
    return "Array" if isinstance(value, list) else "Number"
