"""A predict response as rows of cells for a person: pure, and nothing is lost in the JSON."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import math
from collections.abc import Mapping, Sequence

from tfdeploy.client.values import is_b64
from tfdeploy.savedmodel import Signature

BEST = 5
CELL_CHARACTERS = 60
# Below this a bare vector reads as values, above it as the scores of so many classes.
VECTOR_VALUES = 5

Lines = list[str]


def decoded(value: object) -> object:
    """``value`` with every ``{"b64": ...}`` in it as bytes.

    The server writes string outputs that way when their alias ends in ``_bytes``.
    """
    if isinstance(value, dict):
        data = _bytes(value)
        if data is not None:
            return data
        return {key: decoded(item) for key, item in value.items()}
    return [decoded(item) for item in value] if isinstance(value, list) else value


def table(document: Mapping[str, object], signature: Signature) -> list[list[str]]:
    """A header, then the rows; every row has as many cells as the header.

    ``predictions``, and ``outputs`` that all have one first dimension, give one block per
    instance: its number stands in the first row of the block. A block has several rows where an
    output is a vector of scores (``7: 0.912``, the best five) or where ``classes`` and
    ``scores`` stand side by side, best first. Other ``outputs`` give one row per alias.
    """
    columns = _columns(document, signature)
    count = _row_count(document, columns, signature)
    if count is None:
        header = ["output", "value"]
        return [header, *([alias, _cell(value)] for alias, value in columns.items())]
    rows = [["row", *columns]]
    for index in range(count):
        rows += _block(index, _instance(columns, index), signature)
    return rows


def _columns(document: Mapping[str, object], signature: Signature) -> dict[str, object]:
    """Alias to its values; a single output comes without its name."""
    found = decoded(document.get("predictions", document.get("outputs")))
    if isinstance(found, dict):
        return dict(found)
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        return {name: [row.get(name) for row in found] for name in found[0]}
    return {next(iter(signature.outputs), "output"): found}


def _row_count(
    document: Mapping[str, object], columns: Mapping[str, object], signature: Signature
) -> int | None:
    """How many instances the columns hold; None when they aren't made of instances."""
    sizes = {len(value) if isinstance(value, list) else None for value in columns.values()}
    outputs = signature.outputs.values()
    batched = all(info.shape is None or info.shape[:1] == (None,) for info in outputs)
    if len(sizes) == 1 and ("predictions" in document or batched):
        return sizes.pop()
    return None


def _instance(columns: Mapping[str, object], index: int) -> dict[str, object]:
    return {alias: value[index] for alias, value in columns.items() if isinstance(value, list)}


def _block(index: int, values: Mapping[str, object], signature: Signature) -> list[list[str]]:
    pairs = _classes_and_scores(values)
    columns = [
        pairs[alias] if alias in pairs else _lines(value, _is_float(alias, signature))
        for alias, value in values.items()
    ]
    lines = itertools.zip_longest(*columns, fillvalue="")
    return [[str(index) if first == 0 else "", *line] for first, line in enumerate(lines)]


def _is_float(alias: str, signature: Signature) -> bool:
    info = signature.outputs.get(alias)
    return info is not None and info.dtype in ("float32", "float64")


def _classes_and_scores(values: Mapping[str, object]) -> dict[str, Lines]:
    """Both columns in the order of the scores, or nothing when they don't belong together."""
    classes, scores = values.get("classes"), values.get("scores")
    if not isinstance(classes, list) or not isinstance(scores, list):
        return {}
    if len(classes) != len(scores) or not _all_numbers(scores) or not scores:
        return {}
    best = _best(scores)
    more = _more(len(scores))
    return {
        "classes": [_cell(classes[index]) for index in best] + more,
        "scores": [_cell(scores[index]) for index in best] + ["" for _ in more],
    }


def _lines(value: object, is_float: bool) -> Lines:
    if is_float and isinstance(value, list) and len(value) > VECTOR_VALUES and _all_numbers(value):
        return [f"{index}: {_cell(value[index])}" for index in _best(value)] + _more(len(value))
    return [_cell(value)]


def _best(scores: Sequence[float]) -> list[int]:
    """The indices of the five best; NaN comes last."""
    order = sorted((math.isnan(score), -score, index) for index, score in enumerate(scores))
    return [index for _, _, index in order[:BEST]]


def _more(count: int) -> Lines:
    return [f"... {count - BEST} more"] if count > BEST else []


def _all_numbers(values: Sequence[object]) -> bool:
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bytes):
        return _bytes_text(value)
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, list):
        # Longer ones are cut anyway, and a cell may be a picture.
        return _cut(f"[{', '.join(_cell(one) for one in value[:CELL_CHARACTERS])}]")
    return _cut(json.dumps(value, default=_cell))


def _cut(text: str) -> str:
    """On one line, and short."""
    text = " ".join(text.split())
    return text if len(text) <= CELL_CHARACTERS else f"{text[: CELL_CHARACTERS - 3]}..."


def _bytes(value: Mapping[str, object]) -> bytes | None:
    if not is_b64(value):
        return None
    try:
        return base64.b64decode(str(value["b64"]), validate=True)
    except (binascii.Error, ValueError):
        return None


def _bytes_text(data: bytes) -> str:
    """The text when it is one, else how many bytes."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return f"<{len(data)} bytes>"
    return _cut(text) if text.isprintable() else f"<{len(data)} bytes>"
