"""Findings in a models.config.

Facts: tensorflow_serving/model_servers/server_core.cc (validation, labels),
sources/storage_path/file_system_storage_path_source.cc (versions).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tfdeploy.lint.configs import ConfigFile
from tfdeploy.lint.finding import Check, Hit
from tfdeploy.lint.server import REMOTE
from tfdeploy.lint.textproto import Message

_HOST = re.compile(
    r"/(?:home|Users|root|mnt/[a-z]/|media|c/|private|var/folders|host_mnt)\b"
    r"|[A-Za-z]:[\\/]|~|\\\\"
)


def _name(model: Message) -> str:
    return model.text("name") or ""


def _platform(file: ConfigFile) -> Iterator[Hit]:
    for model in file.models():
        type_, given = model.text("model_type"), model.text("model_platform")
        if type_ and given:
            what, fix = "both model_type and model_platform", "leave out model_type."
        elif given is None and type_ in (None, "0", "MODEL_TYPE_UNSPECIFIED"):
            what, fix = "no model_platform", 'add model_platform: "tensorflow".'
        elif given not in (None, "tensorflow") and not _platform_file(file):
            what = f"the platform '{given}', which the server doesn't have"
            fix = 'write model_platform: "tensorflow".'
        elif type_ in ("OTHER", "2"):
            what, fix = "model_type OTHER", 'write model_platform: "tensorflow".'
        else:
            continue
        line = model.line_of("model_platform") if given else model.line
        yield Hit(file.at(line), f"Model '{_name(model)}' has {what}.", fix)


def _platform_file(file: ConfigFile) -> bool:
    return file.server is not None and file.server.flag("platform_config_file") is not None


def _relative_path(file: ConfigFile) -> Iterator[Hit]:
    for model in file.models():
        base = model.text("base_path")
        if base is None or not base:
            message = f"Model '{_name(model)}' has no base_path."
            yield Hit(file.at(model.line), message, "add the folder that holds its versions.")
        elif not (base.startswith("/") or REMOTE.match(base) or _HOST.match(base)):
            message = f"The base path '{base}' is relative."
            fix = "write it as the server sees it, such as /models/NAME."
            yield Hit(file.at(model.line_of("base_path")), message, fix)


def host_path(file: ConfigFile) -> Iterator[Hit]:
    """A path of the host, which a container doesn't have unless it is mounted under that name."""
    for model in file.models():
        base = model.text("base_path") or ""
        server = file.server
        if server is not None and (server.form == "command" or server.mount_of(base)):
            continue
        on_host = server is not None and any(
            one.host is not None and base.startswith(str(one.host)) for one in server.mounts
        )
        if _HOST.match(base) or on_host:
            message = f"The base path '{base}' is one of the host."
            fix = "write the path inside the container, such as /models/NAME, and mount it there."
            yield Hit(file.at(model.line_of("base_path")), message, fix)


def _names(file: ConfigFile) -> Iterator[Hit]:
    seen: set[str] = set()
    for model in file.models():
        name, line = _name(model), model.line_of("name")
        if name in seen and name:
            message = f"Model '{name}' is listed twice."
            fix = "name every model once; several versions go into model_version_policy."
            yield Hit(file.at(line), message, fix)
        seen.add(name)
        if not name or re.search(r"[/:\s?#%]", name):
            message = f"Over REST no request reaches a model of the name '{name}'."
            cause = "the server starts, and requests for the model are answered with 400 or 404."
            yield Hit(file.at(line), message, "give it letters, digits, - and _.", cause)


def _logging(file: ConfigFile) -> Iterator[Hit]:
    for model in file.models():
        if next(model.all("logging_config"), None) is not None:
            message = f"Model '{_name(model)}' has a logging_config."
            fix = "leave it out, and log requests at a proxy."
            yield Hit(file.at(model.line_of("logging_config")), message, fix)


def _labels(model: Message) -> Iterator[tuple[str, str, int]]:
    for entry in model.messages("version_labels"):
        yield entry.text("key") or "", entry.text("value") or "0", entry.line


def _labels_at_start(file: ConfigFile) -> Iterator[Hit]:
    server = file.server
    if server is not None and server.on("allow_version_labels_for_unavailable_models"):
        return
    for model in file.models():
        label = next(_labels(model), None)
        if label is not None:
            message = f"Model '{_name(model)}' has labels, which are checked before it is loaded."
            fix = "start the server with --allow_version_labels_for_unavailable_models=true."
            yield Hit(file.at(label[2]), message, fix)


