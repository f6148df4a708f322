"""A row request as columns: the same tensors, named once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tfdeploy.client.request import Request


def in_columns(request: Request) -> Request:
    """``{"instances": [...]}`` as ``{"inputs": ...}``; a request in columns stays as it is.

    A row that is an object names its inputs; one that isn't is the value of the only input.
    ``{"b64": ...}`` alone is a value (tensorflow_serving/util/json_tensor.cc).
    """
    body: Mapping[str, Any] = request.body
    if "instances" not in body:
        return request
    rows = body["instances"]
    rest = {key: value for key, value in body.items() if key != "instances"}
    if isinstance(rows, list) and rows and all(_is_named(row) for row in rows):
        inputs: object = {alias: [row[alias] for row in rows] for alias in rows[0]}
    else:
        inputs = rows
    return replace(request, body={**rest, "inputs": inputs})


def _is_named(row: object) -> bool:
    return isinstance(row, dict) and set(row) != {"b64"}
