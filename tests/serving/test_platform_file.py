"""A platform config file decides how models load, and the flags beside it don't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from tfdeploy import wire

pytestmark = pytest.mark.timeout(180)
CALL_SECONDS = 30
FILE = """platform_configs { key: "tensorflow" value { source_adapter_config {
  [type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig] {
    legacy_config {
      session_config { graph_options { rewrite_options { constant_folding: OFF } } }
      batching_parameters { max_batch_size { value: 2 } }
    }
  }
} } }
"""


def call(port: int, path: str, request: Any, reply: Any) -> Any:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        method = channel.unary_unary(path, type(request).SerializeToString, reply.FromString)
        try:
            return method(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            return error.code().name, error.details()


def predict(port: int, rows: int) -> Any:
    request = wire.PredictRequest()
    request.model_spec.name = "half"
    tensor = request.inputs["x"]
    tensor.dtype = wire.DataType.DT_FLOAT
    tensor.tensor_shape.dim.add(size=rows)
    tensor.float_val.extend([2.0] * rows)
    return call(port, wire.PREDICT, request, wire.PredictResponse)


def test_batching_comes_from_the_file_and_tags_do_not_come_from_the_flag(
    serve: Any, half_versions: Path, tmp_path: Path
) -> None:
    file = tmp_path / "platform.config"
    file.write_text(FILE)
    port = serve(
        "--model_name=half",
        f"--model_base_path={half_versions}",
        f"--platform_config_file={file}",
        "--saved_model_tags=nothing_like_it",
    ).grpc_port
    assert list(predict(port, 2).outputs["y"].float_val) == [4.0, 4.0]
    refusal = "Task size 3 is larger than maximum input batch size 2"
    assert predict(port, 3) == ("INVALID_ARGUMENT", refusal)


def test_what_is_judged_first(serve: Any, half_versions: Path) -> None:
    port = serve("--model_name=half", f"--model_base_path={half_versions}").grpc_port
    metadata = wire.GetModelMetadataRequest()
    metadata.model_spec.SetInParent()
    classify = wire.ClassificationRequest()
    classify.model_spec.name, classify.model_spec.signature_name = "half", "q"
    multi = wire.MultiInferenceRequest()
    multi.tasks.add()
    found = [
        call(port, wire.GET_MODEL_METADATA, metadata, wire.GetModelMetadataResponse)[1],
        call(port, wire.CLASSIFY, classify, wire.ClassificationResponse)[1],
        call(port, wire.MULTI_INFERENCE, multi, wire.MultiInferenceResponse)[1],
    ]
    assert found == [
        "GetModelMetadataRequest must specify at least one metadata_field",
        "No signature was found with the name: q",
        "ModelSpec has no name specified.",
    ]
