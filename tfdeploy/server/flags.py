"""The flags of `tensorflow_model_server`, all 48, with their types and defaults.

Names, types and defaults: tensorflow_serving/model_servers/main.cc and server.h (Server::Options).
The last ones are this server's own.
"""

import dataclasses
import os
from typing import Any, Final

from tfdeploy.server import log
from tfdeploy.server.flag_values import parse_value


def _schedulable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_CPUS: Final = _schedulable_cpus()


def _flag(kind: str, default: Any, usage: str = "", unused: str = "") -> Any:
    metadata = {"kind": kind, "usage": usage, "unused": unused}
    return dataclasses.field(default=default, metadata=metadata)


def _int32(default: int, usage: str = "", unused: str = "") -> Any:
    return _flag("int32", default, usage, unused)


def _int64(default: int, usage: str = "", unused: str = "") -> Any:
    return _flag("int64", default, usage, unused)


def _string(default: str = "", usage: str = "", unused: str = "") -> Any:
    return _flag("string", default, usage, unused)


def _bool(default: bool, usage: str = "", unused: str = "") -> Any:
    return _flag("bool", default, usage, unused)


def _float(default: float, usage: str = "", unused: str = "") -> Any:
    return _flag("float", default, usage, unused)


@dataclasses.dataclass(frozen=True)
class Flags:
    """One command line. A field whose metadata has `unused` is accepted and has no effect here."""

    port: int = _int32(8500, "TCP port of the gRPC API; 0 disables it.")
    grpc_socket_path: str = _string("", "UNIX socket to serve gRPC on, instead of or besides TCP.")
    rest_api_port: int = _int32(0, "TCP port of the HTTP/REST API; 0 disables it.")
    rest_api_num_threads: int = _int32(4 * _CPUS, "Threads for runs of REST requests.")
    rest_api_timeout_in_ms: int = _int32(30000, "Time limit of one run; none if not positive.")
    rest_api_enable_cors_support: bool = _bool(False, "Add CORS headers to REST replies.")
    enable_batching: bool = _bool(False, "Run requests in batches.")
    allow_version_labels_for_unavailable_models: bool = _bool(
        False, "Let a new version label point at a version that is not loaded."
    )
    batching_parameters_file: str = _string("", "BatchingParameters, protobuf text.")
    enable_per_model_batching_parameters: bool = _bool(
        False, "Read batching_params.pbtxt from each version's folder."
    )
    model_config_file: str = _string("", "ModelServerConfig, protobuf text.")
    model_config_file_poll_wait_seconds: int = _int32(0, "Seconds between re-reads; 0 is never.")
    model_name: str = _string("default", "Name of the single model.")
    model_base_path: str = _string("", "Base path of the single model.")
    num_load_threads: int = _int32(0, "Threads that load models; 0 loads one at a time.")
    num_unload_threads: int = _int32(0, "Threads that unload.", unused="unloads never wait")
    max_num_load_retries: int = _int32(5, "Retries after a failed load.")
    load_retry_interval_micros: int = _int64(60_000_000, "Time between retries.")
    file_system_poll_wait_seconds: int = _int32(
        1, "Seconds between looks for new versions; 0 looks once, negative never."
    )
    flush_filesystem_caches: bool = _bool(True, unused="there are no caches to flush")
    tensorflow_session_parallelism: int = _int64(0, "Threads of a session; 0 is automatic.")
    tensorflow_intra_op_parallelism: int = _int64(0, "Threads inside an op; 0 is automatic.")
    tensorflow_inter_op_parallelism: int = _int64(0, "Threads between ops; 0 is automatic.")
    tensorflow_session_config_file: str = _string("", "tensorflow.ConfigProto, protobuf text.")
    use_alts_credentials: bool = _bool(False, unused="ALTS is not available")
    ssl_config_file: str = _string("", "SSLConfig, protobuf text; gRPC only.")
    platform_config_file: str = _string("", "PlatformConfigMap, protobuf text.")
    per_process_gpu_memory_fraction: float = _float(0.0, "Share of the GPU memory; 0 is all.")
    saved_model_tags: str = _string("serve", "Comma-separated tags of the MetaGraph to load.")
    grpc_channel_arguments: str = _string("", "Comma-separated key=value pairs for gRPC.")
    grpc_max_threads: int = _int32(4 * _CPUS, unused="gRPC runs on the event loop")
    enable_model_warmup: bool = _bool(True, "Replay the version's warm-up file while loading.")
    num_request_iterations_for_warmup: int = _int32(0, "Times each warm-up request is sent.")
    version: bool = _bool(False, "Print the version and exit.")
    monitoring_config_file: str = _string("", "MonitoringConfig, protobuf text.")
    remove_unused_fields_from_bundle_metagraph: bool = _bool(True, unused="always done")
    prefer_tflite_model: bool = _bool(False, unused="TFLite models are not supported")
    num_tflite_pools: int = _int32(_CPUS, unused="TFLite models are not supported")
    num_tflite_interpreters_per_pool: int = _int32(1, unused="TFLite models are not supported")
    enable_signature_method_name_check: bool = _bool(False, "Enforce a signature's method_name.")
    xla_cpu_compilation_enabled: bool = _bool(False, "Let jit_compile functions run.")
    xla_gpu_compilation_enabled: bool = _bool(False, "The same.")
    enable_profiler: bool = _bool(True, unused="there is no profiler service")
    thread_pool_factory_config_file: str = _string("", "Refused: no such factory is known.")
    mixed_precision: str = _string("", "bfloat16: compute with it where oneDNN can.")
    skip_initialize_tpu: bool = _bool(False, unused="TPUs are not supported")
    enable_grpc_healthcheck_service: bool = _bool(False, "Serve grpc.health.v1.Health.")
    enable_serialization_as_tensor_content: bool = _bool(
        False, "Write outputs as tensor_content (gRPC)."
    )
    engine: str = _string("auto", "tfdeploy only: capi, session, or auto.")
    join_requests: bool = _bool(
        True, "tfdeploy only: run requests of one moment together where that can't be told."
    )
    workers: int = _int32(1, "tfdeploy only: processes that answer on the same ports.")
    drain_seconds: float = _float(0.0, "tfdeploy only: on SIGTERM finish requests this long.")


