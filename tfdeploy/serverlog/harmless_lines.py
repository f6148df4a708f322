"""Lines that look like problems in every healthy log."""

from __future__ import annotations

from tfdeploy.serverlog.known import harmless

HARMLESS_LINES = (
    harmless(
        r"\[evhttp_server\.cc : \d+\] NET_LOG: Entering the event loop",
        "REST is up; that is how it says so.",
        "util/net_http/server/internal/evhttp_server.cc",
    ),
    harmless(
        r"\[warn\] getaddrinfo: address family for nodename not supported",
        "The container has no IPv6, and REST listens on IPv4.",
        "libevent; #1582",
    ),
    harmless(
        r"TF-TRT Warning: Could not find TensorRT"
        r"|Could not load dynamic library 'libnvinfer",
        "TensorRT isn't there; models that weren't converted for it don't need it.",
        "tensorflow/compiler/tf2tensorrt/utils/py_utils.cc; hiyouga/LlamaFactory#3673",
    ),
    harmless(
        r"Unable to register cu(?:DNN|FFT|BLAS) factory",
        "A CUDA library is registered twice, and the second time is ignored.",
        "xla/stream_executor/cuda; tensorflow/tensorflow#64809",
    ),
    harmless(
        r"NUMA node read from SysFS had negative value",
        "The machine has one NUMA node and doesn't number it.",
        "stream_executor/cuda/cuda_gpu_executor.cc; tensorflow/tensorflow#23263",
    ),
    harmless(
        r"Ignore above cudart dlerror if you do not have a GPU set up",
        "It speaks of a machine without a GPU.",
        "stream_executor/cuda/cudart_stub.cc",
    ),
    harmless(
        r"This TensorFlow binary is optimized (?:to use available CPU instructions|with oneAPI)"
        r"|Your CPU supports instructions that this TensorFlow binary was not compiled to use",
        "The processor has more instructions than the build was made for; nothing is missing.",
        "tensorflow/core/platform/cpu_feature_guard.cc",
    ),
    harmless(
        r"oneDNN custom operations are on",
        "Results may differ in the last digits from those without oneDNN.",
        "tensorflow/core/util/port.cc",
    ),
    harmless(
        r"MLIR V1 optimization pass is not enabled|None of the MLIR [Oo]ptimization [Pp]asses are",
        "An optimisation that is off by default is off.",
        "tensorflow/compiler/mlir/mlir_graph_optimization_pass.cc",
    ),
    harmless(
        r"All log messages before absl::InitializeLog\(\) is called are written to STDERR",
        "It speaks of the log itself.",
        "absl/log",
    ),
    harmless(
        r"No warmup data file found at",
        "The model has no warm-up requests; its first request is slower.",
        "servables/tensorflow/saved_model_warmup_util.cc",
    ),
    harmless(
        r"The specified SavedModel has no variables; no checkpoints were restored",
        "The model has no variables folder; where it should have one, it was copied in part.",
        "tensorflow/cc/saved_model/loader.cc; #1086",
    ),
    harmless(
        r"Unloading just-loaded servable version",
        "That is how every version is unloaded.",
        "core/loader_harness.cc",
    ),
    harmless(
        r"Deprecated ModelServerConfig::model_type field used"
        r'|text format contains deprecated field "model_type"',
        "model_type still works; model_platform is what is written today.",
        "model_servers/server_core.cc",
    ),
    harmless(
        r"Allocation of \d+ exceeds 10% of (?:free )?system memory",
        "One tensor is large; it was allocated.",
        "tensorflow/core/framework/cpu_allocator_impl.cc; #1685",
    ),
    harmless(
        r"The caller indicates that this is not a failure",
        "TensorFlow tried an algorithm that wants more GPU memory, and took another.",
        "tensorflow/core/common_runtime/bfc_allocator.cc",
    ),
    harmless(
        r"Local rendezvous is aborting with status: ABORTED",
        "A request's other parts ended with the one that did.",
        "tensorflow/core/framework/local_rendezvous.cc",
    ),
    harmless(
        r"has no effect in this server: ",
        "The embedded server does without that flag; the real one has a use for it.",
        "tfdeploy/server/startup.py",
    ),
    harmless(
        r"Falling back to a TF1 session: ",
        "The embedded server runs this model in another way, a slower one.",
        "tfdeploy/server/engine.py",
    ),
)
