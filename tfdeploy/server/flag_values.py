"""What a flag's value may look like, by the flag's type.

Observed of TensorFlow 2.21's `tsl::Flags::Parse` (xla/tsl/util/command_line_flags.cc), which reads
numbers with absl::SimpleAtoi and strtof: blanks around a number are skipped, an integer that does
not fit is refused, a float that does not fit becomes infinite.
"""

import re
from collections.abc import Callable
from typing import Any, Final

_BLANKS: Final = " \t\n\v\f\r"
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEXADECIMAL: Final = re.compile(
    r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?"
)
_SPECIAL: Final = re.compile(r"([+-]?)(?:(inf|infinity)|nan(?:\([0-9a-z_]*\))?)", re.IGNORECASE)


def _parse_integer(text: str, limit: int) -> int:
    packed = text.strip(_BLANKS)
    if _INTEGER.fullmatch(packed) is None:
        raise ValueError(text)
    value = int(packed)
    if not -limit <= value < limit:
        raise ValueError(text)
    return value


def _parse_float(text: str) -> float:
    packed = text.strip(_BLANKS)
    if _DECIMAL.fullmatch(packed):
        return float(packed)
    if _HEXADECIMAL.fullmatch(packed):
        return _parse_hexadecimal(packed)
    match = _SPECIAL.fullmatch(packed)
    if match is None:
        raise ValueError(text)
    return float(match[1] + ("inf" if match[2] else "nan"))


def _parse_hexadecimal(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return float("-inf" if text.startswith("-") else "inf")


def _parse_bool(text: str) -> bool:
    lowered = text.lower()
    if lowered not in ("true", "1", "false", "0"):
        raise ValueError(text)
    return lowered in ("true", "1")


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "string": str,
    "bool": _parse_bool,
    "int32": lambda text: _parse_integer(text, 2**31),
    "int64": lambda text: _parse_integer(text, 2**63),
    "float": _parse_float,
}


def parse_value(kind: str, text: str) -> Any:
    """The value that a flag of this type gets.

    Args:
        kind: `string`, `bool`, `int32`, `int64` or `float`.
        text: What follows the equals sign.

    Raises:
        ValueError: the type has no such value.
    """
    return _PARSERS[kind](text)
