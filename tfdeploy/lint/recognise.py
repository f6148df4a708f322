"""What a file is, by its contents first and by its name where they say nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tfdeploy.lint.configs import Kind

FileKind = Literal["stack", "compose", "shell", "dockerfile"] | Kind

_SERVER = re.compile(
    r"tensorflow[/_-]?(?:model[/_-]?)?serv|tf[-_]?serving|model_config_file|model_base_path"
    r"|rest_api_port|per_process_gpu|TFDEPLOY",
    re.IGNORECASE,
)
_CONTENTS: tuple[tuple[str, Kind], ...] = (
    (r"^\s*(?:model_config_list|custom_model_config)\b", "models"),
    (r"^\s*config\s*:?\s*\{", "models"),
    (r"^\s*prometheus_config\b", "monitoring"),
    (r"^\s*platform_configs\b", "platform"),
    (
        r"^\s*(?:max_batch_size|batch_timeout_micros|max_enqueued_batches|num_batch_threads"
        r"|allowed_batch_sizes|thread_pool_name|pad_variable_length_inputs"
        r"|enable_large_batch_splitting|max_execution_batch_size)\b",
        "batching",
    ),
    (r"^\s*(?:server_key|server_cert|custom_ca|client_verify)\b", "ssl"),
    (
        r"^\s*(?:gpu_options|device_count|graph_options|allow_soft_placement"
        r"|intra_op_parallelism_threads|inter_op_parallelism_threads|log_device_placement)\b",
        "session",
    ),
)
_NAMES: tuple[tuple[str, Kind], ...] = (
    (r"models?[._-]?(?:server[._-]?)?(?:config|conf|list)", "models"),
    (r"batch", "batching"),
    (r"monitor|prometheus", "monitoring"),
    (r"ssl", "ssl"),
    (r"session", "session"),
)
_TEXT_PROTO = {".config", ".conf", ".cfg", ".pbtxt", ".prototxt", ".textproto", ".txt", ".proto"}
_SCRIPTS = {".sh", ".bash", ".zsh", ".bat", ".cmd", ".ps1"}
_YAML = {".yaml", ".yml"}
_SKIPPED = {"node_modules", "site-packages", "__pycache__", "venv", "variables", "assets"}


def recognise(path: Path, text: str) -> FileKind | None:
    """What a file is; None for one that has nothing to do with a model server."""
    if path.suffix in _YAML:
        return _yaml_kind(text)
    if re.match(r"(?:.*\.)?dockerfile", path.name, re.IGNORECASE):
        return "dockerfile" if _SERVER.search(text) else None
    if path.suffix in _SCRIPTS or text.startswith("#!"):
        return "shell" if _SERVER.search(text) else None
    if path.suffix in _TEXT_PROTO or not path.suffix:
        found = _text_proto_kind(path, text)
        if found is None and re.search(r"\bdocker\b.*\brun\b|tensorflow_model_server", text):
            return "shell"
        return found
    return None


def _yaml_kind(text: str) -> FileKind | None:
    if re.search(r"^stack:", text, re.MULTILINE):
        return "stack"
    has_services = re.search(r"^[\"']?services[\"']?:", text, re.MULTILINE)
    return "compose" if has_services and _SERVER.search(text) else None


def _text_proto_kind(path: Path, text: str) -> Kind | None:
    for pattern, kind in _CONTENTS:
        if re.search(pattern, text, re.MULTILINE):
            return kind
    if path.suffix in (".txt", ""):
        return None
    found = (kind for pattern, kind in _NAMES if re.search(pattern, path.name, re.IGNORECASE))
    return next(found, None)


def candidates(folder: Path) -> Iterator[Path]:
    """The files of a folder, and below it, whose names could be those of a set-up."""
    for root, folders, names in os.walk(folder):
        if "saved_model.pb" in names or "saved_model.pbtxt" in names:
            folders.clear()
            continue
        folders[:] = sorted(one for one in folders if one[0] != "." and one not in _SKIPPED)
        for name in sorted(names):
            path = Path(root) / name
            known = path.suffix in _YAML | _TEXT_PROTO | _SCRIPTS
            if known or re.match(r"(?:.*\.)?dockerfile", name, re.IGNORECASE):
                yield path
