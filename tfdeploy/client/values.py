"""Whether JSON values fit a tensor of a signature: dtype, rank and shape, value by value.

TensorFlow Serving wraps int8 300 to 44 without a word and doesn't look at shapes at all
(util/json_tensor.cc); a request that passes here means what it says.
"""

from __future__ import annotations

import base64
import binascii
import json
import math

from tfdeploy.client.misfit import misfit
from tfdeploy.savedmodel import TensorInfo

INTEGERS = {
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint8": (0, 2**8 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
SHOWN_CHARACTERS = 40
FLOATS = {"float32": 3.4028234663852886e38, "float64": 1.7976931348623157e308}

Place = tuple[str | int, ...]


def is_b64(value: object) -> bool:
    """``{"b64": "..."}`` is one value of a string tensor, not an object of aliases."""
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def place_text(place: Place) -> str:
    """``("instances", 2, "x", 0)`` as ``instances[2].x[0]``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).removeprefix(".")


def rank_of(value: object) -> int:
    """How deep the lists go, told from the first elements."""
    rank = 0
    while isinstance(value, list):
        rank += 1
        value = value[0] if value else None
    return rank


class TensorCheck:
    """Checks the parts of one tensor; what the first part fixes holds for all others.

    Args:
        info: the tensor that is wanted.

    Raises:
        TfdeployError: TFD503 when no value of that dtype can be sent over REST.
    """

    def __init__(self, info: TensorInfo) -> None:
        self.info = info
        self.rank = None if info.shape is None else len(info.shape)
        self.sizes: dict[int, int] = {}
        for level, size in enumerate(info.shape or ()):
            if size is not None:
                self.sizes[level] = size
        _check_sendable(info)

    def walk(self, value: object, place: Place, level: int = 0) -> None:
        """Check ``value``, which lies ``level`` lists deep in the tensor.

        Raises:
            TfdeployError: TFD503 whose ``where`` is the place of the first wrong value.
        """
        if not isinstance(value, list):
            self._leaf(value, place, level)
            return
        self._size(len(value), place, level)
        if level + 1 == self.rank and all(problem(item, self.info.dtype) is None for item in value):
            return
        for index, item in enumerate(value):
            self.walk(item, (*place, index), level + 1)

    def count(self, rows: int, place: Place) -> None:
        """Check the number of rows against the first dimension, where that is fixed."""
        self._size(rows, place, 0)

    def _size(self, size: int, place: Place, level: int) -> None:
        if self.rank is not None and level >= self.rank:
            raise self._shape(place, f"is a list at level {level + 1}")
        if self.sizes.setdefault(level, size) != size:
            raise self._shape(place, f"has {size} values, not {self.sizes[level]}")

    def _leaf(self, value: object, place: Place, level: int) -> None:
        wrong = problem(value, self.info.dtype)
        if wrong:
            raise misfit(
                f"Input '{self.info.alias}' takes {self.info.dtype}: {shown(value)} {wrong}.",
                where=place_text(place),
            )
        if self.rank is None:
            self.rank = max([level, *(deep + 1 for deep in self.sizes)])
        if level != self.rank:
            raise self._shape(place, f"is a single value at level {level + 1}")

    def _shape(self, place: Place, found: str) -> Exception:
        rows = place[0] == "instances"
        return misfit(
            f"The shape doesn't fit input '{self.info.alias}': {place_text(place)} {found}.",
            where=f"{self.info}" if self.info.shape is not None else f"rank {self.rank} so far",
            hint="each element of instances is one row, so it lacks the first dimension."
            if rows
            else "a value under inputs is the whole tensor, with its first dimension.",
        )


def problem(value: object, dtype: str) -> str | None:
    """What keeps a JSON value from being one value of ``dtype``, or None.

    The rules are the server's (util/json_tensor.cc), with ranges kept: integers are written
    without a point, true and false aren't numbers, null is never a value.
    """
    if dtype in FLOATS:
        return _float_problem(value, dtype)
    if dtype in INTEGERS:
        return _integer_problem(value, dtype)
    if dtype == "bool":
        return None if isinstance(value, bool) else "isn't true or false"
    return _string_problem(value)


def shown(value: object) -> str:
    """A value as JSON, cut to fit in a message."""
    text = json.dumps(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."


def _check_sendable(info: TensorInfo) -> None:
    if info.dtype in INTEGERS or info.dtype in FLOATS or info.dtype in ("string", "bool"):
        return
    raise misfit(
        f"Input '{info.alias}' is of type {info.dtype}, which can't be sent over REST.",
        where=str(info),
        hint="send it over gRPC, or export the model with a cast from float32.",
    )


def _float_problem(value: object, dtype: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "isn't a number"
    finite = isinstance(value, int) or math.isfinite(value)
    return "is out of range" if finite and abs(value) > FLOATS[dtype] else None


def _integer_problem(value: object, dtype: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return "isn't written as a whole number"
    low, high = INTEGERS[dtype]
    return None if low <= value <= high else f"is out of range ({low} to {high})"


def _string_problem(value: object) -> str | None:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return "holds half a surrogate pair"
        return None
    if not isinstance(value, dict):
        return "isn't a string"
    if not is_b64(value):
        return 'isn\'t {"b64": "..."}'
    return _b64_problem(value["b64"])


def _b64_problem(text: str) -> str | None:
    bare = "".join(text.split()).rstrip("=.")
    try:
        base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        web_safe = "-" in text or "_" in text
        return "isn't base64" + (": it must use + and /, not - and _" if web_safe else "")
    return None