FIELDS: Final = {field.name: field for field in dataclasses.fields(Flags)}


class BadFlagValue(Exception):
    """A known flag with a value that its type can't hold; one line for each of them."""


def _parse_one(word: str) -> tuple[str, Any] | None:
    """Name and value, or None for a word that is no flag.

    Raises:
        BadFlagValue: it is one, but for its value.
    """
    name, equals, text = word.removeprefix("--").partition("=")
    field = FIELDS.get(name)
    if field is None or not word.startswith("--"):
        return None
    kind = field.metadata["kind"]
    if not equals:
        return (name, True) if kind == "bool" else None
    try:
        return name, parse_value(kind, text)
    except ValueError:
        raise BadFlagValue(f"Couldn't interpret value {text} for flag {name}.") from None


def parse_flags(words: list[str]) -> tuple[Flags, list[str]]:
    """Read a command line as xla/tsl/util/command_line_flags.cc does.

    Only `--name=value`, and `--name` for a bool; the last of repeated flags wins. `--` ends the
    flags, and is itself the first word that is none. Each bad value is logged.

    Returns:
        The flags, and the words that are not flags.

    Raises:
        BadFlagValue: values of known flags can't be read.
    """
    values: dict[str, Any] = {}
    unknown: list[str] = []
    problems: list[str] = []
    for position, word in enumerate(words):
        if word == "--":
            unknown.extend(words[position:])
            break
        try:
            parsed = _parse_one(word)
        except BadFlagValue as problem:
            log.error(str(problem))
            problems.append(str(problem))
            continue
        if parsed is None:
            unknown.append(word)
        else:
            values[parsed[0]] = parsed[1]
    if problems:
        raise BadFlagValue("\n".join(problems))
    return Flags(**values), unknown


def _shown(field: "dataclasses.Field[Any]") -> str:
    kind = field.metadata["kind"]
    if kind == "string":
        return f'"{field.default}"'
    if kind == "float":
        return f"{field.default:f}"
    return str(field.default).lower()


def render_usage(program: str) -> str:
    """The help text: one line a flag, with its default and type."""
    lines = [f"usage: {program}", "Flags:"]
    for name, field in FIELDS.items():
        usage = field.metadata["usage"] or f"Accepted without effect: {field.metadata['unused']}."
        lines.append(f"\t{f'--{name}={_shown(field)}':<33}\t{field.metadata['kind']}\t{usage}")
    return "\n".join(lines) + "\n"


def unused_flags(flags: Flags) -> dict[str, str]:
    """Flags set to something else than the default, without effect here: name to reason."""
    return {
        name: field.metadata["unused"]
        for name, field in FIELDS.items()
        if field.metadata["unused"] and getattr(flags, name) != field.default
    }
