"""Lines as servers, clients and Docker wrote them: code → lines; no code where they are harmless.

They are of recordings of the real server, of the issues that the table names, and of this
repository's server.
"""

from __future__ import annotations

_SOURCE = "E tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc:362] "
_ACCESS = _SOURCE + "FileSystemStoragePathSource encountered a filesystem access error: "
_RETRIER = (
    "E tensorflow_serving/util/retrier.cc:37] Loading servable: {name: m version: 3} failed: "
)
_DRIVER = "2020-11-11 10:46:37.4: E tensorflow/stream_executor/cuda/cuda_driver.cc:314] "
_DEVICE = "2024-05-14 10:00:00.4: W tensorflow/core/common_runtime/gpu/gpu_device.cc:2256] "
_DSO = "2021-08-28 11:45:39.2: W tensorflow/stream_executor/platform/default/dso_loader.cc:60] "
_ENTRY = (
    "/usr/bin/tf_serving_entrypoint.sh: line 3:     7 {}     tensorflow_model_server --port=8500"
)
_START = "Failed to start server. Error: INVALID_ARGUMENT: "

LINES: dict[str, list[str]] = {
    "": [
        "[evhttp_server.cc : 250] NET_LOG: Entering the event loop ...",
        "[warn] getaddrinfo: address family for nodename not supported",
        "2023-08-03 17:42:07.9: W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT "
        "Warning: Could not find TensorRT",
        _DSO + "Could not load dynamic library 'libnvinfer.so.7'; dlerror: libnvinfer.so.7: cannot "
        "open shared object file: No such file or directory",
        "2024-03-30 14:29:58.6: E external/local_xla/xla/stream_executor/cuda/cuda_dnn.cc:9261] "
        "Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN when "
        "one has already been registered",
        "2018-10-25 12:10:00.7: I tensorflow/stream_executor/cuda/cuda_gpu_executor.cc:964] "
        "successful NUMA node read from SysFS had negative value (-1), but there must be at least "
        "one NUMA node, so returning NUMA node zero",
        "2021-08-28 11:45:39.3: I tensorflow/stream_executor/cuda/cudart_stub.cc:29] Ignore above "
        "cudart dlerror if you do not have a GPU set up on your machine.",
        "2024-05-10 11:33:14.0: I tensorflow/core/platform/cpu_feature_guard.cc:210] This "
        "TensorFlow binary is optimized to use available CPU instructions in performance-critical "
        "operations.",
        "2018-07-26 05:55:57.0: I external/org_tensorflow/tensorflow/core/platform/"
        "cpu_feature_guard.cc:141] Your CPU supports instructions that this TensorFlow binary was "
        "not compiled to use: AVX2 FMA",
        "2024-03-30 14:29:58.6: I tensorflow/core/util/port.cc:113] oneDNN custom operations are "
        "on. You may see slightly different numerical results due to floating-point round-off "
        "errors from different computation orders.",
        "I0000 00:00:1760435045.567572     834 mlir_graph_optimization_pass.cc:425] MLIR V1 "
        "optimization pass is not enabled",
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        "I0000 00:00:1760435045.5 834 saved_model_warmup_util.cc:83] No warmup data file found at "
        "/models/m/1/assets.extra/tf_serving_warmup_requests",
        "external/org_tensorflow/tensorflow/cc/saved_model/loader.cc:165] The specified SavedModel "
        "has no variables; no checkpoints were restored.",
        "I0000 00:00:1760435045.5 834 loader_harness.cc:127] Unloading just-loaded servable "
        "version {name: m version: 1}",
        "W server_core.cc:200] Deprecated ModelServerConfig::model_type field used. Prefer "
        "ModelServerConfig::model_platform.",
        "W text_format.cc:433] Warning parsing text-format tensorflow.serving.ModelServerConfig: "
        '1:93 (N = 1): text format contains deprecated field "model_type"',
        "2020-07-06 14:51:23.2: W external/org_tensorflow/tensorflow/core/framework/"
        "cpu_allocator_impl.cc:81] Allocation of 4294967296 exceeds 10% of free system memory.",
        "2021-03-15 17:16:57.3: W tensorflow/core/common_runtime/bfc_allocator.cc:245] Allocator "
        "(GPU_0_bfc) ran out of memory trying to allocate 2.25GiB with freed_by_count=0. The "
        "caller indicates that this is not a failure, but this may mean that there could be "
        "performance gains if more memory were available.",
        "W local_rendezvous.cc:404] Local rendezvous is aborting with status: ABORTED: Stopping "
        "remaining executors.",
        "W startup.py:54] --num_unload_threads has no effect in this server: it unloads in one",
        "W engine.py:84] Falling back to a TF1 session: libtensorflow_cc isn't there",
    ],
    "TFD257": ["unknown argument: --gpu_memory_fraction=0.3"],
    "TFD255": ["unknown argument: --model-name=hp", "unknown argument: --noenable_model_warmup"],
    "TFD258": ["unknown argument: stray", "unknown argument: -model_name=hp"],
    "TFD259": [
        "E command_line_flags.cc:157] Couldn't interpret value 1.5 for flag rest_api_num_threads.",
        "E command_line_flags.cc:157] Couldn't interpret value  for flag rest_api_num_threads.",
        "E chttp2_server.cc:1045]                UNKNOWN:Servname not supported for ai_socktype",
    ],
    "TFD217": [
        _START + "Both server_options.model_base_path and server_options.model_config_file are "
        "empty!"
    ],
    "TFD261": [
        _START + "server_options.batching_parameters_file is set without setting "
        "server_options.enable_batching to true.",
        _START + "Either configure server_options.tensorflow_session_parallelism or "
        "(server_options.tensorflow_intra_op_parallelism, "
        "server_options.tensorflow_inter_op_parallelism) separately. You cannot configure all.",
        _START + "Either use_alts_credentials must be false or ssl_config_file must be empty.",
    ],
    "TFD263": [
        "E server.cc:400] server_options.http_port cannot be same as grpc_port. Please use a "
        "different port for HTTP/REST API. Skipped exporting HTTP/REST API."
    ],
    "TFD264": ["F threadpool.cc:105] Check failed: num_threads >= 1 (0 vs. 1) "],
    "TFD281": [
        "F server.cc:120] Check failed: ParseProtoTextFile<SSLConfig>(ssl_config_file, &ssl_config)"
        " is OK (NOT_FOUND: /work/none; No such file or directory) ",
        "E ssl_transport_security.cc:800]        Invalid cert chain file.",
        "F server.cc:90] ModelServer does not yet support custom model config.",
    ],
    "TFD282": [
        "E text_format.cc:433] Error parsing text-format tensorflow.serving.BatchingParameters: "
        '1:16: Expected "{", found "4".'
    ],
    "TFD273": [
        "E text_format.cc:433] Error parsing text-format tensorflow.serving.BatchingParameters: "
        '5:8: Message type "tensorflow.serving.BatchingParameters" has no field named "max_fun".',
        _START + "Invalid protobuf file: '/work/models.config'",
        "E serving.py:67] The REST API stays closed: INVALID_ARGUMENT: something else",
    ],
    "TFD272": [
        "Failed to start server. Error: NOT_FOUND: /work/none; No such file or directory",
        "E serving.py:67] The REST API stays closed: NOT_FOUND: /m; No such file or directory",
        "E server.cc:232] Failed to read ModelServerConfig file: NOT_FOUND: /work/models.config; "
        "No such file or directory",
    ],
    "TFD280": [
        _START + "/work/models.config; Invalid argument",
        "I server_core.cc:449] Taking no action for empty config.",
        "W file_system_storage_path_source.cc:200] No specific versions requested for servable m.",
    ],
    "TFD274": [
        _START + "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
        "ModelServerConfig::model_platform, model name is hp",
        _START + "Model hp requests unsupported platform caffe",
        "E server.cc:240] PollFilesystemAndReloadConfig failed to ReloadConfig: INVALID_ARGUMENT: "
        "Illegal to change a model's platform. For model hp platform was tensorflow and new "
        "platform requested is pytorch",
    ],
    "TFD275": [
        _START + "Expected model hp to have an absolute path or URI; got base_path()=models/hp"
    ],
    "TFD277": [_START + "Illegal to list model hp multiple times in config list"],
    "TFD278": [_START + "No request-logger-creator provided."],
    "TFD279": [
        "Failed to start server. Error: FAILED_PRECONDITION: Request to assign label to version 3 "
        "of model hp, which is not currently available for inference"
    ],
    "TFD283": [
        _RETRIER + "INVALID_ARGUMENT: Last entry in allowed_batch_sizes must match max_batch_size; "
        "last entry was 3; expected 4"
    ],
    "TFD284": [_START + "num_batch_threads must be positive; was 0"],
    "TFD111": [
        "[libprotobuf ERROR external/protobuf_archive/src/google/protobuf/text_format.cc:307] "
        "Error parsing text-format tensorflow.SavedModel: 162018:18: Message type "
        '"tensorflow.FunctionDef" has no field named "arg_attr".',
        _RETRIER + "DATA_LOSS: Can't parse /m/corrupt/1/saved_model.pb as binary proto",
        _RETRIER + "NOT_FOUND: Could not find meta graph def matching supplied tags: { gpu }. To "
        "inspect available tag-sets in the SavedModel, please use the SavedModel CLI: "
        "`saved_model_cli`",
        _RETRIER + "Out of range: Read less bytes than requested",
        "2018-01-23 20:01:48.1: W tensorflow/core/framework/op_kernel.cc:1192] Data loss: Checksum "
        "does not match: stored 411918014 vs. calculated on the restored bytes 2088034305",
        "2019-09-17 11:19:56.5: W external/org_tensorflow/tensorflow/core/framework/"
        "op_kernel.cc:1502] OP_REQUIRES failed at save_restore_v2_ops.cc:184 : Data loss: not an "
        "sstable (bad magic number)",
        _RETRIER + "PERMISSION_DENIED: /models/m/3/saved_model.pb; Permission denied",
    ],
    "TFD498": [
        _ACCESS + "Could not find base path gs://no-such-bucket-tfs/x for servable hp with error "
        "FAILED_PRECONDITION: Error executing an HTTP request: libcurl code 6",
        "W google_auth_provider.cc:184] All attempts to get a Google authentication bearer token "
        "failed, returning an empty token.",
    ],
    "TFD112": [
        _ACCESS
        + "Could not find base path /m/does_not_exist for servable hp with error NOT_FOUND: "
        "/m/does_not_exist not found",
        _SOURCE + "FileSystemStoragePathSource encountered a file-system access error: Could not "
        "find base path /tmp/mnist_model/ for servable mnist",
        _ACCESS + "/m/plain_file; Not a directory",
    ],
    "TFD215": [
        _ACCESS + "/models/saved_model; Permission denied",
        "Failed to start server. Error: FAILED_PRECONDITION: /w/models.config; Permission denied",
    ],
    "TFD113": [
        "W file_system_storage_path_source.cc:268] No versions of servable hp found under base "
        "path /m/empty. Did you forget to name your leaf directory as a number (eg. '/1/')?",
        "W file_system_storage_path_source.cc:178] Version 9 of servable hp, which was requested "
        "to be served as a 'specific' version in the servable's version policy, was not found in "
        "the file system",
    ],
    "TFD497": [
        "W version_folders.py:58] Duplicate version directories detected. Version 1 will be loaded "
        "from 1, 001 will be ignored."
    ],
    "TFD110": [
        _RETRIER + "NOT_FOUND: Specified file path does not appear to contain a SavedModel bundle "
        "(should have a file called `saved_model.pb`)\\nSpecified file path: /m/noise/1",
        _RETRIER + "UNIMPLEMENTED: Session Bundle is deprecated and removed.",
        "W basic_manager.cc:340] FAILED_PRECONDITION: Error while attempting to reserve resources "
        "to load servable {name: hp version: 9}: /m/file_version/9; Not a directory",
    ],
    "TFD118": [
        "E tensorflow_serving/util/retrier.cc:37] Loading servable: {name: deeplab version: 1} "
        "failed: Not found: Op type not registered 'PyFunc' in binary running on iva. Make sure "
        "the Op and Kernel are registered in the binary running in this process.",
        "2018-06-07 07:49:54.4: E tensorflow_serving/util/retrier.cc:38] Loading servable: {name: "
        "aS_24443.1000 version: 2} failed: Not found: Op type not registered 'ClipByValue' in "
        "binary running on sandbox03.",
        "2018-03-29 17:09:35.2: E external/org_tensorflow/tensorflow/core/common_runtime/"
        "executor.cc:643] Executor failed to create kernel. Invalid argument: NodeDef mentions "
        "attr 'index_type' not in Op<name=Fill; signature=dims:int32, value:T -> output:T>",
        _RETRIER + "Invalid argument: Cannot assign a device for operation a/b: {{node a/b}} was "
        "explicitly assigned to /device:GPU:0 but available devices are [ "
        "/job:localhost/replica:0/task:0/device:CPU:0 ].",
        _RETRIER + "INVALID_ARGUMENT: Number of warmup records exceeds the maximum (1000) at /m/w",
        _RETRIER
        + "DATA_LOSS: corrupted record at 0. Please verify your warmup data is in TFRecord "
        "format.",
        _RETRIER + "INVALID_ARGUMENT: Signature input alias: x(feed name: serving_default_x:0) not "
        "found in request and no default value provided. Inputs expected to be in the request "
        "{nope}, or default input alias set: ",
    ],
    "TFD104": [
        "W local_rendezvous.cc:404] Local rendezvous is aborting with status: FAILED_PRECONDITION: "
        "Could not find variable dense/bias. This could mean that the variable has been deleted. "
        "In TF1, it can also mean the variable is uninitialized."
    ],
    "TFD309": [
        "OOM when allocating tensor with shape[150,256,160,160] and type float on "
        "/job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc",
        "2021-03-15 17:16:57.3: W tensorflow/core/common_runtime/bfc_allocator.cc:434] Allocator "
        "(GPU_0_bfc) ran out of memory trying to allocate 768.0KiB (rounded to 786432)",
    ],
    "TFD493": [
        "OOM when allocating tensor with shape[8,1024] and type float on "
        "/job:localhost/replica:0/task:0/device:CPU:0 by allocator cpu",
        "2024-10-22 09:22:17.2: E tensorflow/stream_executor/cuda/cuda_driver.cc:802] failed to "
        "alloc 34359738368 bytes on host: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        _ENTRY.format("Killed"),
    ],
    "TFD314": [
        "2023-05-31 14:45:08.1: W tensorflow/core/common_runtime/gpu/gpu_device.cc:2052] "
        "TensorFlow was not built with CUDA kernel binaries compatible with compute capability "
        "9.0. CUDA kernels will be jit-compiled from PTX, which could take 30 minutes or longer.",
        "2021-02-27 01:33:52.9: W external/org_tensorflow/tensorflow/stream_executor/gpu/"
        "asm_compiler.cc:235] Your CUDA software stack is old. The ptxas error was: ptxas fatal   "
        ": Value 'sm_86' is not defined for option 'gpu-name'",
        "W external/org_tensorflow/tensorflow/compiler/mlir/tools/kernel_gen/"
        "tf_gpu_runtime_wrappers.cc:40] 'cuModuleLoadData(&module, data)' failed with "
        "'CUDA_ERROR_INVALID_PTX'",
        "2020-08-01 03:45:09.1: F ./tensorflow/core/kernels/conv_2d_gpu.h:710] Non-OK-status: "
        "GpuLaunchKernel() status: Internal: no kernel image is available for execution on the "
        "device",
        "Ignoring visible gpu device (device: 0, name: Tesla K80, pci bus id: 0000:00:1e.0, "
        "compute capability: 3.7) with Cuda compute capability 3.7. The minimum required Cuda "
        "capability is 7.0.",
        "2018-10-31 10:35:54.3: I tensorflow/core/common_runtime/gpu/gpu_device.cc:1469] Ignoring "
        "visible gpu device (device: 1, name: Quadro K4000, pci bus id: 0000:08:00.0, compute "
        "capability: 3.0) with Cuda multiprocessor count: 4. The minimum required count is 8.",
    ],
    "TFD495": [
        "E0000 00:00:1738697930.202924    7665 cuda_dnn.cc:522] Loaded runtime CuDNN library: "
        "9.1.0 but source was compiled with: 9.3.0.  CuDNN library needs to have matching major "
        "version and equal or higher minor version.",
        "2024-01-17 15:41:15.0: W tensorflow/core/framework/op_kernel.cc:1745] OP_REQUIRES failed "
        "at conv_ops.cc:1120 : UNIMPLEMENTED: DNN library is not found.",
        _DSO + "Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: "
        "cannot open shared object file: No such file or directory; LD_LIBRARY_PATH: "
        "/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
        _DEVICE + "Cannot dlopen some GPU libraries. Please make sure the missing libraries "
        "mentioned above are installed properly if you would like to use GPU.",
    ],
    "TFD307": [
        "2020-06-21 14:35:28.2: E tensorflow/stream_executor/cuda/cuda_dnn.cc:329] Could not "
        "create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR",
        "2019-04-10 15:29:41.1: E tensorflow/stream_executor/cuda/cuda_blas.cc:510] failed to "
        "create cublas handle: CUBLAS_STATUS_NOT_INITIALIZED",
    ],
    "TFD313": [
        "2024-01-17 15:41:15.0: E tensorflow/stream_executor/cuda/cuda_dnn.cc:398] Possibly "
        "insufficient driver version: 460.106.0",
        "cudaGetDevice() failed. Status: CUDA driver version is insufficient for CUDA runtime "
        "version",
        "2025-02-01 13:44:34.5: W tensorflow/compiler/mlir/tools/kernel_gen/"
        "tf_gpu_runtime_wrappers.cc:40] 'cuModuleLoadData(&module, data)' failed with "
        "'CUDA_ERROR_UNSUPPORTED_PTX_VERSION'",
    ],
    "TFD291": [
        'docker: Error response from daemon: could not select device driver "" with capabilities: '
        "[[gpu]].",
        _DRIVER + "failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected",
        "E0000 00:00:1795712152.420241   24721 cuda_platform.cc:52] failed call to cuInit: "
        "INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)",
        "2018-07-12 14:23:18.8: E external/org_tensorflow/tensorflow/stream_executor/cuda/"
        "cuda_driver.cc:397] failed call to cuInit: CUresult(-1)",
        _DSO + "Could not load dynamic library 'libcuda.so.1'; dlerror: libcuda.so.1: cannot open "
        "shared object file: No such file or directory",
        "2023-05-01 12:17:26.1: I tensorflow/tsl/cuda/cudart_stub.cc:28] Could not find cuda "
        "drivers on your machine, GPU will not be used.",
        "2020-11-11 10:46:37.4: I tensorflow/stream_executor/cuda/cuda_diagnostics.cc:156] kernel "
        "driver does not appear to be running on this host (16c54693e7f2): "
        "/proc/driver/nvidia/version does not exist",
        "2021-02-25 21:58:35.9: I tensorflow/stream_executor/cuda/cuda_diagnostics.cc:163] no "
        "NVIDIA GPU device is present: /dev/nvidia0 does not exist",
    ],
    "TFD496": [
        "E tensorflow/stream_executor/cuda/cuda_driver.cc:491] failed call to cuInit: "
        "CUDA_ERROR_UNKNOWN",
        _DRIVER + "could not synchronize on CUDA context: CUDA_ERROR_ILLEGAL_ADDRESS: an illegal "
        "memory access was encountered",
        "2021-09-13 23:57:29.6: E tensorflow/stream_executor/cuda/cuda_diagnostics.cc:306] kernel "
        "version 460.56.0 does not match DSO version 470.57.2 -- cannot find working devices in "
        "this configuration",
    ],
    "TFD311": [
        _DRIVER + "failed to allocate 3.81G (4087755776 bytes) from device: "
        "CUDA_ERROR_OUT_OF_MEMORY: out of memory"
    ],
    "TFD214": [
        "Task size 5 is larger than maximum input batch size 4",
        "Batching session Run() input tensors must have equal 0th-dimension size",
        "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes "
        "of the input tensors",
        "Tensors with name 'x:0' from different tasks have different shapes and padding is turned "
        "off. Set pad_variable_length_inputs to true, or ensure that all tensors are the same",
    ],
    "TFD502": [
        "The batch scheduling queue to which this task was submitted is full; currently 1 batches "
        "enqueued and max_enqueued_batches is 1"
    ],
    "TFD520": ["RESOURCE_EXHAUSTED: Received message larger than max (4518352 vs. 4194304)"],
    "TFD501": ["Servable not found for request: Latest(mnist)"],
    "TFD503": ['Serving signature name: "zz" not found in signature def'],
    "TFD205": ["Unrecognized servable version label: canary"],
    "TFD403": [
        "E chttp2_server.cc:1045]                UNKNOWN:No address added out of total 1 resolved "
        "for '0.0.0.0:8500'",
        "E workers.py:38] Port 8500 is taken",
        "Failed to start server. Error: INVALID_ARGUMENT: Failed to BuildAndStart gRPC server",
        "E server.cc:430] Failed to start HTTP Server at localhost:8501",
        "bind: Address already in use",
    ],
    "TFD499": [
        _ACCESS + "/models; Too many open files",
        "W http_server.py:71] A connection was closed: 8192 are open already",
    ],
    "TFD491": [_ENTRY.format("Illegal instruction")],
    "TFD492": [
        "[FATAL tini (7)] exec tensorflow_model_server failed: No such file or directory",
        "exec /usr/bin/tf_serving_entrypoint.sh: no such file or directory",
        'runc create failed: unable to start container process: exec: "tensorflow_model_server": '
        "executable file not found in $PATH: unknown",
        'runc create failed: unable to start container process: exec: "/usr/bin/tf": stat '
        "/usr/bin/tf: no such file or directory: unknown",
        "/usr/bin/tf_serving_entrypoint.sh: line 3: tensorflow_model_server: command not found",
        "tensorflow_model_server: error while loading shared libraries: libcuda.so.1: cannot open "
        "shared object file: No such file or directory",
        "tensorflow_model_server: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.28' not found "
        "(required by tensorflow_model_server)",
    ],
    "TFD296": ["exec /usr/bin/tf_serving_entrypoint.sh: exec format error"],
    "TFD494": [
        _ENTRY.format("Bus error"),
        _ENTRY.format("Segmentation fault"),
        "F external/org_tensorflow/tensorflow/core/common_runtime/bfc_allocator.cc:458] Check "
        "failed: c->in_use() && (c->bin_num == kInvalidBinNum) ",
        "E supervisor.py:291] Worker 2 (pid 4711) ended with -9; starting another",
        "a.b.SomeError: what it says",
    ],
    "TFD405": ["ModuleNotFoundError: No module named 'tensorflow'"],
    "TFD410": [
        _RETRIER + "INVALID_ARGUMENT: something that nobody has seen",
        "E aspired_versions_manager.cc:368] Servable {name: m version: 3} cannot be loaded: X: y",
        "I loader_harness.cc:204] Encountered an error for servable version {name: m version: 3}: "
        "INVALID_ARGUMENT: something that nobody has seen",
        "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available: {{{name: "
        "m version: 3} due to error: UNKNOWN: something that nobody has seen}, }",
    ],
    "TFD490": ["Failed to start server. Error: UNKNOWN: something that nobody has seen"],
    "TFD411": [
        "E server.cc:240] PollFilesystemAndReloadConfig failed to ReloadConfig: UNKNOWN: something "
        "that nobody has seen"
    ],
}
