"""Status and metadata documents, as recorded from tensorflow_model_server."""

import json

import pytest

from tfdeploy.client.rest import Reply, model_url
from tfdeploy.client.status import VersionStatus, parse_metadata, parse_status
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import TensorInfo

STATUS = """{
 "model_version_status": [
  {
   "version": "2",
   "state": "END",
   "status": {
    "error_code": "NOT_FOUND",
    "error_message": "Could not find meta graph"
   }
  },
  {
   "version": "10",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}
"""
TENSOR = (
    '{"dtype":"DT_FLOAT","name":"serving_default_x:0","tensor_shape":'
    '{"dim":[{"size":"-1","name":""},{"size":"3","name":""}],"unknown_rank":false}}'
)
UNKNOWN = '{"dtype":"DT_STRING","name":"y:0","tensor_shape":{"dim":[],"unknown_rank":true}}'
METADATA = (
    '{\n"model_spec":{\n "name": "m",\n "signature_name": "",\n "version": "1"\n}\n,\n'
    '"metadata": {"signature_def": {\n "signature_def": {"serving_default": {'
    f'"inputs":{{"x":{TENSOR}}},"outputs":{{"y":{UNKNOWN}}},'
    '"method_name":"tensorflow/serving/predict","defaults":{}},'
    '"__saved_model_init_op": {"inputs":{},"outputs":{},"method_name":"","defaults":{}}}}\n}\n}\n'
)


def reply(text: str | bytes, status: int = 200) -> Reply:
    data = text if isinstance(text, bytes) else text.encode()
    return Reply("http://h:8501/v1/models/m", status, data)


def test_versions_are_read_highest_first() -> None:
    assert parse_status(reply(STATUS)) == [
        VersionStatus(10, "AVAILABLE", "OK", ""),
        VersionStatus(2, "END", "NOT_FOUND", "Could not find meta graph"),
    ]


def test_an_ended_version_with_an_error_failed() -> None:
    ten, two = parse_status(reply(STATUS))
    assert (ten.available, ten.failed) == (True, False)
    assert (two.available, two.failed) == (False, True)
    assert not VersionStatus(1, "END", "OK", "").failed


def test_a_status_without_details_counts_as_ok() -> None:
    text = '{"model_version_status": [{"version": "1", "state": "LOADING"}]}'
    assert parse_status(reply(text)) == [VersionStatus(1, "LOADING", "OK", "")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>hello</html>",
        "[1]",
        "{}",
        b"\xff\xfe",
        '{"model_version_status": 3}',
        '{"model_version_status": [{"state": "END"}]}',
        '{"model_version_status": ["x"]}',
    ],
)
def test_another_programs_answer_is_told_apart(text: str | bytes) -> None:
    with pytest.raises(TfdeployError) as caught:
        parse_status(reply(text))
    assert caught.value.code == "TFD506"
    assert "HTTP 200" in caught.value.where


def test_metadata_becomes_signatures() -> None:
    signatures = parse_metadata(reply(METADATA))
    assert list(signatures) == ["serving_default"]
    signature = signatures["serving_default"]
    assert signature.inputs == {
        "x": TensorInfo("x", "serving_default_x:0", "float32", (None, 3)),
    }
    assert signature.outputs == {"y": TensorInfo("y", "y:0", "string", None)}
    assert signature.method_name == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("DT_DOUBLE", "float64"),
        ("DT_HALF", "float16"),
        ("DT_BFLOAT16", "bfloat16"),
        ("DT_INT8", "int8"),
        ("DT_UINT64", "uint64"),
        ("DT_BOOL", "bool"),
    ],
)
def test_dtypes_get_numpys_names(theirs: str, ours: str) -> None:
    text = METADATA.replace("DT_FLOAT", theirs)
    assert parse_metadata(reply(text))["serving_default"].inputs["x"].dtype == ours


def test_a_scalars_shape_is_empty() -> None:
    text = METADATA.replace('"dim":[],"unknown_rank":true', '"dim":[],"unknown_rank":false')
    assert parse_metadata(reply(text))["serving_default"].outputs["y"].shape == ()


@pytest.mark.parametrize("text", ["{}", '{"metadata": {"signature_def": []}}', "nothing"])
def test_metadata_of_another_form_is_told_apart(text: str) -> None:
    with pytest.raises(TfdeployError) as caught:
        parse_metadata(reply(text))
    assert caught.value.code == "TFD506"


def test_the_servers_message_is_passed_on() -> None:
    error = reply(json.dumps({"error": "Servable not found for request: Latest(m)"}), 404)
    assert error.refused().message == "Servable not found for request: Latest(m)"
    assert error.refused().where.endswith("HTTP 404")
    assert reply("", 500).refused().message == "no message"
    assert len(reply("x" * 9999, 500).refused().message) == 300


@pytest.mark.parametrize(
    ("status", "message", "word"),
    [
        (404, "", "status"),
        (400, "Unrecognized servable version label: x", "label"),
        (400, "", "inspect"),
        (429, "", "overloaded"),
        (504, "", "rest_api_timeout_in_ms"),
        (500, "", "log"),
    ],
)
def test_a_hint_follows_the_kind_of_refusal(status: int, message: str, word: str) -> None:
    assert word in reply(json.dumps({"error": message}), status).refused().hint


@pytest.mark.parametrize(
    ("base", "version", "label", "url"),
    [
        ("http://h:8501", None, None, "http://h:8501/v1/models/a%2Fb%3Ac"),
        ("http://h:8501/", 3, None, "http://h:8501/v1/models/a%2Fb%3Ac/versions/3"),
        ("h:8501", None, "x y", "http://h:8501/v1/models/a%2Fb%3Ac/labels/x%20y"),
        ("https://h/tf/", 0, None, "https://h/tf/v1/models/a%2Fb%3Ac/versions/0"),
    ],
)
def test_urls_are_quoted(base: str, version: int | None, label: str | None, url: str) -> None:
    assert model_url(base, "a/b:c", version=version, label=label) == url


def test_a_version_and_a_label_together_are_refused() -> None:
    with pytest.raises(TfdeployError) as caught:
        model_url("h", "m", version=1, label="stable")
    assert caught.value.code == "TFD216"
