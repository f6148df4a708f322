"""How far one answer of a model is from another: per output, in figures and in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tfdeploy.client.answer import decoded
from tfdeploy.client.documents import has_batch
from tfdeploy.savedmodel import Signature

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]
    Outputs = Mapping[str, Array]

# What numpy holds the values of JSON in, where it has no such type or JSON no such digits.
_HELD_AS = {"string": "object", "bfloat16": "float32"}


@dataclass(frozen=True)
class Difference:
    """One output of two answers, or the same output of many pairs of them.

    Attributes:
        output: its alias.
        form: what keeps the values from being compared: a missing output, another dtype or
            shape; empty when nothing does.
        values: how many values were compared.
        unequal: how many of them aren't the same.
        beyond: how many are further apart than the tolerance; 0 where none was given.
        largest: the largest absolute difference of numbers; infinity where only one of the two
            is finite, or both are unlike infinities.
        total: the sum of the finite absolute differences.
        place: the index of the largest, or of the first unequal text; empty for a scalar.
        expected: the value there.
        found: the other one there.
        rows: how many rows have a class: the place of the highest value in the last dimension.
        other_class: how many of them have another class.
    """

    output: str
    form: str = ""
    values: int = 0
    unequal: int = 0
    beyond: int = 0
    largest: float = 0.0
    total: float = 0.0
    place: tuple[int, ...] = ()
    expected: object = None
    found: object = None
    rows: int = 0
    other_class: int = 0

    @property
    def same(self) -> bool:
        """Nothing differs."""
        return not self.form and not self.unequal

    @property
    def acceptable(self) -> bool:
        """The form is the same, and no value is further away than the tolerance."""
        return not self.form and not self.beyond

    @property
    def mean(self) -> float:
        """The mean absolute difference of all values; pairs that aren't finite count as 0."""
        return self.total / self.values if self.values else 0.0

    def __str__(self) -> str:
        """One clause, such as ``'scores' differs by up to 0.31 at [0, 3] (0.2 and 0.51)``."""
        if self.form:
            return f"'{self.output}' {self.form}"
        if not self.unequal:
            return f"'{self.output}' is the same"
        at = f" at [{', '.join(map(str, self.place))}]" if self.place else ""
        pair = f"({_shown(self.expected)} and {_shown(self.found)})"
        if self.largest and math.isfinite(self.largest):
            return f"'{self.output}' differs by up to {self.largest:.3g}{at} {pair}"
        return f"'{self.output}' differs{at} {pair}"

    def as_data(self) -> dict[str, Any]:
        """The figures for ``--json``; a largest difference that isn't finite is null."""
        finite = math.isfinite(self.largest)
        return {
            "output": self.output,
            "form": self.form,
            "values": self.values,
            "unequal": self.unequal,
            "beyond_tolerance": self.beyond,
            "largest": self.largest if finite else None,
            "mean": self.mean,
            "place": list(self.place),
            "expected": _as_json(self.expected),
            "found": _as_json(self.found),
            "rows": self.rows,
            "other_class": self.other_class,
        }


def answer_arrays(document: Mapping[str, object], signature: Signature) -> dict[str, Array]:
    """The outputs of a ``:predict`` answer as arrays of the dtypes that the signature says.

    Args:
        document: ``predictions`` for rows, or ``outputs`` for whole tensors. A single output
            comes without its name (util/json_tensor.cc).
        signature: of the version that answered.

    Raises:
        ValueError: the values don't fit the signature, or aren't there.
    """
    found = decoded(document.get("predictions", document.get("outputs")))
    outputs = signature.outputs
    if len(outputs) == 1:
        columns: Any = {next(iter(outputs)): found}
    elif "predictions" in document and isinstance(found, list):
        columns = {alias: [_of_row(row, alias) for row in found] for alias in outputs}
    else:
        columns = found
    if not isinstance(columns, dict):
        raise ValueError("the answer names no outputs")
    return {
        alias: _array(values, outputs[alias].dtype)
        for alias, values in columns.items()
        if alias in outputs
    }


def find_differences(
    found: Outputs,
    expected: Outputs,
    *,
    tolerance: float | None = None,
    batched: bool = True,
) -> list[Difference]:
    """Each output of either answer, those of ``expected`` first.

    NaN equals NaN, and infinities equal themselves.

    Args:
        found: arrays by alias.
        expected: arrays by alias.
        tolerance: how far a float may be from the expected one: this much absolutely where that
            is below 1, and this part of it above. Values of other dtypes have to be the same.
            None: how far is only measured.
        batched: the first dimension is rows; without them a vector is one row.
    """
    both = [
        _of_output(alias, found[alias], expected[alias], tolerance, batched)
        if alias in found
        else Difference(alias, "is missing")
        for alias in expected
    ]
    return both + [Difference(alias, "is new") for alias in found if alias not in expected]


def is_batched(signature: Signature) -> bool:
    """Whether the outputs hold rows, for ``find_differences``."""
    return has_batch(signature)


