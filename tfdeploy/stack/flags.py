"""The flags of tensorflow_model_server, by which the `flags:` of a service are checked.

The real server prints a line about an unknown flag and starts anyway
(tensorflow_serving/model_servers/main.cc), so a typo has to be found here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

FlagType = Literal["bool", "int", "float", "string"]


@dataclass(frozen=True)
class Flag:
    """A flag's type, the first release that has it, and the field that sets it instead."""

    type: FlagType
    since: str = "2.3.0"
    instead: str = ""


def _flags(type_: FlagType, names: str, since: str = "2.3.0") -> dict[str, Flag]:
    return {name: Flag(type_, since) for name in names.split()}


def _owned(type_: FlagType, instead: str, names: str) -> dict[str, Flag]:
    return {name: Flag(type_, instead=instead) for name in names.split()}


FLAGS: dict[str, Flag] = {
    **_flags("bool", "flush_filesystem_caches enable_model_warmup prefer_tflite_model"),
    **_flags("bool", "remove_unused_fields_from_bundle_metagraph"),
    **_flags("bool", "rest_api_enable_cors_support enable_profiler", "2.5.1"),
    **_flags("bool", "enable_signature_method_name_check xla_cpu_compilation_enabled", "2.5.1"),
    **_flags("bool", "use_alts_credentials", "2.8.0"),
    **_flags("bool", "enable_per_model_batching_parameters", "2.12.0"),
    **_flags("bool", "enable_grpc_healthcheck_service skip_initialize_tpu", "2.15.1"),
    **_flags("bool", "xla_gpu_compilation_enabled", "2.18.1"),
    **_flags("int", "rest_api_num_threads rest_api_timeout_in_ms max_num_load_retries"),
    **_flags("int", "load_retry_interval_micros file_system_poll_wait_seconds"),
    **_flags("int", "tensorflow_session_parallelism tensorflow_intra_op_parallelism"),
    **_flags("int", "tensorflow_inter_op_parallelism"),
    **_flags("int", "grpc_max_threads num_load_threads num_unload_threads", "2.5.1"),
    **_flags("int", "num_tflite_pools num_tflite_interpreters_per_pool", "2.5.1"),
    **_flags("int", "num_request_iterations_for_warmup", "2.8.0"),
    **_flags("string", "grpc_socket_path ssl_config_file saved_model_tags grpc_channel_arguments"),
    **_flags("string", "tensorflow_session_config_file thread_pool_factory_config_file", "2.8.0"),
    **_flags("string", "mixed_precision", "2.15.1"),
    **_owned("int", "the port inside is fixed; `publish: {grpc: PORT}` opens it", "port"),
    **_owned("int", "the port inside is fixed; `publish: {rest: PORT}` opens it", "rest_api_port"),
    **_owned("string", "name models under `models:`", "model_name model_base_path"),
    **_owned("string", "it is rendered from `models:`", "model_config_file"),
    **_owned("int", "it is always rendered", "model_config_file_poll_wait_seconds"),
    **_owned("bool", "write a `batching:` block", "enable_batching"),
    **_owned("string", "write a `batching:` block", "batching_parameters_file"),
    **_owned("string", "it is always rendered", "monitoring_config_file"),
    **_owned("bool", "it is always rendered", "allow_version_labels_for_unavailable_models"),
    **_owned(
        "float", "write `gpu: {device: 0, memory_fraction: 0.4}`", "per_process_gpu_memory_fraction"
    ),
    **_owned("bool", "it only prints the version and ends", "version"),
    **_owned(
        "string",
        "it silently disables batching, GPU and session flags",
        "platform_config_file",
    ),
    **_owned(
        "bool",
        "with it REST answers zeros with status 200",
        "enable_serialization_as_tensor_content",
    ),
}

# A value below the second number makes the server hang or abort.
_LEAST = {"rest_api_num_threads": 2, "file_system_poll_wait_seconds": 1}


_INT64 = {
    "load_retry_interval_micros",
    "tensorflow_session_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism",
}


def format_flag(name: str, value: bool | int | float | str) -> str:
    """``--name=value``, the only form that the server reads."""
    return f"--{name}={str(value).lower() if isinstance(value, bool) else value}"


def check_flag(name: str, value: object, image: str) -> tuple[str, str] | None:
    """What is wrong with one flag, and what to do; None when it is fine."""
    bare = name.lstrip("-").replace("-", "_")
    flag = FLAGS.get(name)
    if flag is None:
        near = difflib.get_close_matches(bare, FLAGS, n=1, cutoff=0.5)
        hint = _instead(near[0]) if near else "`tensorflow_model_server --help` lists its flags."
        return f"The server has no flag '{name}'.", hint
    if flag.instead:
        return f"The flag '{name}' can't be set here.", f"{flag.instead}."
    if not _fits(flag.type, value):
        return f"The flag '{name}' takes a value of type {flag.type}, not {value!r}.", "mend it."
    if isinstance(value, int) and not -(2**31) <= value < 2**31 and name not in _INT64:
        return f"The flag '{name}' takes 32 bits; the server ends at once with {value}.", "mend it."
    if name in _LEAST and isinstance(value, int) and value < _LEAST[name]:
        return f"With {name} = {value} the server hangs.", f"give at least {_LEAST[name]}."
    if is_older(image, flag.since):
        return (
            f"The flag '{name}' exists since {flag.since}, and {image} would ignore it silently.",
            "take a newer image or leave the flag out.",
        )
    return None


def clashing_flags(flags: Mapping[str, object]) -> tuple[str, str] | None:
    """Flags that are fine one by one, and together end the server at its start.

    Source: tensorflow_serving/model_servers/server.cc.
    """
    parallelism = [f"tensorflow_{kind}_parallelism" for kind in ("session", "intra_op", "inter_op")]
    if all(isinstance(flags.get(name), int) and flags[name] for name in parallelism):
        what = f"With {', '.join(parallelism)} all set the server ends at its start."
        return what, "leave out tensorflow_session_parallelism, or the other two."
    if flags.get("use_alts_credentials") is True and flags.get("ssl_config_file"):
        what = "With use_alts_credentials and ssl_config_file the server ends at its start."
        return what, "leave out one of them."
    return None


def _instead(near: str) -> str:
    flag = FLAGS[near]
    return (
        f"did you mean '{near}'? For that one: {flag.instead}."
        if flag.instead
        else (f"did you mean '{near}'?")
    )


def _fits(type_: FlagType, value: object) -> bool:
    if type_ == "bool":
        return isinstance(value, bool)
    if type_ == "string":
        return isinstance(value, str)
    kinds = (int, float) if type_ == "float" else (int,)
    return isinstance(value, kinds) and not isinstance(value, bool)


def is_older(image: str, since: str) -> bool:
    """Whether an official image's tag is older than a release; others are trusted."""
    match = re.fullmatch(r"tensorflow/serving:(\d+)\.(\d+)\.(\d+)(-.+)?", image)
    return match is not None and tuple(map(int, match.groups()[:3])) < tuple(
        map(int, since.split("."))
    )