def _labels_served(file: ConfigFile) -> Iterator[Hit]:
    for model in file.models():
        found = list(_labels(model))
        served = _served(model)
        for label, number, line in found if served is not None else ():
            if number not in served:  # type: ignore[operator]
                message = f"Label '{label}' of '{_name(model)}' points at version {number}, "
                listed = f"serves {', '.join(served or ()) or 'none'}"
                fix = f"add version {number} to `specific`, or move the label."
                yield Hit(file.at(line), f"{message}and the policy {listed}.", fix)
        if served is None and len({number for _, number, _ in found}) > _most(model):
            message = f"The labels of '{_name(model)}' point at more versions than are served."
            fix = "write model_version_policy { specific { versions: ... } } with each of them."
            yield Hit(file.at(found[-1][2]), message, fix)


def _served(model: Message) -> list[str] | None:
    """The versions of a ``specific`` policy; None for the others."""
    for policy in model.messages("model_version_policy"):
        for specific in policy.messages("specific"):
            return [one.text for one in specific.scalars("versions")]
    return None


def _most(model: Message) -> float:
    """How many versions the policy serves at most."""
    for policy in model.messages("model_version_policy"):
        if next(policy.all("all"), None) is not None:
            return float("inf")
        for latest in policy.messages("latest"):
            number = latest.text("num_versions") or "1"
            return max(1, int(number)) if number.isdecimal() else 1
    return 1


def _nothing_served(file: ConfigFile) -> Iterator[Hit]:
    if file.problem is None and not file.text:
        message = "The file is empty, and a file of no bytes can't be read."
        yield Hit(file.at(1), message, "list a model.", "the server ends at its start.")
    elif file.tree is not None and not file.models():
        empty = not file.tree.fields or next(file.tree.all("model_config_list"), None) is not None
        if empty:
            message = "No model is listed."
            cause = "the server starts without a model, and adding one later may hang the reload."
            yield Hit(file.at(file.tree.line_of("model_config_list")), message, "list one.", cause)
    for model in file.models():
        if _served(model) == []:
            line = model.line_of("model_version_policy")
            message = f"`specific` of model '{_name(model)}' names no version."
            cause = "the server waits for ever, its ports closed."
            yield Hit(file.at(line), message, "name versions, or leave the policy out.", cause)


def _custom(file: ConfigFile) -> Iterator[Hit]:
    field = next(file.tree.all("custom_model_config"), None) if file.tree else None
    if field is not None:
        message = "custom_model_config is for servers that are built with an own loader."
        yield Hit(file.at(field.line), message, "write model_config_list { ... }.")


def _too_deep(file: ConfigFile) -> Iterator[Hit]:
    for model in file.models():
        base = (model.text("base_path") or "").rstrip("/")
        if re.search(r"/\d+$|/variables$|/saved_model\.pbt?x?t?$", base):
            message = f"The base path '{base}' leads to a version, not to the folder of versions."
            fix = f"write '{base.rpartition('/')[0]}'; the server looks for numbers below it."
            yield Hit(file.at(model.line_of("base_path")), message, fix)


MODELS_CHECKS: tuple[Check[ConfigFile], ...] = (
    Check("TFD274", "error", "the server ends at its start.", _platform),
    Check("TFD275", "error", "the server ends at its start.", _relative_path),
    Check(
        "TFD276",
        "error",
        "the container has no such folder: the server finds no version of any model and never "
        "opens its ports.",
        host_path,
    ),
    Check("TFD277", "error", "the server ends at its start.", _names),
    Check(
        "TFD278",
        "error",
        "the server loads all models and then ends: it has no request logger.",
        _logging,
    ),
    Check("TFD279", "error", "the server ends at its start, and a reload fails.", _labels_at_start),
    Check("TFD205", "error", "requests for the label are answered with an error.", _labels_served),
    Check("TFD280", "error", "the server ends at its start.", _nothing_served),
    Check("TFD281", "error", "the server aborts at its start.", _custom),
    Check(
        "TFD115",
        "error",
        "the server finds no version there and waits for ever, its ports closed.",
        _too_deep,
    ),
)
