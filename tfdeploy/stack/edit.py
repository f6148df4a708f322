"""Change a stack file's text and keep its comments, order and quotes. Pure: text to text."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.stack.file import StackFile, parse_stack
from tfdeploy.stack.schema import VersionPolicy


def add_model(
    file: StackFile,
    name: str,
    service: str,
    *,
    path: str | None = None,
    versions: VersionPolicy | None = None,
    labels: Mapping[str, int] | None = None,
) -> StackFile:
    """The stack file with a model more; one that is there already gets the new settings.

    Raises:
        TfdeployError: TFD208 when there is no such service, and as ``parse_stack``.
    """
    document, write = _open(file)
    models = _models(file, document, service)
    entry: dict[str, Any] = models.get(name) if isinstance(models.get(name), dict) else {}
    if path is not None and path != name:
        entry["path"] = path
    if versions is not None:
        entry["versions"] = versions if isinstance(versions, str) else _flow(versions.model_dump())
    if labels:
        known = entry.get("labels")
        if isinstance(known, dict):
            known.update(labels)
        else:
            entry["labels"] = _flow(dict(labels))
    models[name] = entry or _flow({})
    return parse_stack(write(document), file.path)


def remove_model(file: StackFile, name: str, service: str | None) -> StackFile:
    """The stack file without a model.

    Raises:
        TfdeployError: TFD208 when it isn't there, or in several services and none was named.
    """
    service = service_of(file, name, service)
    document, write = _open(file)
    models = _models(file, document, service)
    del models[name]
    if not models:
        document["services"][service]["models"] = _flow({})
    return parse_stack(write(document), file.path)


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


def _flow(value: dict[str, Any]) -> Any:
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    flow = CommentedMap()
    for key, inner in value.items():
        if isinstance(inner, list):
            items = CommentedSeq(inner)
            items.fa.set_flow_style()
            inner = items
        flow[key] = inner
    flow.fa.set_flow_style()
    return flow


def _open(file: StackFile) -> tuple[Any, Any]:
    """The document with its comments, and a function that writes it back in its own style."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    indent = re.search(r"^( +)\S", file.text, re.MULTILINE)
    step = len(indent[1]) if indent else 2
    dashes = re.search(r"^( *)[^\s#-][^\n]*:[ ]*\n( *)- ", file.text, re.MULTILINE)
    offset = len(dashes[2]) - len(dashes[1]) if dashes else 0
    yaml.indent(mapping=step, sequence=offset + 2, offset=offset)
    # Null as people write it: nothing behind the colon.
    yaml.representer.add_representer(
        type(None), lambda rep, _: rep.represent_scalar("tag:yaml.org,2002:null", "")
    )

    def write(document: Any) -> str:
        stream = io.StringIO()
        yaml.dump(document, stream)
        return stream.getvalue()

    return yaml.load(file.text), write


def _models(file: StackFile, document: Any, service: str) -> Any:
    """The `models:` block of a service, made where it is missing."""
    pick_service(file, service)
    block = document["services"][service]
    if block is None:
        block = document["services"][service] = type(document)()
    if not block.get("models"):
        block["models"] = type(document)()
    return block["models"]
