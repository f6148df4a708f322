"""Change a stack file's text and keep everything else in it. Pure: text to text.

The text is spliced where the parsed nodes stand, so that comments, quotes, order, indentation
and line ends of what isn't changed stay as they were written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

import yaml

from tfdeploy.errors import TfdeployError
from tfdeploy.stack.file import StackFile, parse_stack
from tfdeploy.stack.lines import yaml_word
from tfdeploy.stack.schema import ServedModel, VersionPolicy

Keys = tuple[str, ...]


def add_model(
    file: StackFile,
    name: str,
    service: str,
    *,
    path: str | None = None,
    versions: VersionPolicy | None = None,
    labels: Mapping[str, int] | None = None,
    dropped: Collection[str] = (),
) -> StackFile:
    """The stack file with a model more; one that is there already gets the new settings.

    Args:
        dropped: labels of the model that go.

    Raises:
        TfdeployError: TFD208 when there is no such service or label, and as ``parse_stack``.
    """
    pick_service(file, service)
    known = file.stack.services[service].models.get(name)
    there = (known.path if known else None) or name
    settings = _settings(None if path == there else path, versions, labels)
    models: Keys = ("services", service, "models")
    if known is None:
        text = _put_model(file.text, models, name, _inline(settings))
    else:
        text = _change_model(file.text, (*models, name), settings)
    for label in dropped:
        _check_label(file, known, label, models, name)
        text = _cut(text, (*models, name, "labels"), label)
    after = known.model_dump(exclude_unset=True) if known else {}
    after |= {**settings, **({"labels": dict(known.labels) | dict(labels or {})} if known else {})}
    for label in dropped:
        after["labels"].pop(label)
    return _checked(file, text, models, name, after)


def remove_model(file: StackFile, name: str, service: str | None) -> StackFile:
    """The stack file without a model.

    Raises:
        TfdeployError: TFD208 when it isn't there, or in several services and none was named.
    """
    service = service_of(file, name, service)
    models: Keys = ("services", service, "models")
    return _checked(file, _cut(file.text, models, name), models, name, None)


def drop_versions(file: StackFile, service: str, model: str) -> StackFile:
    """The stack file without a model's ``versions:``, which serves its latest version then.

    Raises:
        TfdeployError: TFD208 where the file can't be edited.
    """
    known = file.stack.services[service].models[model].model_dump(exclude_unset=True)
    if "versions" not in known:
        return file
    models: Keys = ("services", service, "models")
    text = _cut(file.text, (*models, model), "versions")
    after = {key: value for key, value in known.items() if key != "versions"}
    return _checked(file, text, models, model, after)


def service_of(file: StackFile, model: str, service: str | None) -> str:
    """The one service that has a model, or the one that was named.

    Raises:
        TfdeployError: TFD208.
    """
    having = [name for name, one in file.stack.services.items() if model in one.models]
    if service in having:
        return str(service)
    if service is None and len(having) == 1:
        return having[0]
    if having and service is None:
        message = f"Model '{model}' is in several services: {', '.join(having)}."
        hint = "name one with --service."
    else:
        at = f" in service '{service}'" if service else ""
        message = f"There is no model '{model}'{at}."
        models = sorted({m for one in file.stack.services.values() for m in one.models})
        hint = f"models of the stack: {', '.join(models) or 'none'}."
    raise TfdeployError("TFD208", message, where=file.where("services"), hint=hint)


def pick_service(file: StackFile, service: str | None) -> str:
    """The service that was named, or the only one.

    Raises:
        TfdeployError: TFD208.
    """
    names = list(file.stack.services)
    if service is None and len(names) == 1:
        return names[0]
    if service in file.stack.services:
        return str(service)
    message = f"There is no service '{service}'." if service else "Which service is meant?"
    listed = ", ".join(names) or "none"
    hint = f"services of the stack: {listed}. Name one with --service, or add it to the file."
    raise TfdeployError("TFD208", message, where=file.where("services"), hint=hint)


def _check_label(
    file: StackFile, known: ServedModel | None, label: str, models: Keys, name: str
) -> None:
    there = known.labels if known else {}
    if label not in there:
        raise TfdeployError(
            "TFD208",
            f"Model '{name}' has no label '{label}'.",
            where=file.where(*models, name, "labels"),
            hint=f"labels of the model: {', '.join(there) or 'none'}.",
        )


def _settings(
    path: str | None, versions: VersionPolicy | None, labels: Mapping[str, int] | None
) -> dict[str, Any]:
    policy = versions if versions is None or isinstance(versions, str) else versions.model_dump()
    values = {"path": path, "versions": policy, "labels": dict(labels or {}) or None}
    return {key: value for key, value in values.items() if value is not None}


def _checked(
    file: StackFile, text: str, models: Keys, name: str, model: dict[str, Any] | None
) -> StackFile:
    """The edited file, which must say what was wanted and nothing else (anchors, merge keys)."""
    by_hand = TfdeployError(
        "TFD208",
        f"The models of service '{models[1]}' are written in a way that can't be edited here.",
        where=file.where(*models),
        hint="edit the file by hand; anchors, aliases and merge keys are left to people.",
    )
    try:
        after = parse_stack(text, file.path)
    except TfdeployError as error:
        raise (by_hand if error.code == "TFD202" else error) from error
    wanted = file.stack.model_dump(exclude_unset=True)
    service = wanted["services"][models[1]]
    kept = {key: one for key, one in (service.get("models") or {}).items() if key != name}
    service["models"] = kept if model is None else {**kept, name: model}
    if after.stack != type(after.stack).model_validate(_publishable(wanted)):
        raise by_hand
    return after


def _publishable(stack: dict[str, Any]) -> dict[str, Any]:
    """Ports as they are written in a file, which is what the schema reads."""
    for service in stack["services"].values():
        ports = service.get("publish") or {}
        ports.update({kind: f"{address}:{port}" for kind, (address, port) in ports.items()})
    return stack


def _inline(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{yaml_word(k)}: {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return yaml_word(value) if isinstance(value, str) else json.dumps(value)


def _node(text: str, path: Keys) -> yaml.MappingNode:
    # Not the C loader: only this one's marks count in characters.
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for part in path:
        node = _pair(node, part)[1]
    assert isinstance(node, yaml.MappingNode)
    return node


def _pair(mapping: Any, name: str) -> tuple[Any, Any]:
    """Key and value of an entry; (None, None) when it isn't there."""
    pairs = mapping.value if isinstance(mapping, yaml.MappingNode) else []
    return next(((key, value) for key, value in pairs if key.value == name), (None, None))


