"""Rows of requests, as users write them, and the arrays that a model takes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.asking import ROWS, rows_in
from tfdeploy.exporting.comparison import fits
from tfdeploy.exporting.findings import Values
from tfdeploy.savedmodel import Signature, TensorInfo

# The kinds of numpy that JSON's numbers may become without losing anything.
_TAKEN = {"f": "fiu", "V": "fiu", "c": "fiu", "i": "iu", "u": "iu", "b": "b"}


def arrays_of(rows: Sequence[object], signature: Signature, folder: Path) -> Values:
    """The arrays that rows stand for: at least three rows where the signature takes any number.

    A row is as in the ``instances`` of a REST request: values by alias, or the value itself where
    there is one input. Bytes are ``{"b64": TEXT}``, or ``{"file": PATH}`` with a path that starts
    at ``folder``. Rows are repeated until there are enough. A scalar input takes the first row's.

    Raises:
        TfdeployError: TFD503 for a row that doesn't fit, TFD505 for a file that can't be read.
    """
    if not rows:
        raise _misfit(signature.name, 0, "there are no rows")
    named = [_named(row, signature, number) for number, row in enumerate(rows, start=1)]
    wanted = _row_count(signature, len(rows))
    read = [
        {alias: _Reader(signature, number, folder).array(alias, row[alias]) for alias in row}
        for number, row in enumerate(named, start=1)
    ]
    repeated = [read[number % len(read)] for number in range(wanted)]
    return {
        alias: repeated[0][alias] if info.shape == () else _stacked(repeated, alias, signature)
        for alias, info in signature.inputs.items()
    }


class Rows(Sequence[Mapping[str, object]]):
    """Rows as in the ``instances`` of a REST request, made from arrays when somebody looks.

    A row of an image is a list of 150,000 numbers, and mostly nobody looks.
    """

    def __init__(self, values: Values) -> None:
        self._values = values

    def __len__(self) -> int:
        """How many rows the arrays hold; 0 where they hold no rows, or JSON has no such value."""
        has_json = all(array.dtype.kind != "c" for array in self._values.values())
        return rows_in(self._values) if has_json else 0

    @overload
    def __getitem__(self, index: int) -> Mapping[str, object]: ...

    @overload
    def __getitem__(self, index: slice) -> Rows: ...

    def __getitem__(self, index: int | slice) -> Mapping[str, object] | Rows:
        """One row, or several."""
        if isinstance(index, slice):
            return Rows({alias: array[index] for alias, array in self._values.items()})
        number = range(len(self))[index]
        return {alias: _json_value(alias, array[number]) for alias, array in self._values.items()}

    @property
    def values_in_a_row(self) -> int:
        """How many numbers and texts one row holds."""
        return sum(array[0].size if array.ndim > 1 else 1 for array in self._values.values())


def _row_count(signature: Signature, given: int) -> int:
    fixed = [info.shape[0] for info in signature.inputs.values() if info.shape]
    if size := next((one for one in fixed if one is not None), None):
        return size
    return max(ROWS, given) if signature.batchable else given


def _named(row: object, signature: Signature, number: int) -> Mapping[str, object]:
    """A row by alias."""
    aliases = set(signature.inputs)
    is_bytes = isinstance(row, Mapping) and set(row) <= {"b64", "file"}
    if isinstance(row, Mapping) and not (is_bytes and not set(row) & aliases):
        if set(row) != aliases:
            names = ", ".join(signature.inputs)
            what = f"it has values for {', '.join(map(str, row)) or 'nothing'}"
            raise _misfit(signature.name, number, f"{what}, and the signature takes {names}")
        return row
    if len(aliases) != 1:
        names = ", ".join(signature.inputs)
        raise _misfit(signature.name, number, f"it must name its values: {names}")
    return {next(iter(aliases)): row}


class _Reader:
    """Reads the values of one row."""

    def __init__(self, signature: Signature, number: int, folder: Path) -> None:
        self._signature, self._number, self._folder = signature, number, folder

    def array(self, alias: str, value: object) -> Any:
        """One row's value as an array; without the first dimension, where there is one."""
        info = self._signature.inputs[alias]
        found = self._strings(value) if info.dtype == "string" else self._numbers(info, value)
        if info.shape and not fits(found.shape, info.shape[1:]):
            got = f"{alias} has the shape {list(found.shape)}"
            raise self._misfit(f"{got} in one row, and the signature takes {info}")
        return found

    def _numbers(self, info: TensorInfo, value: object) -> Any:
        import numpy as np

        from tfdeploy.exporting.made_up import numpy_dtype

        wanted = numpy_dtype(info.dtype)
        try:
            found = np.asarray(value)
        except ValueError:
            raise self._misfit(f"{info.alias} isn't as long in every part") from None
        if wanted is None or (found.size and found.dtype.kind not in _TAKEN[wanted.kind]):
            raise self._misfit(f"{info.alias} has to be {info.dtype}")
        if wanted.kind in "iu" and (found.astype(wanted) != found).any():
            raise self._misfit(f"{info.alias} has a number that {info.dtype} can't hold")
        return found.astype(wanted)

    def _strings(self, value: object) -> Any:
        import numpy as np

        found = np.array(self._bytes(value), dtype=object)
        if not all(isinstance(one, bytes) for one in found.ravel()):
            raise self._misfit("a text isn't in every place of it")
        return found

    def _bytes(self, value: object) -> object:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, list | tuple):
            return [self._bytes(one) for one in value]
        if isinstance(value, Mapping) and set(value) == {"b64"}:
            try:
                return base64.b64decode(str(value["b64"]), validate=True)
            except binascii.Error as error:
                raise self._misfit(f"its base64 can't be read: {error}") from None
        if isinstance(value, Mapping) and set(value) == {"file"}:
            return self._file(str(value["file"]))
        raise self._misfit('a text, {"b64": TEXT} or {"file": PATH} has to stand for bytes')

    def _file(self, path: str) -> bytes:
        try:
            return (self._folder / path).read_bytes()
        except OSError as error:
            raise TfdeployError(
                "TFD505",
                f"The sample file {path} can't be read: {error.strerror or error}.",
                where=str(self._folder / path),
                hint="paths start at the export file's folder.",
            ) from error

    def _misfit(self, what: str) -> TfdeployError:
        return _misfit(self._signature.name, self._number, what)


