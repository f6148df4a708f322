"""The reload before the reload: load what is new while everything old still serves.

A config that drops a version, or moves a label, is applied at once; what it adds loads
afterwards, and may fail. So the first config holds old and new side by side with the labels
where they are, and only when all of it is AVAILABLE the wanted one follows. A label on a version
that isn't loaded would be refused in any case: labels are checked before anything is loaded,
with or without --allow_version_labels_for_unavailable_models
(tensorflow_serving/model_servers/server_core.cc, UpdateModelVersionLabelMap).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from google.protobuf import text_format

from tfdeploy import wire
from tfdeploy.plan.observed import ObservedService
from tfdeploy.plan.steps import WantedModels


def transition_config(
    before: str,
    wanted: str,
    versions: WantedModels,
    service: ObservedService,
    held: Mapping[str, Collection[int]] | None = None,
) -> str | None:
    """A models.config with old and new side by side, in protobuf's text format.

    Returns None when one reload will do: nothing has to be loaded, or nothing is taken away and
    nothing is held.

    Args:
        before: the models.config in force.
        wanted: the models.config that is wanted.
        versions: the versions that ``wanted`` stands for, by model.
        service: what serves now.
        held: versions that new labels wait for, by model: they load without a label first.
    """
    held = held or {}
    old, new = model_configs(before), model_configs(wanted)
    waits = any(set(numbers) - service.available(name) for name, numbers in held.items())
    if not _loads(versions, service) or not (waits or _takes_away(old, new, versions, service)):
        return None
    config = wire.ModelServerConfig()
    for name in {**old, **new}:
        model = config.model_config_list.config.add()
        model.CopyFrom(new.get(name) or old[name])
        if name in old:
            numbers = service.available(name) | set(versions.get(name, ()))
            _side_by_side(model, numbers, _first_labels(old[name], model, name, service, held))
    return wire.render_text(config)


def moved_model(
    before: str, wanted: str, versions: WantedModels, service: ObservedService
) -> str | None:
    """The first model that gets another base path while it serves a number that is wanted.

    A version number that is loaded isn't loaded again from the new path, without a word
    (tensorflow_serving/core/aspired_versions_manager.cc), so no reload can bring it.
    """
    old, new = model_configs(before), model_configs(wanted)
    for name in old.keys() & new.keys():
        moved = old[name].base_path != new[name].base_path
        if moved and service.available(name) & set(versions.get(name, ())):
            return name
    return None


def model_configs(text: str) -> dict[str, Any]:
    """Model name → its ModelConfig, of the text of a models.config; none of one that is broken."""
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


def answering_labels(model: Any, available: Collection[int]) -> dict[str, int]:
    """The labels of a ModelConfig in force that answer: their versions are AVAILABLE."""
    return {label: n for label, n in model.version_labels.items() if n in available}


def _first_labels(
    old: Any, new: Any, name: str, service: ObservedService, held: Mapping[str, Collection[int]]
) -> dict[str, int]:
    """Labels that answer now stay where they are; new ones come, unless their version is held."""
    come = {
        label: number
        for label, number in new.version_labels.items()
        if label not in old.version_labels and number not in held.get(name, ())
    }
    return {**come, **answering_labels(old, service.available(name))}


def _side_by_side(model: Any, numbers: set[int], labels: Mapping[str, int]) -> None:
    model.version_labels.clear()
    model.version_labels.update(labels)
    if numbers:
        model.model_version_policy.specific.versions[:] = sorted(numbers)
