"""The JSON of `:classify` and `:regress`: features in, results out.

Source: tensorflow_serving/util/json_tensor.cc (FillClassificationRequestFromJson,
AddValueToFeature, MakeJsonFromClassificationResult, MakeJsonFromRegressionResult).
"""

from typing import Any

from tfdeploy import wire
from tfdeploy.server.json_input import decode_base64, is_base64
from tfdeploy.server.json_predict import Body
from tfdeploy.server.json_text import echo, render_float, render_string, type_name
from tfdeploy.server.status import invalid

_MOST_INT64 = 2**63 - 1
_EXPECTED = {"bytes_list": "string", "float_list": "float", "int64_list": "int64"}


def _feature_value(name: str, value: Any) -> tuple[str, Any]:
    kind = type(value)
    if kind is bool or kind is int:
        if value > _MOST_INT64:
            invalid(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
        return "int64_list", int(value)
    if kind is float:
        return "float_list", value
    if kind is str:
        return "bytes_list", value.encode("utf-8", "surrogateescape")
    if is_base64(value):
        return "bytes_list", decode_base64(value["b64"])
    return invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")


def _fill_feature(feature: Any, name: str, value: Any) -> None:
    chosen = None
    for element in value if type(value) is list else [value]:
        kind, converted = _feature_value(name, element)
        if chosen not in (None, kind):
            expected = _EXPECTED[chosen or kind]
            invalid(f"Unexpected element type in feature: {name} expecting type: {expected}")
        chosen = kind
        getattr(feature, kind).value.append(converted)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fill_example(example: Any, value: Any) -> None:
    if type(value) is not dict:
        invalid(f"Example must be JSON object but got JSON {type_name(value)}")
    for name, feature in value.items():
        if not name.isascii() and not _is_utf8(name):
            invalid(f"Feature: {name} has a name that is not UTF-8")  # protobuf has no place for it
        _fill_feature(example.features.feature[name], name, feature)


def read_examples_body(body: Body) -> Any:
    """The Input message of a classify or regress request.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    document = body.document
    if "examples" not in document:
        invalid(
            f"JSON Value: {echo(document)} When method is classify, key 'examples' is expected "
            "and was not found"
        )
    values = document["examples"]
    if type(values) is not list:
        invalid(f"JSON Value: {echo(document)} Expecting 'examples' value to be an list/array")
    if not values:
        invalid(f"JSON Value: {echo(document)} 'examples' value is an empty array")
    request = wire.Input()
    examples = request.example_list.examples
    if "context" in document:
        _fill_example(request.example_list_with_context.context, document["context"])
        examples = request.example_list_with_context.examples
    for value in values:
        _fill_example(examples.add(), value)
    return request


def _render_results(results: list[str]) -> bytes:
    text = '{\n    "results": [' + ", ".join(results) + "]\n}"
    return text.encode("utf-8", "surrogateescape")


def render_classifications(result: Any) -> bytes:
    """The reply to `:classify`: for each example a list of label and score."""
    return _render_results(
        [
            "["
            + ", ".join(
                f"[{render_string(entry.label)}, {render_float(entry.score)}]"
                for entry in classification.classes
            )
            + "]"
            for classification in result.classifications
        ]
    )


def render_regressions(result: Any) -> bytes:
    """The reply to `:regress`: one value for each example."""
    return _render_results([render_float(regression.value) for regression in result.regressions])
