"""The models of a server, with the folders of this host that hold them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.importing.imported import Leftovers, ServedFrom
from tfdeploy.lint import Place, Server
from tfdeploy.lint.configs import ConfigFile
from tfdeploy.lint.server import REMOTE
from tfdeploy.lint.textproto import Message
from tfdeploy.savedmodel.names import MODEL_NAME, MODEL_NAME_RULE


def served_from(server: Server, leftovers: Leftovers) -> list[ServedFrom]:
    """The models that lie in folders of this host; the others become leftovers."""
    found: list[ServedFrom] = []
    for model, inside, place in _models(server, leftovers):
        base = server.host_path(inside) if inside and not REMOTE.match(inside) else None
        if re.fullmatch(MODEL_NAME, model.name) is None:
            what = f"model '{model.name}' of {server.name}"
            leftovers.dropped(place, what, f"a model's name is {MODEL_NAME_RULE}")
        elif model.name in {one.name for one in found}:
            what = f"model '{model.name}' of {server.name}, the second of that name"
            leftovers.dropped(place, what, "the server refuses a model that is listed twice")
        elif base is None:
            why = f"its base path {inside or '(none)'} isn't in a folder of this host"
            leftovers.dropped(place, f"model '{model.name}' of {server.name}", why)
        else:
            path = Path(os.path.abspath(base))
            found.append(ServedFrom(model.name, path, model.versions, model.labels))
    return found


def _models(server: Server, leftovers: Leftovers) -> Iterator[tuple[ServedFrom, str, Place]]:
    """(model without its folder, base path as the server sees it, place)."""
    named = server.served_by_flags
    if named is not None:
        yield ServedFrom(named[0], Path()), named[1], named[2]
        return
    config = server.configs.get("model_config_file")
    if config is None:
        flag = server.flag("model_config_file")
        if flag is not None:
            why = "the file isn't on this host"
            leftovers.dropped(flag.place, f"the models of {flag.written}", why)
        return
    for model in config.models():
        yield (
            _model(config, model, leftovers),
            model.text("base_path") or "",
            config.at(model.line_of("base_path")),
        )


def _model(config: ConfigFile, model: Message, leftovers: Leftovers) -> ServedFrom:
    name = model.text("name") or ""
    for field in model.all("logging_config"):
        why = "no server with a logging_config starts"
        leftovers.dropped(config.at(field.line), f"logging_config of '{name}'", why)
    platform = model.text("model_platform")
    if platform not in (None, "tensorflow"):
        line = model.line_of("model_platform")
        leftovers.replaced(config.at(line), f"model_platform {platform}", "it is tensorflow")
    return ServedFrom(name, Path(), _policy(model), _labels(config, model, leftovers))


def _policy(model: Message) -> Any:
    """The policy as a stack file writes it; None for the default."""
    for policy in model.messages("model_version_policy"):
        if next(policy.all("all"), None) is not None:
            return "all"
        for specific in policy.messages("specific"):
            numbers = [
                int(one.text) for one in specific.scalars("versions") if _is_number(one.text)
            ]
            return {"specific": numbers} if numbers else None
        for latest in policy.messages("latest"):
            text = latest.text("num_versions") or "1"
            return {"latest": int(text)} if _is_number(text) and int(text) > 1 else None
    return None


def _is_number(text: str) -> bool:
    return text.isdecimal()


def _labels(config: ConfigFile, model: Message, leftovers: Leftovers) -> dict[str, int]:
    found = {}
    for entry in model.messages("version_labels"):
        label, number = entry.text("key") or "", entry.text("value") or "0"
        if re.fullmatch(r"[A-Za-z0-9_]+", label) and _is_number(number):
            found[label] = int(number)
        else:
            why = "a label has letters, digits and _, and points at a number"
            leftovers.dropped(config.at(entry.line), f"label '{label}'", why)
    return found


def common_root(models: Sequence[ServedFrom], where: str) -> Path:
    """The one folder under which all base paths lie.

    Raises:
        TfdeployError: TFD254 where that is the root of the file system.
    """
    root = Path(os.path.commonpath([model.base.parent for model in models]))
    if root == Path(root.anchor):
        paths = sorted({str(model.base) for model in models})
        raise TfdeployError(
            "TFD254",
            f"The models have no folder in common: {', '.join(paths)}.",
            where=where,
            hint="move them under one folder, or import the services one by one with --service.",
        )
    return root
