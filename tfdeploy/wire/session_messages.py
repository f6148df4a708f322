"""tensorflow.ConfigProto, whole, and the SessionBundleConfig around it, in the form of `messages`.

Sources of the field numbers: tensorflow/core/protobuf/{config,rewriter_config,verifier_config,
cluster,coordination_config}.proto and framework/attr_value.proto of TensorFlow 2.21;
tensorflow_serving/servables/tensorflow/{session_bundle_config,saved_model_bundle_source_adapter,
thread_pool_factory_config}.proto and config/platform_config.proto. A nested message or enum goes
by a name of its own here, which neither the wire nor the text form shows.
"""

import enum
from typing import Any, Final

# Names with a dot are full names: text files spell out what lies in an Any by them.
SESSION_MESSAGES: Final = {
    "ConfigProto": """
        map<string, int32> device_count = 1; int32 intra_op_parallelism_threads = 2
        int32 inter_op_parallelism_threads = 5; bool use_per_session_threads = 9
        repeated ThreadPoolOptionProto session_inter_op_thread_pool = 12
        int32 placement_period = 3; repeated string device_filters = 4; GPUOptions gpu_options = 6
        GPUOptions pluggable_device_options = 18; bool allow_soft_placement = 7
        bool log_device_placement = 8; GraphOptions graph_options = 10
        int64 operation_timeout_in_ms = 11; RPCOptions rpc_options = 13
        ClusterDef cluster_def = 14; bool isolate_session_state = 15
        bool share_cluster_devices_in_session = 17; SessionExperimental experimental = 16""",
    "ThreadPoolOptionProto": "int32 num_threads = 1; string global_name = 2",
    "GPUOptions": """
        double per_process_gpu_memory_fraction = 1; bool allow_growth = 4
        string allocator_type = 2; int64 deferred_deletion_bytes = 3
        string visible_device_list = 5; int32 polling_active_delay_usecs = 6
        int32 polling_inactive_delay_msecs = 7; bool force_gpu_compatible = 8
        GPUExperimental experimental = 9""",
    "GPUExperimental": """
        repeated VirtualDevices virtual_devices = 1; int32 num_virtual_devices_per_gpu = 15
        bool use_unified_memory = 2; int32 num_dev_to_dev_copy_streams = 3
        string collective_ring_order = 4; bool timestamped_allocator = 5
        int32 kernel_tracker_max_interval = 7; int32 kernel_tracker_max_bytes = 8
        int32 kernel_tracker_max_pending = 9; double internal_fragmentation_fraction = 10
        bool use_cuda_malloc_async = 11; bool disallow_retry_on_allocation_failure = 12
        float gpu_host_mem_limit_in_mb = 13; bool gpu_host_mem_disallow_growth = 14
        int32 gpu_system_memory_size_in_mb = 16; bool populate_pjrt_gpu_client_creation_info = 17
        int32 node_id = 18; StreamMergeOptions stream_merge_options = 19""",
    "VirtualDevices": """
        repeated float memory_limit_mb = 1; repeated int32 priority = 2
        repeated int32 device_ordinal = 3""",
    "StreamMergeOptions": """
        bool merge_host_to_device_stream = 1; bool merge_device_to_host_stream = 2
        bool merge_device_to_device_stream = 3""",
    "GraphOptions": """
        bool enable_recv_scheduling = 2; OptimizerOptions optimizer_options = 3
        int64 build_cost_model = 4; int64 build_cost_model_after = 9; bool infer_shapes = 5
        bool place_pruned_graph = 6; bool enable_bfloat16_sendrecv = 7; int32 timeline_step = 8
        RewriterConfig rewrite_options = 10""",
    "OptimizerOptions": """
        bool do_common_subexpression_elimination = 1; bool do_constant_folding = 2
        int64 max_folded_constant_in_bytes = 6; bool do_function_inlining = 4
        OptimizerLevel opt_level = 3; GlobalJitLevel global_jit_level = 5
        bool cpu_global_jit = 7""",
    "RewriterConfig": """
        CpuLayout cpu_layout_conversion = 50; Toggle layout_optimizer = 1
        Toggle constant_folding = 3; Toggle shape_optimization = 13; Toggle remapping = 14
        Toggle common_subgraph_elimination = 24; Toggle arithmetic_optimization = 7
        Toggle dependency_optimization = 8; Toggle loop_optimization = 9
        Toggle function_optimization = 10; Toggle debug_stripper = 11
        bool disable_model_pruning = 2; Toggle scoped_allocator_optimization = 15
        Toggle pin_to_host_optimization = 18; Toggle implementation_selector = 22
        Toggle auto_mixed_precision = 23; Toggle auto_mixed_precision_mkl = 25
        Toggle auto_mixed_precision_onednn_bfloat16 = 31; Toggle auto_mixed_precision_cpu = 29
        bool disable_meta_optimizer = 19; bool disable_tfg_optimizer = 32
        Toggle use_plugin_optimizers = 28; Toggle experimental_conditional_code_motion = 30
        NumIterations meta_optimizer_iterations = 12; int32 min_graph_nodes = 17
        bool experimental_disable_compressed_tensor_optimization = 26
        bool experimental_disable_folding_quantization_emulation = 27
        MemoryOptimization memory_optimization = 4
        string memory_optimizer_target_node_name_scope = 6; int64 meta_optimizer_timeout_ms = 20
        AutoParallelOptions auto_parallel = 5; bool fail_on_optimizer_errors = 21
        ScopedAllocatorOptions scoped_allocator_opts = 16; repeated string optimizers = 100
        repeated CustomGraphOptimizer custom_optimizers = 200
        VerifierConfig inter_optimizer_verifier_config = 300
        VerifierConfig post_optimization_verifier_config = 301""",
    "AutoParallelOptions": "bool enable = 1; int32 num_replicas = 2",
    "ScopedAllocatorOptions": "repeated string enable_op = 1",
    "CustomGraphOptimizer": "string name = 1; map<string, AttrValue> parameter_map = 2",
    "AttrValue": """
        value | bytes s = 2; value | int64 i = 3; value | float f = 4; value | bool b = 5
        value | DataType type = 6; value | TensorShapeProto shape = 7
        value | TensorProto tensor = 8; value | AttrList list = 1; value | NameAttrList func = 10
        value | string placeholder = 9""",
    "AttrList": """
        repeated bytes s = 2; repeated int64 i = 3; repeated float f = 4; repeated bool b = 5
        repeated DataType type = 6; repeated TensorShapeProto shape = 7
        repeated TensorProto tensor = 8; repeated NameAttrList func = 9""",
    "NameAttrList": "string name = 1; map<string, AttrValue> attr = 2",
    "VerifierConfig": "int64 verification_timeout_in_ms = 1; VerifierToggle structure_verifier = 2",
    "RPCOptions": """
        bool use_rpc_for_inprocess_master = 1; string compression_algorithm = 2
        int32 compression_level = 3; bool cache_rpc_response = 4
        bool disable_session_connection_sharing = 5; int32 num_channels_per_target = 6""",
    "ClusterDef": "repeated JobDef job = 1",
    "JobDef": "string name = 1; map<int32, string> tasks = 2",
    "SessionExperimental": """
        string collective_group_leader = 1; string executor_type = 3; int32 recv_buf_max_chunk = 4
        bool use_numa_affinity = 5; bool collective_deterministic_sequential_execution = 6
        bool collective_nccl = 7; bool share_session_state_in_clusterspec_propagation = 8
        bool disable_thread_spinning = 9; bool share_cluster_devices_in_session = 10
        SessionMetadata session_metadata = 11; bool optimize_for_static_graph = 12
        bool enable_mlir_bridge = 13; MlirBridgeRollout mlir_bridge_rollout = 17
        bool enable_mlir_graph_optimization = 16; bool disable_output_partition_graphs = 14
        int64 xla_fusion_autotuner_thresh = 15; bool use_tfrt = 18; bool enable_multi_host = 27
        bool tfrt_use_ifrt = 32; int32 backend_server_port = 28; bool target_tpu = 29
        bool target_gpu = 30; int32 stream_merge_threshold = 31
        bool disable_functional_ops_lowering = 21; bool xla_prefer_single_graph_cluster = 22
        CoordinationServiceConfig coordination_config = 23
        bool disable_optimize_for_static_graph = 24
        bool disable_eager_executor_streaming_enqueue = 26
        bool finalize_function_library_runtime = 33; bool finalize_resource_manager = 34
        string tf2xla_dump_dir = 35; bool online_cost_analysis = 36""",
    "SessionMetadata": "string name = 1; int64 version = 2",
    "CoordinationServiceConfig": """
        string service_type = 1; string service_leader = 2; bool enable_health_check = 3
        int64 cluster_register_timeout_in_ms = 4; bool cluster_register_with_barrier = 14
        int64 heartbeat_timeout_in_ms = 5; repeated CoordinatedJob coordinated_job_list = 10
        int64 shutdown_barrier_timeout_in_ms = 7; bool agent_destruction_without_shutdown = 8
        repeated string recoverable_jobs = 9; bool allow_new_incarnation_to_reconnect = 11
        bool force_disable = 12; bool poll_for_error_from_service_at_startup = 13""",
    "CoordinatedJob": "string name = 1; int32 num_tasks = 2",
    # tensorflow_serving: what a platform config file holds
    "Int32Value": "int32 value = 1",
    "NamedTensorProto": "string name = 1; TensorProto tensor = 2",
    "ModelWarmupOptions": """
        Int32Value num_request_iterations = 1; Int32Value num_model_warmup_threads = 2
        string model_name = 3; int64 model_version = 4; bool enable_all_batch_sizes_warmup = 5""",
    "BatchingOptions": "",
    "SessionBundleConfig": """
        string session_target = 1; ConfigProto session_config = 2
        BatchingParameters batching_parameters = 3
        Int32Value session_run_load_threadpool_index = 4
        uint64 experimental_transient_ram_bytes_during_load = 5
        repeated string saved_model_tags = 6
        BatchingOptions in_graph_batching_parameters = 7
        repeated NamedTensorProto experimental_fixed_input_tensors = 778
        bool enable_model_warmup = 779; ModelWarmupOptions model_warmup_options = 780
        bool enable_session_metadata = 781; bool remove_unused_fields_from_bundle_metagraph = 782
        bool prefer_tflite_model = 783; bool resource_estimation_uses_validation_result = 784
        int32 num_tflite_interpreters = 785; int32 num_tflite_interpreters_per_pool = 786
        int32 num_tflite_pools = 787; bool wrap_session_with_no_threading_params = 788
        bool enable_per_model_batching_params = 789; bool enable_saved_model_config = 790
        string mixed_precision = 791""",
    "google.protobuf.Any": "string type_url = 1; bytes value = 2",
    "PlatformConfig": "google.protobuf.Any source_adapter_config = 1",
    "PlatformConfigMap": "map<string, PlatformConfig> platform_configs = 1",
    "ThreadPoolFactoryConfig": "google.protobuf.Any thread_pool_factory_config = 1",
    "tensorflow.serving.SavedModelBundleSourceAdapterConfig": """
        SessionBundleConfig legacy_config = 1000""",
}