def _stacked(rows: list[dict[str, Any]], alias: str, signature: Signature) -> Any:
    import numpy as np

    first = rows[0][alias]
    for number, row in enumerate(rows, start=1):
        if row[alias].shape != first.shape:
            what = f"{alias} has the shape {list(row[alias].shape)}, and {list(first.shape)} in row"
            raise _misfit(signature.name, number, f"{what} 1; a batch holds rows of one shape")
    return np.stack([row[alias] for row in rows])


def _json_value(alias: str, value: Any) -> object:
    """What stands in JSON for one row's array, or for a single value of it."""
    if isinstance(value, bytes) or value.dtype == object:
        return _json_string(alias, value if isinstance(value, bytes) else value.tolist())
    return value.astype("float32").tolist() if value.dtype.kind == "V" else value.tolist()


def _json_string(alias: str, value: Any) -> object:
    if isinstance(value, list):
        return [_json_string(alias, one) for one in value]
    text = None if alias.endswith("_bytes") else _text(value)
    return {"b64": base64.b64encode(value).decode("ascii")} if text is None else text


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _misfit(signature: str, number: int, what: str) -> TfdeployError:
    return TfdeployError(
        "TFD503",
        f"A sample doesn't fit the signature '{signature}': {what}.",
        where=f"samples of '{signature}'" + (f", row {number}" if number else ""),
        hint="write rows as in the `instances` of a REST request; `tfdeploy inspect` shows the "
        "inputs.",
    )
