"""The body of a `:predict` request: row format (`instances`) and column format (`inputs`).

Source: tensorflow_serving/util/json_tensor.cc (FillPredictRequestFromJson,
FillTensorMapFromInstancesList, FillTensorMapFromInputsMap, AddInstanceItem).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tfdeploy.server.json_input import (
    MOST_DIMS,
    Shape,
    collect,
    fast_array,
    is_base64,
    new_array,
    read_tensor,
    shape_of,
)
from tfdeploy.server.json_reader import parse_json
from tfdeploy.server.json_text import echo
from tfdeploy.server.signature import DEFAULT_SIGNATURE, Port, Signature
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.tensor import Tensor

Inputs = dict[str, Tensor]


class Body(NamedTuple):
    """A request body that is a JSON object.

    Attributes:
        document: The object.
        signature_name: What it asks for, or the default.
        no_bools: It holds no `true` or `false`.
    """

    document: dict[str, Any]
    signature_name: str
    no_bools: bool


def read_body(raw: bytes, last_inside: bool = False) -> Body:
    """Parse a request body and find the signature's name.

    Args:
        raw: The body.
        last_inside: See `json_reader.parse_json`.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    document = parse_json(raw, last_inside)
    if type(document) is not dict:
        invalid(f"JSON Value: {echo(document)} Is not object")
    name = document.get("signature_name", "")
    if type(name) is not str:
        invalid(
            f"JSON Value: {echo(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    no_bools = b"true" not in raw and b"false" not in raw
    return Body(document, name or DEFAULT_SIGNATURE, no_bools)


def is_row_format(document: Mapping[str, Any]) -> bool:
    """Whether a predict request is in row format.

    Raises:
        ServingError: INVALID_ARGUMENT, it is in no format or in both.
    """
    rows, columns = "instances" in document, "inputs" in document
    if not rows and not columns:
        invalid("Missing 'inputs' or 'instances' key")
    if rows and columns:
        invalid(
            f"JSON Value: {echo(document)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    return rows


def read_inputs(body: Body, signature: Signature) -> Inputs:
    """The tensors of a predict request.

    Raises:
        ServingError: INVALID_ARGUMENT, or UNIMPLEMENTED for a dtype without a JSON form.
    """
    if not signature.inputs:
        invalid(f"Failed to get input map for signature: {signature.name}")
    if is_row_format(body.document):
        return _read_rows(body, signature.inputs)
    return _read_columns(body.document["inputs"], signature.inputs, body.no_bools)


def _read_columns(value: Any, ports: Mapping[str, Port], no_bools: bool) -> Inputs:
    if type(value) is dict and not is_base64(value):
        for alias in ports:
            if alias not in value:
                invalid(f"Missing named input: {alias} in 'inputs' object.")
        return {
            alias: _checked(alias, value[alias], port, no_bools) for alias, port in ports.items()
        }
    if len(ports) > 1:
        invalid(
            "inputs is a plain value/list, but expecting an object as multiple input tensors "
            "required as per tensorinfo_map"
        )
    alias, port = next(iter(ports.items()))
    return {alias: _checked(alias, value, port, no_bools)}


def _checked(alias: str, value: Any, port: Port, no_bools: bool) -> Tensor:
    if len(shape_of(value)) > MOST_DIMS:
        invalid(f"tensor parsing error: {alias}")
    return read_tensor(value, port.dtype, no_bools)


def _read_rows(body: Body, ports: Mapping[str, Port]) -> Inputs:
    rows = body.document["instances"]
    if type(rows) is not list:
        invalid(f"JSON Value: {echo(body.document)} Expecting 'instances' to be an list/array")
    if not rows:
        invalid(f"JSON Value: {echo(body.document)} No values in 'instances' array")
    if type(rows[0]) is dict and not is_base64(rows[0]):
        return _fast_objects(rows, ports, body.no_bools) or _slow_objects(rows, ports)
    if len(ports) > 1 and type(rows[0]) is not dict:
        invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    alias, port = next(iter(ports.items()))
    array = fast_array(rows, port.dtype, body.no_bools)
    if array is not None:
        return {alias: Tensor(port.dtype, array)}
    return _slow_values(rows, alias, port)


def _fast_objects(rows: list[Any], ports: Mapping[str, Port], no_bools: bool) -> Inputs | None:
    keys = ports.keys()
    if not all(type(row) is dict and row.keys() == keys for row in rows):
        return None
    tensors = {}
    for alias, port in ports.items():
        array = fast_array([row[alias] for row in rows], port.dtype, no_bools)
        if array is None:
            return None
        tensors[alias] = Tensor(port.dtype, array)
    return tensors


class _Column:
    """One input, gathered row by row."""

    def __init__(self, alias: str, port: Port) -> None:
        self._alias = alias
        self._dtype = port.dtype
        self._shape: Shape | None = None
        self._rows = 0
        self._values: list[Any] = []

    def add(self, value: Any) -> None:
        shape = shape_of(value)
        if self._shape is None:
            if len(shape) >= MOST_DIMS:
                invalid(f"tensor parsing error: {self._alias}")
            self._shape = shape
        _require_same_shape(shape, self._shape)
        collect(value, self._dtype, shape, self._values)
        self._rows += 1

    def tensor(self) -> Tensor:
        shape = (self._rows, *(self._shape or ()))
        return Tensor(self._dtype, new_array(self._values, self._dtype, shape))


def _require_same_shape(got: Shape, expected: Shape) -> None:
    if got == expected:
        return
    sizes = []
    for shape in (expected, got):
        size = 1
        for dim in shape:
            size *= dim
        sizes.append(size)
    if sizes[0] != sizes[1]:
        invalid(f"Expecting tensor size: {sizes[0]} but got: {sizes[1]}")
    shown = ["[" + ",".join(map(str, shape)) + "]" for shape in (expected, got)]
    invalid(f"Expecting shape {shown[0]} but got: {shown[1]}")


def _slow_values(rows: list[Any], alias: str, port: Port) -> Inputs:
    column = _Column(alias, port)
    for number, row in enumerate(rows):
        if type(row) is dict and not is_base64(row):
            invalid(f"Expecting value/list but got object at item {number} of input list")
        try:
            column.add(row)
        except ServingError as error:
            if error.message.startswith("tensor parsing error"):
                raise
            invalid(f"Failed to process element: {number} of 'instances' list. Error: {error}")
    return {alias: column.tensor()}


def _slow_objects(rows: list[Any], ports: Mapping[str, Port]) -> Inputs:
    columns = {alias: _Column(alias, port) for alias, port in ports.items()}
    for number, row in enumerate(rows):
        if type(row) is not dict:
            invalid(f"Expecting object but got list at item {number} of input list")
        _add_object(number, row, columns)
    return {alias: column.tensor() for alias, column in columns.items()}


def _add_object(number: int, row: dict[str, Any], columns: dict[str, _Column]) -> None:
    for key, value in row.items():
        try:
            if key not in columns:
                invalid(f"JSON object: does not have named input: {key}")
            columns[key].add(value)
        except ServingError as error:
            invalid(
                f"Failed to process element: {number} key: {key} of 'instances' list. "
                f"Error: {error}"
            )
    if row.keys() != columns.keys():
        invalid(
            f"Failed to process element: {number} of 'instances' list. JSON object: {echo(row)} "
            f"keys must be equal to: {','.join(sorted(columns))}"
        )
