"""Findings in a server's own flags and variables.

Facts of the parser: tensorflow_serving/model_servers/main.cc and TensorFlow's
tsl/util/command_line_flags.cc.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from itertools import pairwise

from tfdeploy.lint.finding import Check, Hit
from tfdeploy.lint.server import Flag, Server
from tfdeploy.stack.flags import FLAGS, is_older

IGNORED = "the server prints one line about it and starts without it."
ENDS = "the server ends at its start."

_DOCKER_OPTIONS = {
    "p", "v", "e", "d", "t", "i", "it", "rm", "name", "gpus", "volume", "publish", "env", "network",
    "net", "mount", "restart", "runtime",
}  # fmt: skip
_GPU_FRACTION = "per_process_gpu_memory_fraction"
# Below these the server hangs (model_servers/http_server.cc: the event loop holds one thread).
_LEAST = {"rest_api_num_threads": 2, "file_system_poll_wait_seconds": 1}
_PARALLELISM = [f"tensorflow_{kind}_parallelism" for kind in ("session", "intra_op", "inter_op")]
# Flags that a platform file switches off without a word (model_servers/server.cc).
_OFF_BY_PLATFORM_FILE = {
    "enable_batching", "batching_parameters_file", "enable_per_model_batching_parameters",
    "saved_model_tags", "tensorflow_session_config_file", _GPU_FRACTION, *_PARALLELISM,
    "enable_model_warmup", "num_request_iterations_for_warmup", "prefer_tflite_model",
    "mixed_precision",
}  # fmt: skip


def _unknown(server: Server) -> Iterator[Hit]:
    for flag in server.flags:
        like_one = flag.spelling in ("equals", "bare", "space", "inside")
        elsewhere = is_gpu_fraction(flag.name) or flag.name.lstrip("-") in _DOCKER_OPTIONS
        if like_one and flag.name not in FLAGS and not elsewhere:
            yield Hit(flag.place, f"The server has no flag '--{flag.name}'.", _nearest(flag))


def _nearest(flag: Flag) -> str:
    bare = flag.name.replace("-", "_").replace(".", "_")
    near = [bare] if bare in FLAGS else difflib.get_close_matches(bare, FLAGS, n=1, cutoff=0.6)
    if not near:
        return "leave it out; `tensorflow_model_server --help` lists its flags."
    value = f"={flag.value}" if flag.value is not None else ""
    return f"write --{near[0]}{value}."


def is_gpu_fraction(name: str) -> bool:
    """Whether a name is a misspelling of the GPU memory fraction."""
    words = name.lower().replace("-", "_")
    about = "gpu" in words and ("mem" in words or "fraction" in words or "growth" in words)
    return about and name not in FLAGS


def _gpu_fraction(server: Server) -> Iterator[Hit]:
    for flag in server.flags:
        if is_gpu_fraction(flag.name):
            if "growth" in flag.name:
                fix = "set the environment variable TF_FORCE_GPU_ALLOW_GROWTH=true."
            else:
                fix = f"write --{_GPU_FRACTION}={_fraction(flag.value)}."
            yield Hit(flag.place, f"'{flag.written}' isn't how GPU memory is limited.", fix)


def _fraction(value: str | None) -> str:
    return value if value and re.fullmatch(r"0?\.\d+|1", value) else "0.4"


def _with_space(server: Server) -> Iterator[Hit]:
    for flag in server.flags:
        if flag.spelling in ("space", "inside") and flag.name in FLAGS:
            given = f"--{flag.name} {flag.value}"
            cause = "the server reads the first word as true and ignores the second." * flag.read
            fix = f"write --{flag.name}={flag.value}."
            yield Hit(flag.place, f"'{given}' is written with a space.", fix, cause)


def _other_form(server: Server) -> Iterator[Hit]:
    if [word.text for word in server.words[:2]] == ["/bin/sh", "-c"]:
        message = "CMD without brackets is run by /bin/sh -c, and all of it becomes one word."
        fix = 'write CMD ["--name=value", ...]; the entry point starts the program.'
        yield Hit(server.words[0].place, message, fix)
        return
    for before, flag in pairwise((None, *server.flags)):
        if flag is None or (before and before.name in _DOCKER_OPTIONS):
            continue
        name = flag.name.lstrip("-")
        value = f"={flag.value}" if flag.value is not None else ""
        if flag.spelling == "stray" and name not in _DOCKER_OPTIONS and "$" not in name:
            fix = "write --name=value; the program's own name is no part of the flags."
            yield Hit(flag.place, f"'{flag.written}' is no flag.", fix)
        elif flag.spelling in ("dash", "plain", "colon", "no") and name in FLAGS:
            yield Hit(
                flag.place,
                f"'{flag.written}' isn't a form that the server reads.",
                f"write --{name}{value}.",
            )


def _docker_option(server: Server) -> Iterator[Hit]:
    for flag in server.before_image:
        yield Hit(
            flag.place,
            f"'{flag.written}' stands before the image, among docker's own options.",
            "move it behind the image's name.",
            "docker refuses it as an unknown flag.",
        )
    for flag in server.flags:
        if server.form != "docker run" or flag.name.lstrip("-") not in _DOCKER_OPTIONS:
            continue
        if flag.spelling in ("dash", "stray", "bare", "space", "equals") and flag.name != "t":
            yield Hit(
                flag.place,
                f"'{flag.written}' stands behind the image, among the server's flags.",
                "move it before the image's name.",
                "docker doesn't see it; the server ignores it.",
            )


def _bad_value(server: Server) -> Iterator[Hit]:
    for flag in server.flags:
        known = FLAGS.get(flag.name)
        if known is None or not flag.read or not flag.known or flag.taken is None:
            continue
        if not _fits(known.type, flag.taken):
            where = f"--{flag.name} takes {_TYPES[known.type]}, not '{flag.taken}'."
            glued = "--" in flag.taken
            fix = "put a space between the two flags." if glued else f"give {_TYPES[known.type]}."
            yield Hit(flag.place, where, fix)


_TYPES = {"bool": "true or false", "int": "a whole number", "float": "a number", "string": "a text"}


def _fits(type_: str, text: str) -> bool:
    if type_ == "bool":
        return text.lower() in ("true", "false", "1", "0")
    if type_ == "int":
        return re.fullmatch(r"[+-]?\d{1,19}", text) is not None
    if type_ == "float":
        return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) is not None
    return True


def _too_new(server: Server) -> Iterator[Hit]:
    for flag in server.flags:
        known = FLAGS.get(flag.name)
        # What 2.3.0 has may be older than that: nobody compared the releases before.
        dated = known is not None and known.since != "2.3.0"
        if known and dated and server.image and is_older(server.image.text, known.since):
            yield Hit(
                flag.place,
                f"--{flag.name} exists since {known.since}; the image is {server.image.text}.",
                "take a newer image, or leave the flag out.",
            )


def _together(server: Server) -> Iterator[Hit]:
    batching = server.flag("batching_parameters_file")
    if batching and not server.on("enable_batching") and not server.flag("platform_config_file"):
        message = "--batching_parameters_file is given without --enable_batching."
        yield Hit(batching.place, message, "add --enable_batching=true.")
    parallel = [server.flag(name) for name in _PARALLELISM]
    mkl = server.tag.endswith("-mkl") and server.entry == "image"
    if parallel[0] and parallel[0].taken != "0" and (mkl or (parallel[1] and parallel[2])):
        message = "tensorflow_session_parallelism is set beside the two others."
        yield Hit(parallel[0].place, message, "leave out tensorflow_session_parallelism.")
    ssl = server.flag("ssl_config_file")
    if ssl and server.on("use_alts_credentials"):
        message = "--ssl_config_file and --use_alts_credentials exclude each other."
        yield Hit(ssl.place, message, "leave out one of them.")


def _platform_file(server: Server) -> Iterator[Hit]:
    platform = server.flag("platform_config_file")
    lost = sorted({one.name for one in server.flags if one.name in _OFF_BY_PLATFORM_FILE})
    if platform and lost:
        message = f"With --platform_config_file these flags are ignored: {', '.join(lost)}."
        yield Hit(platform.place, message, "say it in the platform file, or leave that file out.")


def _same_port(server: Server) -> Iterator[Hit]:
    grpc, rest = server.grpc_port, server.rest_port
    if grpc and grpc == rest:
        flag = server.flag("rest_api_port") or server.flag("port")
        message = f"REST and gRPC both ask for port {grpc}."
        yield Hit((flag or server).place, message, "give --rest_api_port=8501 and --port=8500.")


def _hangs(server: Server) -> Iterator[Hit]:
    for name, least in _LEAST.items():
        flag = server.flag(name)
        value = flag.taken if flag else None
        if flag and value and re.fullmatch(r"-?\d+", value) and int(value) < least:
            causes = {
                "rest_api_num_threads": "REST takes connections and never answers, or the server "
                "aborts.",
                "file_system_poll_wait_seconds": "models that are added later are never loaded, "
                "and a reload that adds one hangs for ever.",
            }
            fix = f"give at least {least}, or leave the flag out."
            yield Hit(flag.place, f"--{name}={value} makes the server hang.", fix, causes[name])
    flag = server.flag("enable_serialization_as_tensor_content")
    if flag and server.on(flag.name):
        message = "--enable_serialization_as_tensor_content spoils the answers of REST."
        cause = "predictions over REST are zeros, with status 200."
        yield Hit(flag.place, message, "leave it out.", cause)


def _twice(server: Server) -> Iterator[Hit]:
    seen: dict[str, Flag] = {}
    for flag in server.flags:
        before = seen.get(flag.name)
        if flag.name in FLAGS and before and before.value != flag.value:
            message = f"--{flag.name} is given twice: {before.value} and {flag.value}."
            yield Hit(flag.place, message, "keep one of them.")
        seen[flag.name] = flag


def _service_key(server: Server) -> Iterator[Hit]:
    for key in server.raw if server.form == "compose" else ():
        name = str(key).lstrip("-").replace("-", "_")
        if name in FLAGS or is_gpu_fraction(name):
            real = name if name in FLAGS else _GPU_FRACTION
            message = f"'{key}' is a flag of the server, not a key of a Compose service."
            fix = f"write it under `command:` as --{real}={server.raw[key]}."
            yield Hit(server.at(key), message, fix)


def _variable(server: Server) -> Iterator[Hit]:
    mkl = server.tag.endswith("-mkl")
    for name, word in server.environment.items():
        flag = name.lower().removeprefix("tf_serving_").removeprefix("tfs_")
        read = name in ("MODEL_NAME", "MODEL_BASE_PATH") or (mkl and name.startswith("TENSORFLOW_"))
        # TensorFlow and the drivers have variables of their own.
        read = read or name.startswith(("TF_FORCE", "TF_GPU", "CUDA_", "NVIDIA_"))
        if (flag in FLAGS or is_gpu_fraction(flag)) and not read:
            real = flag if flag in FLAGS else _GPU_FRACTION
            message = f"Nothing reads the environment variable {name}."
            yield Hit(word.place, message, f"give the flag --{real}={word.text}.")
        elif name in ("MODEL_NAME", "MODEL_BASE_PATH") and server.entry == "server":
            message = f"{name} is read by the image's entry point, which is replaced here."
            yield Hit(word.place, message, f"give the flag --{name.lower()}, or leave it out.")


def _beside_config(server: Server) -> Iterator[Hit]:
    if server.flag("model_config_file"):
        for name in ("model_name", "model_base_path"):
            if flag := server.flag(name):
                message = f"--{name} is ignored beside --model_config_file."
                yield Hit(flag.place, message, "leave it out, or put the model into the file.")
        for name in ("MODEL_NAME", "MODEL_BASE_PATH"):
            if server.entry == "image" and name in server.environment:
                message = f"{name} is ignored beside --model_config_file."
                fix = "leave it out, or put the model into the file."
                yield Hit(server.environment[name].place, message, fix)


def _alone(server: Server) -> Iterator[Hit]:
    monitoring = server.flag("monitoring_config_file")
    if monitoring and server.rest_port == 0:
        message = "--monitoring_config_file needs REST, which is off."
        yield Hit(monitoring.place, message, "add --rest_api_port=8501.")
    per_model = server.flag("enable_per_model_batching_parameters")
    if per_model and not server.on("enable_batching"):
        message = "--enable_per_model_batching_parameters needs --enable_batching."
        yield Hit(per_model.place, message, "add --enable_batching=true.")
    poll = server.flag("model_config_file_poll_wait_seconds")
    if poll and not server.flag("model_config_file"):
        message = "--model_config_file_poll_wait_seconds needs --model_config_file."
        yield Hit(poll.place, message, "add --model_config_file, or leave it out.")
    ssl = server.flag("ssl_config_file")
    if ssl and any(one.inside == server.rest_port for one in server.ports):
        message = "--ssl_config_file encrypts gRPC only, and REST is published."
        cause = "REST answers everybody unencrypted and without a key."
        yield Hit(ssl.place, message, "put a proxy with TLS before REST.", cause)


def _not_polled(server: Server) -> Iterator[Hit]:
    flag = server.flag("model_config_file")
    wait = server.value("model_config_file_poll_wait_seconds")
    if flag and server.lasting and server.form != "dockerfile" and wait in (None, "0"):
        message = "A changed models.config isn't noticed."
        fix = "add --model_config_file_poll_wait_seconds=10, or reload over gRPC."
        yield Hit(flag.place, message, fix)


FLAG_CHECKS: tuple[Check[Server], ...] = (
    Check("TFD255", "error", IGNORED, _unknown),
    Check("TFD256", "error", IGNORED, _with_space),
    Check("TFD257", "error", f"the whole GPU is taken: {IGNORED}", _gpu_fraction),
    Check("TFD258", "error", IGNORED, _other_form),
    Check("TFD259", "error", ENDS, _bad_value),
    Check("TFD260", "error", IGNORED, _too_new),
    Check("TFD261", "error", ENDS, _together),
    Check("TFD262", "error", "the server says nothing about it.", _platform_file),
    Check("TFD263", "error", "one line in the log, and REST stays off.", _same_port),
    Check("TFD264", "error", "the server hangs.", _hangs),
    Check("TFD265", "warning", "the last one counts.", _twice),
    Check("TFD266", "error", "it is without effect.", _docker_option),
    Check("TFD267", "error", "Compose refuses the file.", _service_key),
    Check("TFD268", "error", "it is without effect.", _variable),
    Check("TFD269", "warning", "it is without effect.", _beside_config),
    Check("TFD271", "error", "it is without effect.", _alone),
    Check("TFD299", "warning", "the server reads the file once, at its start.", _not_polled),
)
