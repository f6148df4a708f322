"""The messages and enums, field by field; `tfdeploy.wire` makes classes of them.

Sources of the field numbers: tensorflow_serving/{apis,config,servables/tensorflow}/*.proto and
tensorflow/core/{framework,protobuf,example}/*.proto.
"""

import enum
from typing import Final

from tfdeploy.wire.session_messages import SESSION_ENUMS, SESSION_MESSAGES


class Code(enum.IntEnum):
    """`absl::StatusCode`, which is also gRPC's numbering (tensorflow/core/protobuf/error_codes)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class State(enum.IntEnum):
    """State of one version (tensorflow_serving/apis/get_model_status.proto)."""

    UNKNOWN = 0
    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class ModelType(enum.IntEnum):
    """Deprecated way to name a platform (tensorflow_serving/config/model_server_config.proto)."""

    MODEL_TYPE_UNSPECIFIED = 0
    TENSORFLOW = 1
    OTHER = 2


class ServingStatus(enum.IntEnum):
    """Answer of the standard gRPC health service."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3


class DataType(enum.IntEnum):
    """tensorflow/core/framework/types.proto."""

    DT_INVALID = 0
    DT_FLOAT = 1
    DT_DOUBLE = 2
    DT_INT32 = 3
    DT_UINT8 = 4
    DT_INT16 = 5
    DT_INT8 = 6
    DT_STRING = 7
    DT_COMPLEX64 = 8
    DT_INT64 = 9
    DT_BOOL = 10
    DT_QINT8 = 11
    DT_QUINT8 = 12
    DT_QINT32 = 13
    DT_BFLOAT16 = 14
    DT_QINT16 = 15
    DT_QUINT16 = 16
    DT_UINT16 = 17
    DT_COMPLEX128 = 18
    DT_HALF = 19
    DT_RESOURCE = 20
    DT_VARIANT = 21
    DT_UINT32 = 22
    DT_UINT64 = 23
    DT_FLOAT8_E5M2 = 24
    DT_FLOAT8_E4M3FN = 25
    DT_FLOAT8_E4M3FNUZ = 26
    DT_FLOAT8_E4M3B11FNUZ = 27
    DT_FLOAT8_E5M2FNUZ = 28
    DT_INT4 = 29
    DT_UINT4 = 30
    DT_INT2 = 31
    DT_UINT2 = 32


