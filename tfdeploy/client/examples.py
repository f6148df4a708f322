"""One tf.Example as the JSON that ``:classify`` and ``:regress`` take."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from tfdeploy.client.misfit import misfit
from tfdeploy.client.values import is_b64, place_text, problem, shown

# The server goes by the JSON value alone: it doesn't know what the model wants
# (tensorflow_serving/util/json_tensor.cc, AddValueToFeature).
_KINDS = (
    ("int64_list", "int64"),
    ("int64_list", "bool"),
    ("float_list", "float32"),
    ("bytes_list", "string"),
)


def read_example(row: Mapping[str, object], index: int) -> dict[str, object]:
    """The features of a row: feature to a value or a list of values of one kind.

    Args:
        row: the features, or ``{"inputs": {"b64": ...}}`` with the serialized tf.Example.
        index: the row's place, for messages.

    Raises:
        TfdeployError: TFD503 when a value can't be in a feature.
    """
    if list(row) == ["inputs"] and is_b64(row["inputs"]):
        return _parsed(row["inputs"], index)
    for name, value in row.items():
        feature_kind(value, place_text(("examples", index, name)))
    return dict(row)


def feature_kind(value: object, place: str) -> str:
    """The field of tf.Feature that a JSON value or list of values goes to.

    Raises:
        TfdeployError: TFD503 when there's none, or when the values are of several kinds.
    """
    values = value if isinstance(value, list) else [value]
    kinds = {_kind(one) for one in values}
    if len(kinds) > 1 or None in kinds:
        raise misfit(
            f"A feature holds whole numbers, numbers with a point, or strings: {shown(value)} "
            "isn't one of them.",
            where=place,
            hint="write one value, or a list of values of one kind.",
        )
    return str(kinds.pop()) if kinds else "bytes_list"


def _kind(value: object) -> str | None:
    return next((kind for kind, dtype in _KINDS if problem(value, dtype) is None), None)


def _parsed(value: Any, index: int) -> dict[str, object]:
    from google.protobuf.message import DecodeError

    from tfdeploy import wire

    place = place_text(("examples", index, "inputs"))
    wrong = problem(value, "string")
    if wrong:
        raise misfit(f"The example {wrong}.", where=place)
    try:
        example = wire.Example.FromString(decode_b64(value["b64"]))
    except DecodeError as error:
        raise misfit("These bytes are no serialized tf.Example.", where=place) from error
    features = sorted(example.features.feature.items())
    return {name: _values(feature) for name, feature in features}


def _values(feature: Any) -> list[object]:
    kind = feature.WhichOneof("kind")
    found = list(getattr(feature, kind).value) if kind else []
    if kind == "bytes_list":
        return [{"b64": base64.b64encode(one).decode("ascii")} for one in found]
    return found


def decode_b64(text: str) -> bytes:
    """The bytes as the server reads them: padding may be missing, white space is skipped.

    Source: absl::Base64Unescape, which util/json_tensor.cc calls.
    """
    bare = "".join(text.split()).rstrip("=.")
    return base64.b64decode(bare + "=" * (-len(bare) % 4))
