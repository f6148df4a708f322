"""What every runtime observes the same way: models, versions and labels, over REST."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from tfdeploy.client.label import get_label_version
from tfdeploy.client.status import Unreachable, get_status
from tfdeploy.plan import ObservedService, ObservedVersion
from tfdeploy.render import MODELS_CONFIG, models_hash

STATUS_TIMEOUT_SECONDS = 3.0
ASKED_AT_ONCE = 32


def with_models_of_all(
    services: Iterable[ObservedService], models_configs: Mapping[str, str]
) -> dict[str, ObservedService]:
    """Service → `with_models` of it; all are asked at once, so that those that hang cost one wait.

    Args:
        services: all of a stack.
        models_configs: service → its models.config; empty where there is none.
    """
    found = list(services)
    with ThreadPoolExecutor(max_workers=min(ASKED_AT_ONCE, len(found) or 1)) as pool:
        asked = pool.map(lambda one: with_models(one, models_configs.get(one.name, "")), found)
        return {one.name: one for one in asked}


def models_configs(files: Mapping[str, str]) -> dict[str, str]:
    """Service → the text of its models.config, of all files of a stack (relative path → text)."""
    end = f"/{MODELS_CONFIG}"
    return {name.removesuffix(end): text for name, text in files.items() if name.endswith(end)}


def with_models(service: ObservedService, models_config: str) -> ObservedService:
    """A service with the states of the models that its models.config names.

    A server whose ports are closed is loading; one that takes the connection and is silent hangs.
    """
    service = replace(service, models_hash=models_hash(models_config))
    if not service.rest_url:
        return service
    models = _models(models_config)
    try:
        versions = {model.name: _versions(service.rest_url, model.name) for model in models}
        return replace(service, versions=versions, labels=_labels(service.rest_url, models))
    except Unreachable as error:
        if error.timed_out and service.state == "running":
            return replace(service, state="unhealthy", detail="it doesn't answer")
        return service


def _models(models_config: str) -> list[Any]:
    """The models that a models.config names; none when it can't be read."""
    from google.protobuf import text_format

    from tfdeploy import wire

    try:
        config = wire.parse_text(wire.ModelServerConfig, models_config)
    except text_format.ParseError:
        return []
    return list(config.model_config_list.config)


def _versions(rest_url: str, model: str) -> tuple[ObservedVersion, ...]:
    return tuple(
        ObservedVersion(one.version, one.state, one.error_message if one.failed else "")
        for one in get_status(rest_url, model, timeout_seconds=STATUS_TIMEOUT_SECONDS)
    )


def _labels(rest_url: str, models: Iterable[Any]) -> dict[str, dict[str, int]]:
    """Model → the labels that answer, and the versions that they answer with."""
    return {
        model.name: {
            label: version
            for label in model.version_labels
            if (version := get_label_version(rest_url, model.name, label)) is not None
        }
        for model in models
    }