def add_up(pairs: Iterable[Iterable[Difference]]) -> list[Difference]:
    """The differences of many pairs of answers as one for each output."""
    sums: dict[str, Difference] = {}
    for pair in pairs:
        for one in pair:
            before = sums.get(one.output)
            sums[one.output] = one if before is None else _sum(before, one)
    return list(sums.values())


def not_finite(outputs: Outputs) -> Iterator[str]:
    """The aliases of outputs with a value that is NaN or infinite."""
    import numpy as np

    for alias, array in outputs.items():
        if array.dtype.kind in "fc" and not np.all(np.isfinite(array)):
            yield alias


def _sum(one: Difference, other: Difference) -> Difference:
    # A place is said with the values that are there.
    worst = other if (other.largest, other.unequal > 0) > (one.largest, one.unequal > 0) else one
    return replace(
        worst,
        form=one.form or other.form,
        values=one.values + other.values,
        unequal=one.unequal + other.unequal,
        beyond=one.beyond + other.beyond,
        total=one.total + other.total,
        rows=one.rows + other.rows,
        other_class=one.other_class + other.other_class,
    )


def _of_output(
    alias: str, found: Array, expected: Array, tolerance: float | None, batched: bool
) -> Difference:
    if found.dtype != expected.dtype:
        return Difference(alias, f"was {_dtype(expected)} and is {_dtype(found)}")
    if found.shape != expected.shape:
        was, now = list(expected.shape), list(found.shape)
        return Difference(alias, f"had the shape {was} and has {now}")
    if expected.dtype.kind in "fiu":
        measured = _of_numbers(alias, found, expected, tolerance)
    else:
        measured = _of_others(alias, found, expected, tolerance)
    rows, other = _classes(found, expected, batched)
    return replace(measured, rows=rows, other_class=other)


def _of_numbers(alias: str, found: Array, expected: Array, tolerance: float | None) -> Difference:
    import numpy as np

    same = (found == expected) | ((found != found) & (expected != expected))
    wide, base = found.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.abs(wide - base)
    apart = np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf))
    beyond = 0
    if tolerance is not None:
        near = same
        if expected.dtype.kind == "f":
            with np.errstate(invalid="ignore"):
                allowed = tolerance * np.maximum(1.0, np.abs(base))
                # An infinity allows nothing but itself.
                near = same | (np.isfinite(base) & (apart <= allowed))
        beyond = int(np.count_nonzero(~near))
    # Whole numbers of 64 bits may differ where their floats don't.
    worst = int(np.argmax(np.where(same, -1.0, apart))) if apart.size else 0
    place = np.unravel_index(worst, apart.shape) if apart.size else ()
    return Difference(
        alias,
        values=int(found.size),
        unequal=int(np.count_nonzero(~same)),
        beyond=beyond,
        largest=float(apart.max()) if apart.size else 0.0,
        total=float(apart[np.isfinite(apart)].sum()),
        place=tuple(int(index) for index in place),
        expected=expected[place].item() if apart.size else None,
        found=found[place].item() if apart.size else None,
    )


def _of_others(alias: str, found: Array, expected: Array, tolerance: float | None) -> Difference:
    import numpy as np

    unequal = np.argwhere(np.asarray(found != expected, dtype=bool))
    first = tuple(int(index) for index in unequal[0]) if len(unequal) else ()
    count = len(unequal)
    return Difference(
        alias,
        values=int(found.size),
        unequal=count,
        beyond=count if tolerance is not None else 0,
        place=first,
        expected=_item(expected, first) if count else None,
        found=_item(found, first) if count else None,
    )


def _classes(found: Array, expected: Array, batched: bool) -> tuple[int, int]:
    """Rows with scores of several classes, and those whose best class is another."""
    if found.dtype.kind != "f" or found.ndim < (2 if batched else 1):
        return 0, 0
    if found.shape[-1] < 2 or not found.size:
        return 0, 0
    other = found.argmax(axis=-1) != expected.argmax(axis=-1)
    return int(other.size), int(other.sum())


def _of_row(row: object, alias: str) -> object:
    if not isinstance(row, dict) or alias not in row:
        raise ValueError(f"a row of the answer has no '{alias}'")
    return row[alias]


def _array(values: object, dtype: str) -> Array:
    import numpy as np

    if values is None:
        raise ValueError("the answer holds no values")
    try:
        return np.array(values, dtype=_HELD_AS.get(dtype, dtype))
    except (TypeError, OverflowError) as error:
        raise ValueError(f"a value isn't {dtype}: {error}") from error


def _dtype(array: Array) -> str:
    return "string" if array.dtype.kind in "OSU" else str(array.dtype.name)


def _item(array: Array, place: tuple[int, ...]) -> object:
    value = array[place]
    # An object array of no dimension gives its object itself.
    return value.item() if hasattr(value, "item") else value


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _as_json(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
