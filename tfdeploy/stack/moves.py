"""Move labels and versions of a served model. Pure: stack file to stack file.

A label that moves leaves its version; one that no label needs any more isn't served on, so that
two versions stand in memory only while there is a reason. ``all`` stays ``all``; ``latest`` is
pinned as soon as a label comes, because the next version that is published would unload the one
that the label points at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import list_versions
from tfdeploy.stack.edit import add_model, drop_versions
from tfdeploy.stack.file import StackFile
from tfdeploy.stack.schema import Latest, ServedModel, Specific, VersionPolicy
from tfdeploy.stack.wanted import wanted_versions

STABLE = "stable"
CANARY = "canary"


def on_disk(file: StackFile, service: str, model: str) -> tuple[int, ...]:
    """The version numbers below a model's base path, ascending."""
    return tuple(one.number for one in list_versions(file.base_path(service, model)))


def wanted_of(file: StackFile, service: str, model: str) -> tuple[int, ...]:
    """The versions that a model should serve now, ascending."""
    policy = file.stack.services[service].models[model].versions
    return wanted_versions(policy, on_disk(file, service, model))


def move_label(file: StackFile, service: str, model: str, label: str, version: int) -> StackFile:
    """Point a label at a version; the version that it leaves goes, unless another label needs it.

    Raises:
        TfdeployError: TFD231 when the version isn't on disk; TFD208 where the file can't be edited.
    """
    _check_on_disk(file, service, model, version)
    served = _served(file, service, model)
    left = served.labels.get(label)
    labels = {**served.labels, label: version}
    numbers = {*wanted_of(file, service, model), *labels.values()}
    if left is not None and left not in labels.values():
        numbers.discard(left)
    return _with(file, service, model, numbers, {label: version})


def set_canary(file: StackFile, service: str, model: str, version: int) -> tuple[StackFile, int]:
    """Serve a version as ``canary`` beside the one that is ``stable``.

    Without a stable one, that becomes what serves: the highest other version that is wanted, or
    the next lower one on disk.

    Returns:
        The stack file, and the stable version.

    Raises:
        TfdeployError: TFD231 when the version isn't on disk, is the stable one, or is alone.
    """
    _check_on_disk(file, service, model, version)
    served = _served(file, service, model)
    stable = served.labels.get(STABLE)
    if stable is None:
        stable = _beside(file, service, model, version)
    if stable == version:
        hint = f"`tfdeploy versions {file.folder.name} {model}` shows the others."
        raise _cant(
            file, service, model, f"{version} is what {STABLE} points at, and no canary.", hint
        )
    file = move_label(file, service, model, STABLE, stable)
    return move_label(file, service, model, CANARY, version), stable


def pin(file: StackFile, service: str, model: str, versions: Sequence[int] = ()) -> StackFile:
    """Serve exactly these versions; those that are wanted now, where none is named.

    Raises:
        TfdeployError: TFD231 when one isn't on disk, or a label points at one that isn't named.
    """
    numbers = sorted(set(versions)) or list(wanted_of(file, service, model))
    for number in numbers:
        _check_on_disk(file, service, model, number)
    if not numbers:
        raise _cant(file, service, model, "it has no version on disk.", "export one first.")
    for label, number in _served(file, service, model).labels.items():
        if number not in numbers:
            raise _labelled(file, service, model, label, number)
    return add_model(file, model, service, versions=_changed(file, service, model, numbers))


def unpin(
    file: StackFile, service: str, model: str, policy: VersionPolicy, *, drop_labels: bool = False
) -> StackFile:
    """Serve what lies on disk again: the latest versions, or all.

    Raises:
        TfdeployError: TFD231 while labels need their versions, unless they are dropped or all
            versions are served.
    """
    labels = _served(file, service, model).labels
    if labels and policy != "all" and not drop_labels:
        label, number = next(iter(labels.items()))
        raise _cant(
            file,
            service,
            model,
            f"label {label} points at {number}, and the next version that is published would "
            "unload it.",
            "serve them all (--to all), or take the labels away (--drop-labels).",
        )
    if drop_labels and labels:
        file = add_model(file, model, service, dropped=list(labels))
    if policy == Latest():
        return drop_versions(file, service, model)
    return add_model(file, model, service, versions=policy)


