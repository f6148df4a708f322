"""The reload before the reload: load what is new while everything old still serves.

A config that drops a version, or moves a label, is applied at once; what it adds loads
afterwards, and may fail. So the first config holds old and new side by side with the labels
where they are, and only when all of it is AVAILABLE the wanted one follows. A label on a version
that isn't loaded would be refused in any case: labels are checked before anything is loaded,
with or without --allow_version_labels_for_unavailable_models
(tensorflow_serving/model_servers/server_core.cc, UpdateModelVersionLabelMap).
"""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format

from tfdeploy import wire
from tfdeploy.plan.observed import ObservedService
from tfdeploy.plan.steps import WantedModels


def transition_config(
    before: str, wanted: str, versions: WantedModels, service: ObservedService
) -> str | None:
    """A models.config with old and new side by side, in protobuf's text format.

    Returns None when one reload will do: nothing has to be loaded, or nothing is taken away.

    Args:
        before: the models.config in force.
        wanted: the models.config that is wanted.
        versions: the versions that ``wanted`` stands for, by model.
        service: what serves now.
    """
    old, new = _models(before), _models(wanted)
    if not _loads(versions, service) or not _takes_away(old, new, versions, service):
        return None
    config = wire.ModelServerConfig()
    for name in {**old, **new}:
        model = config.model_config_list.config.add()
        model.CopyFrom(new.get(name) or old[name])
        if name in old:
            _side_by_side(model, old[name], versions.get(name, ()), service.available(name))
    return wire.render_text(config)


def moved_model(
    before: str, wanted: str, versions: WantedModels, service: ObservedService
) -> str | None:
    """The first model that gets another base path while it serves a number that is wanted.

    A version number that is loaded isn't loaded again from the new path, without a word
    (tensorflow_serving/core/aspired_versions_manager.cc), so no reload can bring it.
    """
    old, new = _models(before), _models(wanted)
    for name in old.keys() & new.keys():
        moved = old[name].base_path != new[name].base_path
        if moved and service.available(name) & set(versions.get(name, ())):
            return name
    return None


def _models(text: str) -> dict[str, Any]:
    try:
        config = wire.parse_text(wire.ModelServerConfig, text)
    except text_format.ParseError:
        return {}
    return {model.name: model for model in config.model_config_list.config}


def _loads(versions: WantedModels, service: ObservedService) -> bool:
    return any(set(numbers) - service.available(name) for name, numbers in versions.items())


def _takes_away(
    old: dict[str, Any], new: dict[str, Any], versions: WantedModels, service: ObservedService
) -> bool:
    if set(old) - set(new):
        return True
    return any(
        service.available(name) - set(versions.get(name, ()))
        or _labels_that_change(old[name], new[name])
        for name in old
    )


def _labels_that_change(old: Any, new: Any) -> set[str]:
    labels = dict(old.version_labels)
    return {label for label in labels if new.version_labels.get(label) != labels[label]}


def _side_by_side(model: Any, old: Any, wanted: tuple[int, ...], available: set[int]) -> None:
    """What serves now and what is wanted; labels that answer now stay where they are."""
    labels = {label: n for label, n in old.version_labels.items() if n in available}
    new_labels = {
        label: n for label, n in model.version_labels.items() if label not in old.version_labels
    }
    model.version_labels.clear()
    model.version_labels.update({**new_labels, **labels})
    numbers = sorted(available | set(wanted))
    if numbers:
        model.model_version_policy.specific.versions[:] = numbers