# The first value of each is zero, as proto3 wants it.
SESSION_ENUMS: Final[tuple[Any, ...]] = (
    enum.IntEnum("OptimizerLevel", {"L1": 0, "L0": -1}),
    enum.IntEnum("GlobalJitLevel", {"DEFAULT": 0, "OFF": -1, "ON_1": 1, "ON_2": 2}),
    enum.IntEnum("CpuLayout", "NO_CONVERSION_ON_CPU NCHW_TO_NHWC NHWC_TO_NCHW", start=0),
    enum.IntEnum(
        "Toggle", "DEFAULT ON OFF AGGRESSIVE EXPERIMENTAL_MLIR EXPERIMENTAL_BOTH", start=0
    ),
    enum.IntEnum("NumIterations", "DEFAULT_NUM_ITERS ONE TWO", start=0),
    enum.IntEnum(
        "MemoryOptimization",
        "DEFAULT_MEM_OPT NO_MEM_OPT MANUAL HEURISTICS SWAPPING_HEURISTICS "
        "RECOMPUTATION_HEURISTICS SCHEDULING_HEURISTICS",
        start=0,
    ),
    enum.IntEnum("VerifierToggle", "DEFAULT ON OFF", start=0),
    enum.IntEnum(
        "MlirBridgeRollout",
        "MLIR_BRIDGE_ROLLOUT_UNSPECIFIED MLIR_BRIDGE_ROLLOUT_ENABLED MLIR_BRIDGE_ROLLOUT_DISABLED",
        start=0,
    ),
)
