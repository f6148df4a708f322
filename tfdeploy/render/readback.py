"""What was rendered, read back: it must be valid, and say what the stack says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from google.protobuf import text_format

from tfdeploy import wire
from tfdeploy.errors import TfdeployError
from tfdeploy.stack import Batching
from tfdeploy.stack.lines import LOADER


def _differs(name: str, what: str) -> TfdeployError:
    return TfdeployError(
        "TFD209",
        f"The rendered {name} doesn't say what the stack file says: {what}.",
        where=f"{name}.j2",
        hint="remove or mend your override of this template.",
    )


def _parse(message: Any, text: str, name: str) -> Any:
    try:
        return wire.parse_text(message, text)
    except text_format.ParseError as error:
        raise _differs(name, str(error)) from error


def load_yaml(text: str) -> Any:
    """What a YAML document says, in plain data.

    Raises:
        yaml.YAMLError: it isn't valid.
        ValueError: it holds a date that is none.
    """
    return yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader


def check_models_config(text: str, models: Sequence[Mapping[str, Any]], service: str) -> None:
    """Names, paths, policies and labels of every model.

    Raises:
        TfdeployError: TFD209.
    """
    config = _parse(wire.ModelServerConfig, text, f"{service}/models.config")
    said = [
        {
            "name": one.name,
            "base_path": one.base_path,
            "latest": one.model_version_policy.latest.num_versions or None,
            "specific": list(one.model_version_policy.specific.versions) or None,
            "labels": dict(one.version_labels),
            # Left out, it is the latest version, and no platform is an error of the server's.
            "policy": one.model_version_policy.WhichOneof("policy_choice"),
            "platform": one.model_platform,
        }
        for one in config.model_config_list.config
    ]
    if said != [{**one, "policy": _policy(one), "platform": "tensorflow"} for one in models]:
        raise _differs(f"{service}/models.config", "models, versions or labels differ")


def _policy(model: Mapping[str, Any]) -> str:
    return "specific" if model["specific"] else "latest" if model["latest"] else "all"


def check_batching(text: str, batching: Batching, service: str) -> None:
    """The settings that change results or memory.

    Raises:
        TfdeployError: TFD209.
    """
    name = f"{service}/batching.config"
    parameters = _parse(wire.BatchingParameters, text, name)
    if parameters.max_batch_size.value != batching.max_batch_size:
        raise _differs(name, "max_batch_size differs")
    if list(parameters.allowed_batch_sizes) != batching.allowed_batch_sizes:
        raise _differs(name, "allowed_batch_sizes differ")


def check_compose(
    text: str, stack: str, images: Mapping[str, str], flags: Mapping[str, Sequence[str]]
) -> None:
    """The project's name, and the image and flags of every service.

    Raises:
        TfdeployError: TFD209.
    """
    try:
        document = load_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        raise _differs("compose.yaml", f"it isn't valid YAML: {error}") from error
    if not isinstance(document, dict) or document.get("name") != stack:
        raise _differs("compose.yaml", "the project's name differs")
    services = document.get("services") or {}
    if not isinstance(services, dict):
        raise _differs("compose.yaml", "`services` isn't a mapping")
    for name, image in images.items():
        said = services.get(name)
        if not isinstance(said, dict):
            raise _differs("compose.yaml", f"service '{name}' is missing")
        if said.get("image") != image.replace("$", "$$"):
            raise _differs("compose.yaml", f"the image of '{name}' differs")
        command = said.get("command")
        command = command if isinstance(command, list) else []
        words = [str(word).replace("$$", "$") for word in command]
        missing = [flag for flag in flags[name] if flag not in words]
        if missing:
            raise _differs("compose.yaml", f"'{name}' lacks the flag {missing[0]}")
