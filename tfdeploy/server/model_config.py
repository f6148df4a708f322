"""What the model config file may say: validation, with the real server's texts.

Source: tensorflow_serving/model_servers/server_core.cc (GetPlatform, ValidateModelConfigList,
ValidateNoModelsChangePlatforms, UpdateModelVersionLabelMap). The same rules hold at start-up and at
each reload.
"""

import re
from collections.abc import Callable
from typing import Any

from tfdeploy import wire
from tfdeploy.server import log
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.wire import Code, ModelType

PLATFORM = "tensorflow"

Labels = dict[str, dict[str, int]]


def single_model_config(name: str, base_path: str) -> Any:
    """The config that `--model_name` and `--model_base_path` stand for."""
    log.info(
        "Building single TensorFlow model file config:  "
        f"model_name: {name} model_base_path: {base_path}"
    )
    config = wire.ModelServerConfig()
    config.model_config_list.config.add(name=name, base_path=base_path, model_platform=PLATFORM)
    return config


def platform_of(model: Any) -> str:
    """The platform of one ModelConfig, which older files give as `model_type`."""
    if model.model_type == ModelType.MODEL_TYPE_UNSPECIFIED:
        if not model.model_platform:
            invalid(
                "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
                f"ModelServerConfig::model_platform, model name is {model.name}"
            )
        return str(model.model_platform)
    if model.model_platform:
        invalid(
            "Illegal setting both ModelServerConfig::model_type (deprecated) and "
            f"ModelServerConfig::model_platform, model name is {model.name}"
        )
    log.warning(
        "Deprecated ModelServerConfig::model_type field used. "
        "Prefer ModelServerConfig::model_platform."
    )
    if model.model_type != ModelType.TENSORFLOW:
        invalid(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
    return PLATFORM


def _is_absolute_or_uri(path: str) -> bool:
    return path.startswith("/") or re.match(r"[a-zA-Z][a-zA-Z0-9.]*://", path) is not None


def _validate_names_and_paths(models: list[Any]) -> None:
    seen = set()
    for model in models:
        if model.name in seen:
            invalid(f"Illegal to list model {model.name} multiple times in config list")
        seen.add(model.name)
    for model in models:
        if not _is_absolute_or_uri(model.base_path):
            invalid(
                f"Expected model {model.name} to have an absolute path or URI; "
                f"got base_path()={model.base_path}"
            )


def _validate_platforms(models: list[Any], old: dict[str, str]) -> None:
    for model in models:
        if model.name not in old:
            continue
        platform, before = platform_of(model), old[model.name]
        if platform != before:
            invalid(
                f"Illegal to change a model's platform. For model {model.name} platform was "
                f"{before} and new platform requested is {platform}"
            )


def validate_model_config_list(config_list: Any, old: dict[str, str]) -> None:
    """Check everything that can be told without looking at a model, but for new platforms.

    Args:
        config_list: A ModelConfigList.
        old: Platforms of the models that are configured now.

    Raises:
        ServingError: INVALID_ARGUMENT with the real server's text.
    """
    models = list(config_list.config)
    _validate_names_and_paths(models)
    _validate_platforms(models, old)


def supported_platforms(config_list: Any, supported: str) -> dict[str, str]:
    """The platform of each model. Labels come before this check.

    Args:
        config_list: A ModelConfigList.
        supported: The one platform that this server has.

    Raises:
        ServingError: INVALID_ARGUMENT, a model names none or another one.
    """
    platforms = {}
    for model in config_list.config:
        platform = platforms[model.name] = platform_of(model)
        if platform != supported:
            invalid(f"Model {model.name} requests unsupported platform {platform}")
    return platforms


def updated_labels(
    config_list: Any,
    old: Labels,
    is_available: Callable[[str, int], bool],
    allow_unavailable: bool,
) -> Labels:
    """The label map after a reload: a full replacement of the old one.

    With `allow_unavailable` a label may point at a version that is not loaded if it is new for the
    model, or pointed there before.

    Raises:
        ServingError: FAILED_PRECONDITION, and nothing has changed.
    """
    labels: Labels = {}
    for model in config_list.config:
        before = old.get(model.name, {})
        for label, version in model.version_labels.items():
            tolerated = allow_unavailable and before.get(label, version) == version
            if not tolerated and not is_available(model.name, version):
                raise ServingError(
                    Code.FAILED_PRECONDITION,
                    f"Request to assign label to version {version} of model {model.name}, "
                    "which is not currently available for inference",
                )
            labels.setdefault(model.name, {})[label] = version
    return labels