def _is_empty(node: yaml.Node) -> bool:
    return bool(node.start_mark.index == node.end_mark.index)


def _end(text: str, node: yaml.Node) -> int:
    """Where a value's own text ends: a block's end mark stands behind the comments below it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    end = int(node.end_mark.index)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return len(text[:end].rstrip())
    return end


def _line_end(text: str, index: int) -> int:
    """The end of the line, before its line end."""
    match = re.compile(r"\r?\n").search(text, index)
    return match.start() if match else len(text)


def _new_line(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _replace(text: str, key: yaml.Node, value: yaml.Node, new: str) -> str:
    """An entry's value, whatever its form, becomes ``new``."""
    if _is_empty(value):
        colon = ":" in text[key.end_mark.index : value.start_mark.index]
        at = value.start_mark.index if colon else key.end_mark.index
        return text[:at] + (f" {new}" if colon else f": {new}") + text[at:]
    if not getattr(value, "flow_style", True):
        # A block stands on the lines below its key.
        colon_end = text.index(":", key.end_mark.index) + 1
        return text[:colon_end] + f" {new}" + text[_end(text, value) :]
    return text[: value.start_mark.index] + new + text[_end(text, value) :]


def _append(text: str, mapping: yaml.MappingNode, entry: str) -> str:
    """A mapping that has entries gets one more behind its last."""
    end = _end(text, mapping.value[-1][1])
    if mapping.flow_style:
        return f"{text[:end]}, {entry}{text[end:]}"
    at = _line_end(text, end)
    indent = " " * mapping.start_mark.column
    return text[:at] + _new_line(text) + indent + entry + text[at:]


def _put(text: str, path: Keys, name: str, value: Any) -> str:
    """Set one entry of a mapping that has entries or stands in braces."""
    mapping = _node(text, path)
    key, old = _pair(mapping, name)
    if key is not None:
        return _replace(text, key, old, _inline(value))
    entry = f"{yaml_word(name)}: {_inline(value)}"
    if mapping.value:
        return _append(text, mapping, entry)
    at = mapping.start_mark.index + 1
    return text[:at] + entry + text[at:]


def _put_model(text: str, models: Keys, name: str, entry: str) -> str:
    service = _node(text, models[:-1])
    key, value = _pair(service, "models")
    line = f"{yaml_word(name)}: {entry}"
    if getattr(value, "value", None) and isinstance(value, yaml.MappingNode):
        return _append(text, value, line)
    if service.flow_style:
        if key is not None:
            return _replace(text, key, value, f"{{{line}}}")
        if service.value:
            return _append(text, service, f"models: {{{line}}}")
        at = service.start_mark.index
        return f"{text[:at]}{{models: {{{line}}}}}{text[service.end_mark.index :]}"
    below = " " * (service.start_mark.column + _step(text, models))
    if key is None:
        return _append(text, service, f"models:{_new_line(text)}{below}{line}")
    colon_end = text.index(":", key.end_mark.index) + 1
    at = _line_end(text, _end(text, value))
    rest = text[colon_end if _is_empty(value) else _end(text, value) : at]
    return f"{text[:colon_end]}{rest}{_new_line(text)}{below}{line}{text[at:]}"


def _step(text: str, models: Keys) -> int:
    """How far the file indents a block below its key."""
    services, service = _node(text, models[:1]), _node(text, models[:2])
    return int(service.start_mark.column - services.start_mark.column)


def _change_model(text: str, model: Keys, settings: dict[str, Any]) -> str:
    key, value = _pair(_node(text, model[:-1]), model[-1])
    if not isinstance(value, yaml.MappingNode):
        return _replace(text, key, value, _inline(settings)) if settings else text
    for name, new in settings.items():
        labels = _pair(_node(text, model), "labels")[1] if name == "labels" else None
        if isinstance(labels, yaml.MappingNode):
            for label, number in new.items():
                text = _put(text, (*model, "labels"), label, number)
        else:
            text = _put(text, model, name, new)
    return text


def _cut(text: str, models: Keys, name: str) -> str:
    mapping = _node(text, models)
    names = [key.value for key, _ in mapping.value]
    at = names.index(name)
    key, value = mapping.value[at]
    start, end = key.start_mark.index, max(_end(text, value), key.end_mark.index)
    if mapping.flow_style:
        if at:
            start = _end(text, mapping.value[at - 1][1])
        elif len(names) > 1:
            end = mapping.value[1][0].start_mark.index
        return text[:start] + text[end:]
    # Whole lines, with the line end before them: the last line of a file may have none.
    start = start - key.start_mark.column
    before = re.search(r"\r?\n\Z", text[:start])
    text = text[: before.start() if before else start] + text[_line_end(text, end) :]
    if len(names) == 1:
        owner = _pair(_node(text, models[:-1]), models[-1])
        text = _replace(text, *owner, "{}")
    return text