# One line is one field; a word and a bar in front name the oneof that the field belongs to.
MESSAGES: Final = {
    **SESSION_MESSAGES,
    # Values that protobuf wraps so that "not set" can be told from zero.
    "Int64Value": "int64 value = 1",
    "StringValue": "string value = 1",
    "BoolValue": "bool value = 1",
    "Any": "string type_url = 1; bytes value = 2",
    "Opaque": "",  # stands for a message that is never looked into
    # config/model_server_config.proto, config/file_system_storage_path_source.proto
    "Latest": "uint32 num_versions = 1",
    "All": "",
    "Specific": "repeated int64 versions = 1",
    "ServableVersionPolicy": """
        policy_choice | Latest latest = 100
        policy_choice | All all = 101
        policy_choice | Specific specific = 102""",
    "LogCollectorConfig": "string type = 1; string filename_prefix = 2",
    "PerTaskSamplingConfig": "string dc = 1; int32 task_index = 2; double sampling_rate = 3",
    "SamplingConfig": """
        double sampling_rate = 1; int32 attributes = 2
        repeated PerTaskSamplingConfig per_task_sampling_configs = 3""",
    "LoggingConfig": """
        LogCollectorConfig log_collector_config = 1
        SamplingConfig sampling_config = 2
        Any custom_logging_config = 3""",
    "ModelConfig": """
        string name = 1
        string base_path = 2
        ModelType model_type = 3
        string model_platform = 4
        LoggingConfig logging_config = 6
        ServableVersionPolicy model_version_policy = 7
        map<string, int64> version_labels = 8""",
    "ModelConfigList": "repeated ModelConfig config = 1",
    "ModelServerConfig": """
        config | ModelConfigList model_config_list = 1
        config | Any custom_model_config = 2""",
    # servables/tensorflow/session_bundle_config.proto
    "BatchingParameters": """
        Int64Value max_batch_size = 1
        Int64Value batch_timeout_micros = 2
        Int64Value max_enqueued_batches = 3
        Int64Value num_batch_threads = 4
        StringValue thread_pool_name = 5
        repeated int64 allowed_batch_sizes = 6
        bool pad_variable_length_inputs = 7
        BoolValue enable_large_batch_splitting = 8
        Int64Value max_execution_batch_size = 9""",
    # config/monitoring_config.proto, config/ssl_config.proto
    "PrometheusConfig": "bool enable = 1; string path = 2",
    "MonitoringConfig": "PrometheusConfig prometheus_config = 1",
    "SSLConfig": """
        string server_key = 1; string server_cert = 2; string custom_ca = 3
        bool client_verify = 4""",
    # core/framework/tensor.proto, tensor_shape.proto
    "Dim": "int64 size = 1; string name = 2",
    "TensorShapeProto": "repeated Dim dim = 2; bool unknown_rank = 3",
    "TensorProto": """
        DataType dtype = 1
        TensorShapeProto tensor_shape = 2
        int32 version_number = 3
        bytes tensor_content = 4
        repeated float float_val = 5
        repeated double double_val = 6
        repeated int32 int_val = 7
        repeated bytes string_val = 8
        repeated float scomplex_val = 9
        repeated int64 int64_val = 10
        repeated bool bool_val = 11
        repeated double dcomplex_val = 12
        repeated int32 half_val = 13
        repeated Opaque resource_handle_val = 14
        repeated Opaque variant_val = 15
        repeated uint32 uint32_val = 16
        repeated uint64 uint64_val = 17
        bytes float8_val = 18""",
    # core/protobuf/meta_graph.proto, saved_model.proto; here the graph stays an unknown field
    "CooSparse": """
        string values_tensor_name = 1; string indices_tensor_name = 2
        string dense_shape_tensor_name = 3""",
    "TensorInfo": """
        encoding | string name = 1
        DataType dtype = 2
        TensorShapeProto tensor_shape = 3
        encoding | CooSparse coo_sparse = 4""",
    "SignatureDef": """
        map<string, TensorInfo> inputs = 1
        map<string, TensorInfo> outputs = 2
        string method_name = 3
        map<string, TensorProto> defaults = 4""",
    "SignatureDefMap": "map<string, SignatureDef> signature_def = 1",
    "OpDef": "string name = 1",
    "OpList": "repeated OpDef op = 1",
    "MetaInfoDef": """
        OpList stripped_op_list = 2
        repeated string tags = 4; string tensorflow_version = 5""",
    "MetaGraphDef": """
        MetaInfoDef meta_info_def = 1
        map<string, SignatureDef> signature_def = 5""",
    "SavedModel": "int64 saved_model_schema_version = 1; repeated MetaGraphDef meta_graphs = 2",
    # core/framework/{graph,node_def,attr_value,function,op_def}.proto: what a graph computes.
    # An attribute's TensorProto stays bytes, so that constants aren't unpacked.
    "NameAttrList": "string name = 1",
    "AttrList": """
        repeated bytes s = 2
        repeated int64 i = 3
        repeated int32 type = 6
        repeated TensorShapeProto shape = 7""",
    "AttrValue": """
        AttrList list = 1
        bytes s = 2; int64 i = 3
        bool b = 5; int32 type = 6
        TensorShapeProto shape = 7
        bytes tensor = 8
        string placeholder = 9; NameAttrList func = 10""",
    "NodeDef": """
        string name = 1; string op = 2
        repeated string input = 3
        map<string, AttrValue> attr = 5""",
    "ArgDef": "string name = 1; string number_attr = 5; string type_list_attr = 6",
    "FunctionSignature": """
        string name = 1
        repeated ArgDef input_arg = 2; repeated ArgDef output_arg = 3""",
    "FunctionDef": """
        FunctionSignature signature = 1
        repeated NodeDef node_def = 3
        map<string, string> ret = 4""",
    "FunctionDefLibrary": "repeated FunctionDef function = 1",
    "GraphDef": "repeated NodeDef node = 1; FunctionDefLibrary library = 2",
    "MetaGraphWithGraph": """
        GraphDef graph_def = 2
        map<string, SignatureDef> signature_def = 5""",
    "RunOptions": "int64 timeout_in_ms = 2; int32 inter_op_thread_pool = 3",
    # apis/model.proto, predict.proto, get_model_status.proto, get_model_metadata.proto
    "ModelSpec": """
        string name = 1
        version_choice | Int64Value version = 2
        string signature_name = 3
        version_choice | string version_label = 4""",
    "PredictRequest": """
        ModelSpec model_spec = 1
        map<string, TensorProto> inputs = 2
        repeated string output_filter = 3""",
    "PredictResponse": "map<string, TensorProto> outputs = 1; ModelSpec model_spec = 2",
    "StatusProto": "Code error_code = 1; string error_message = 2",
    "GetModelStatusRequest": "ModelSpec model_spec = 1",
    "ModelVersionStatus": "int64 version = 1; State state = 2; StatusProto status = 3",
    "GetModelStatusResponse": "repeated ModelVersionStatus model_version_status = 1",
    "GetModelMetadataRequest": "ModelSpec model_spec = 1; repeated string metadata_field = 2",
    "GetModelMetadataResponse": "ModelSpec model_spec = 1; map<string, Any> metadata = 2",
    # apis/model_management.proto
    "Metric": "string name = 1; value_increase | int64 int64_value_increase = 2",
    "ReloadConfigRequest": "ModelServerConfig config = 1; repeated string metric_names = 2",
    "ReloadConfigResponse": "StatusProto status = 1; repeated Metric metric = 2",
    # core/example/{example,feature}.proto, apis/input.proto
    "BytesList": "repeated bytes value = 1",
    "FloatList": "repeated float value = 1",
    "Int64List": "repeated int64 value = 1",
    "Feature": """
        kind | BytesList bytes_list = 1
        kind | FloatList float_list = 2
        kind | Int64List int64_list = 3""",
    "Features": "map<string, Feature> feature = 1",
    "Example": "Features features = 1",
    "ExampleList": "repeated Example examples = 1",
    "ExampleListWithContext": "repeated Example examples = 1; Example context = 2",
    "Input": """
        kind | ExampleList example_list = 1
        kind | ExampleListWithContext example_list_with_context = 2""",
    # apis/classification.proto, regression.proto, inference.proto
    "Class": "string label = 1; float score = 2",
    "Classifications": "repeated Class classes = 1",
    "ClassificationResult": "repeated Classifications classifications = 1",
    "ClassificationRequest": "ModelSpec model_spec = 1; Input input = 2",
    "ClassificationResponse": "ClassificationResult result = 1; ModelSpec model_spec = 2",
    "Regression": "float value = 1",
    "RegressionResult": "repeated Regression regressions = 1",
    "RegressionRequest": "ModelSpec model_spec = 1; Input input = 2",
    "RegressionResponse": "RegressionResult result = 1; ModelSpec model_spec = 2",
    "InferenceTask": "ModelSpec model_spec = 1; string method_name = 2",
    "MultiInferenceRequest": "repeated InferenceTask tasks = 1; Input input = 2",
    "InferenceResult": """
        ModelSpec model_spec = 1
        result | ClassificationResult classification_result = 2
        result | RegressionResult regression_result = 3""",
    "MultiInferenceResponse": "repeated InferenceResult results = 1",
    # apis/prediction_log.proto: warm-up records
    "PredictLog": "PredictRequest request = 1",
    "ClassifyLog": "ClassificationRequest request = 1",
    "RegressLog": "RegressionRequest request = 1",
    "MultiInferenceLog": "MultiInferenceRequest request = 1",
    "PredictionLog": """
        log_type | ClassifyLog classify_log = 2
        log_type | RegressLog regress_log = 3
        log_type | MultiInferenceLog multi_inference_log = 4
        log_type | Opaque session_run_log = 5
        log_type | PredictLog predict_log = 6
        log_type | Opaque predict_streamed_log = 7""",
    # grpc/health/v1/health.proto
    "HealthCheckRequest": "string service = 1",
    "HealthCheckResponse": "ServingStatus status = 1",
}
ENUMS: Final = (Code, State, ModelType, ServingStatus, DataType, *SESSION_ENUMS)
