"""One server of a set-up as a service's block of a stack file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tfdeploy.importing.gpus import gpu_block
from tfdeploy.importing.imported import Leftovers
from tfdeploy.lint import Server
from tfdeploy.lint.checks.batching import wrapped_number
from tfdeploy.lint.checks.flags import is_gpu_fraction
from tfdeploy.lint.server import Flag
from tfdeploy.stack.flags import FLAGS, check_flag
from tfdeploy.stack.schema import DEFAULT_IMAGE, parse_bytes

# Said by other fields of a stack file, or always rendered.
_TOLD_ELSEWHERE = {
    "port", "rest_api_port", "model_name", "model_base_path", "model_config_file",
    "model_config_file_poll_wait_seconds", "enable_batching", "batching_parameters_file",
    "monitoring_config_file", "allow_version_labels_for_unavailable_models",
    "per_process_gpu_memory_fraction",
}  # fmt: skip
# Flags whose file would have to be mounted beside the models.
_WITH_A_FILE = {
    "platform_config_file", "ssl_config_file", "tensorflow_session_config_file",
    "thread_pool_factory_config_file",
}  # fmt: skip
_NUMBERS = (
    "max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads",
    "max_execution_batch_size",
)  # fmt: skip


def service_block(
    server: Server, servers: Sequence[Server], leftovers: Leftovers
) -> dict[str, Any]:
    """Every field of the service but its models and its image."""
    environment, flags = _environment_and_flags(server, leftovers)
    fields = {
        "gpu": gpu_block(server, servers, leftovers),
        "batching": _batching(server, leftovers),
        "publish": _publish(server, leftovers),
        "resources": _resources(server, leftovers),
        "user": _user(server, leftovers),
        "environment": environment,
        "flags": flags,
    }
    # An empty batching block asks for batching with its defaults.
    return {name: one for name, one in fields.items() if one or (name, one) == ("batching", {})}


def image_of(server: Server, leftovers: Leftovers) -> str:
    """The image, pinned."""
    image = server.image
    gpu = "-gpu" if server.gpus else ""
    if image is None or "$" in image.text:
        what = f"the image {image.text}" if image else f"no image for {server.name}"
        leftovers.replaced((image or server).place, what, f"{DEFAULT_IMAGE}{gpu} was written")
        return DEFAULT_IMAGE + gpu
    if "@" in image.text or (server.tag and not re.match("latest|nightly", server.tag)):
        return image.text
    name = image.text.removesuffix(f":{server.tag}")
    suffix = "-gpu" if "gpu" in server.tag else ""
    pinned = f"{name}:{DEFAULT_IMAGE.rpartition(':')[2]}{suffix}"
    why = f"it isn't pinned; {pinned} was written"
    leftovers.replaced(image.place, f"the image {image.text}", why)
    return pinned


def _batching(server: Server, leftovers: Leftovers) -> dict[str, Any] | None:
    if not (server.on("enable_batching") or server.flag("batching_parameters_file")):
        return None
    config = server.configs.get("batching_parameters_file")
    flag = server.flag("batching_parameters_file")
    if config is None or config.tree is None:
        if flag is not None:
            why = "the file can't be read; batching has its defaults"
            leftovers.dropped(flag.place, flag.written, why)
        return {}
    tree = config.tree
    block: dict[str, Any] = {name: wrapped_number(tree, name) for name in _NUMBERS}
    sizes = [int(one.text) for one in tree.scalars("allowed_batch_sizes") if one.text.isdecimal()]
    block["allowed_batch_sizes"] = sizes
    block["pad_variable_length_inputs"] = tree.text("pad_variable_length_inputs") == "true"
    splitting = tree.messages("enable_large_batch_splitting")
    block["enable_large_batch_splitting"] = any(o.text("value") == "true" for o in splitting)
    for field in tree.fields:
        if field.name not in block:
            why = "a stack has no such setting"
            leftovers.dropped(config.at(field.line), f"{field.name} of batching", why)
    return {name: value for name, value in block.items() if value not in (None, False, [])}


def _publish(server: Server, leftovers: Leftovers) -> dict[str, Any]:
    if server.host_network:
        why = "a service is on the stack's network; its ports were published instead"
        leftovers.replaced(server.place, f"the host's network for {server.name}", why)
        ports = {"rest": server.rest_port, "grpc": server.grpc_port}
        return {kind: f"0.0.0.0:{port}" for kind, port in ports.items() if port}
    if server.form == "command":
        # A bare server listens on every interface.
        ports = {"rest": server.rest_port, "grpc": server.grpc_port}
        return {kind: f"0.0.0.0:{port}" for kind, port in ports.items() if port}
    found: dict[str, Any] = {}
    inside = {server.rest_port: "rest", server.grpc_port: "grpc"}
    for port in server.ports:
        kind = inside.get(port.inside)
        if kind is None or kind in found:
            leftovers.dropped(port.place, f"port {port.host}:{port.inside}", "nobody listens there")
        elif port.host is not None:
            found[kind] = f"{port.address or '0.0.0.0'}:{port.host}"  # noqa: S104
    return {kind: found[kind] for kind in ("rest", "grpc") if kind in found}


def _resources(server: Server, leftovers: Leftovers) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if server.cpus is not None:
        number = re.fullmatch(r"\d*\.?\d+", server.cpus.text)
        if number and float(server.cpus.text):
            found["cpus"] = float(server.cpus.text)
        else:
            why = "it is no number above 0"
            leftovers.dropped(server.cpus.place, f"cpus {server.cpus.text}", why)
    if server.memory is not None:
        size = _memory(server.memory.text)
        if size is None:
            leftovers.dropped(server.memory.place, f"memory {server.memory.text}", "it is no size")
        else:
            found["memory"] = size
    return found


def _memory(text: str) -> str | None:
    """A size as Docker writes it, where ``4g`` and ``4GB`` are 4 GiB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)i?b?", text.strip().lower())
    if match is None:
        return None
    unit = {"": "B", "b": "B", "k": "KiB", "m": "MiB", "g": "GiB", "t": "TiB"}[match[2]]
    return f"{match[1]}{unit}" if parse_bytes(f"{match[1]}{unit}") else None