def retire(file: StackFile, service: str, model: str, version: int) -> StackFile:
    """Serve a version no more; its folder stays on disk.

    Raises:
        TfdeployError: TFD231 while a label points there, when it isn't served, or is the only one.
    """
    for label, number in _served(file, service, model).labels.items():
        if number == version:
            raise _labelled(file, service, model, label, number)
    wanted = wanted_of(file, service, model)
    served = f"served are {', '.join(map(str, wanted)) or 'none'}."
    if version not in wanted:
        raise _cant(file, service, model, f"version {version} isn't served.", served)
    if len(wanted) == 1:
        hint = f"`tfdeploy remove-model {file.folder.name} {model}` takes the model away."
        raise _cant(file, service, model, f"version {version} is the only one served.", hint)
    return _with(file, service, model, set(wanted) - {version}, {}, pins_all=True)


def version_before(values: Iterable[int], now: int | None, there: Iterable[int]) -> int | None:
    """Where something pointed before, of all the versions that it pointed at, oldest first.

    A step back undoes the steps forward behind it: after 2, 3, 4 and back to 3 the one before is
    2, not the 4 that was left for a reason.

    Args:
        values: the versions, with repetitions.
        now: where it points now.
        there: those that lie on disk; others are passed over.
    """
    way: list[int] = []
    for value in values:
        if value in way:
            del way[way.index(value) :]
        way.append(value)
    if now in way:
        del way[way.index(now) :]
    known = set(there)
    return next((one for one in reversed(way) if one in known and one != now), None)


def _beside(file: StackFile, service: str, model: str, version: int) -> int:
    others = [n for n in wanted_of(file, service, model) if n != version]
    others = others or [n for n in on_disk(file, service, model) if n < version]
    if not others:
        hint = "a canary needs a version beside it: export one first."
        raise _cant(file, service, model, f"version {version} is alone.", hint)
    return others[-1]


def _served(file: StackFile, service: str, model: str) -> ServedModel:
    return file.stack.services[service].models[model]


def _with(
    file: StackFile,
    service: str,
    model: str,
    numbers: Iterable[int],
    labels: dict[str, int],
    *,
    pins_all: bool = False,
) -> StackFile:
    policy = _served(file, service, model).versions
    keeps = policy == "all" and not pins_all
    versions = None if keeps else _changed(file, service, model, numbers)
    return add_model(file, model, service, versions=versions, labels=labels)


def _changed(file: StackFile, service: str, model: str, numbers: Iterable[int]) -> Specific | None:
    """The pin, or None where it stands in the file already."""
    wanted = sorted(set(numbers))
    policy = _served(file, service, model).versions
    there = isinstance(policy, Specific) and sorted(set(policy.specific)) == wanted
    return None if there else Specific(specific=wanted)


def _check_on_disk(file: StackFile, service: str, model: str, version: int) -> None:
    there = on_disk(file, service, model)
    if version not in there:
        listed = ", ".join(map(str, there)) or "none"
        base = file.base_path(service, model)
        raise _cant(
            file, service, model, f"version {version} isn't in {base}.", f"on disk: {listed}."
        )


def _labelled(file: StackFile, service: str, model: str, label: str, number: int) -> TfdeployError:
    stack = file.folder.name
    return _cant(
        file,
        service,
        model,
        f"label {label} points at {number}.",
        f"move it first: `tfdeploy promote {stack} {model} VERSION --label {label}`, or take it "
        f"away: `tfdeploy add-model {stack} {model} --drop-label {label}`.",
    )


def _cant(file: StackFile, service: str, model: str, why: str, hint: str) -> TfdeployError:
    where = file.where("services", service, "models", model)
    return TfdeployError("TFD231", f"Model '{model}': {why}", where=where, hint=hint)
