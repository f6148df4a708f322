"""The reload before the reload, when a label moves to a version that isn't loaded yet.

The server checks labels before it loads anything, so a config that adds a version and moves
an existing label to it is refused as a whole, with or without
--allow_version_labels_for_unavailable_models
(tensorflow_serving/model_servers/server_core.cc, UpdateModelVersionLabelMap).
"""

from __future__ import annotations

from typing import Any

from tfdeploy import wire
from tfdeploy.plan.observed import ObservedService


def transition_config(before: str, wanted: str, service: ObservedService) -> str | None:
    """A models.config that loads old and new side by side and leaves moving labels alone.

    Returns None when no label that is in use moves to a version that isn't available.
    """
    old = _models(before)
    config = wire.parse_text(wire.ModelServerConfig, wanted)
    moved = [
        _keep_labels(model, old[model.name], service)
        for model in config.model_config_list.config
        if model.name in old and _moving(model, old[model.name], service)
    ]
    return wire.render_text(config) if moved else None


def _models(text: str) -> dict[str, Any]:
    try:
        config = wire.parse_text(wire.ModelServerConfig, text)
    except ValueError:
        return {}
    return {model.name: model for model in config.model_config_list.config}


def _moving(model: Any, old: Any, service: ObservedService) -> bool:
    available = service.available(model.name)
    return any(
        label in old.version_labels
        and old.version_labels[label] != number
        and number not in available
        for label, number in model.version_labels.items()
    )


def _keep_labels(model: Any, old: Any, service: ObservedService) -> str:
    labels = dict(model.version_labels) | {
        label: number
        for label, number in old.version_labels.items()
        if number in service.available(model.name)
    }
    new = set(model.version_labels.values())
    model.version_labels.clear()
    model.version_labels.update(labels)
    numbers = sorted(service.available(model.name) | new)
    model.model_version_policy.specific.versions[:] = numbers
    return str(model.name)