def _user(server: Server, leftovers: Leftovers) -> str | None:
    if server.user is None or "$" not in server.user.text:
        return server.user.text if server.user else None
    leftovers.dropped(server.user.place, f"user {server.user.text}", "its variables aren't known")
    return None


# --- flags and variables ---


def _environment_and_flags(
    server: Server, leftovers: Leftovers
) -> tuple[dict[str, str], dict[str, Any]]:
    environment: dict[str, str] = {}
    flags: dict[str, Any] = {}
    for flag in (*server.before_image, *server.flags):
        _take_flag(server, flag, flags, leftovers)
    for name, word in server.environment.items():
        if name in ("MODEL_NAME", "MODEL_BASE_PATH") or name.startswith("NVIDIA_"):
            continue
        if name.lower() in FLAGS:
            meant = Flag(name.lower(), word.text, word.place, "equals", name)
            _take_flag(server, meant, flags, leftovers)
        elif is_gpu_fraction(name.lower()) and not name.startswith("TF_"):
            continue
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
            leftovers.dropped(word.place, f"variable {name}", "it is no variable's name")
        elif "$" in word.text:
            why = "a stack's variables are plain texts; write the value"
            leftovers.dropped(word.place, f"{name}={word.text}", why)
        else:
            environment[name] = word.text
    return environment, flags


def _take_flag(server: Server, flag: Flag, into: dict[str, Any], leftovers: Leftovers) -> None:
    known = FLAGS.get(flag.name)
    if flag.name in _TOLD_ELSEWHERE or is_gpu_fraction(flag.name):
        _say_what_moves(server, flag, leftovers)
    elif known is None:
        leftovers.dropped(flag.place, flag.written, "the server has no such flag")
    elif flag.name in _WITH_A_FILE:
        why = "its file isn't mounted; a template of your own can do that (docs/architecture.md)"
        leftovers.dropped(flag.place, flag.written, why)
    else:
        value = _value(known.type, flag.value)
        image = server.image.text if server.image else DEFAULT_IMAGE
        wrong = check_flag(flag.name, value, image)
        if wrong:
            leftovers.dropped(flag.place, flag.written, wrong[0].rstrip("."))
        else:
            into[flag.name] = value


def _value(type_: str, text: str | None) -> Any:
    if type_ == "bool":
        words = {None: True, "true": True, "1": True, "false": False, "0": False}
        return words.get(text.lower() if text else None, text)
    if type_ == "int" and text is not None and re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return text


def _say_what_moves(server: Server, flag: Flag, leftovers: Leftovers) -> None:
    """Ports and paths that clients know, and that a stack fixes."""
    fixed = {"port": "8500", "rest_api_port": "8501"}
    if flag.name in fixed and flag.value != fixed[flag.name] and server.form != "command":
        why = f"on the stack's network it is {fixed[flag.name]}"
        leftovers.replaced(flag.place, flag.written, why)
    if flag.name == "monitoring_config_file":
        config = server.configs.get(flag.name)
        blocks = config.tree.messages("prometheus_config") if config and config.tree else ()
        path = next((one.text("path") for one in blocks), None)
        if path not in (None, "/monitoring/prometheus/metrics"):
            why = "metrics are at /monitoring/prometheus/metrics"
            leftovers.replaced(flag.place, f"the path {path} of the metrics", why)
