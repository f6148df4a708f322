"""The stack file that an undo brings back: the text as it was, and pins where the disk moved on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.journal.entry import Served, State
from tfdeploy.savedmodel import list_versions
from tfdeploy.stack import StackFile, parse_stack, wanted_versions
from tfdeploy.stack.edit import add_model
from tfdeploy.stack.schema import Specific


def restored(state: State, path: Path) -> StackFile:
    """The stack file that brings a state back.

    A policy such as ``latest`` asks for what lies on disk, which may be more now than it was
    then: such a model is pinned to the versions that served.

    Args:
        path: the stack file's path.

    Raises:
        TfdeployError: TFD421 where nobody knows the file; TFD422 for each model whose versions
            are gone; TFD208 where a pin can't be written into the file.
    """
    file = _parsed(state, path)
    served = list(_served(file, state))
    raise_all(error for one in served for error in _gone(file, *one))
    for service, model, numbers in served:
        policy = file.stack.services[service].models[model].versions
        now = wanted_versions(policy, _on_disk(file.base_path(service, model)))
        if now != numbers:
            file = add_model(file, model, service, versions=Specific(specific=list(numbers)))
    return file


def _parsed(state: State, path: Path) -> StackFile:
    if state.file is None:
        raise TfdeployError(
            "TFD421",
            "The stack was up before its changes were written down, so nobody knows what to go "
            "back to.",
            where=str(path),
            hint="edit the stack file and run `tfdeploy up STACK`.",
        )
    return parse_stack(state.file, path)


def _served(file: StackFile, state: State) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(service, model, versions) of all that served and that the file has."""
    for name, service in file.stack.services.items():
        was = (state.services or {}).get(name, Served("absent"))
        for model in service.models:
            if was.versions.get(model):
                yield name, model, was.versions[model]


def _on_disk(base_path: Path) -> list[int]:
    return [one.number for one in list_versions(base_path)] if base_path.is_dir() else []


def _gone(
    file: StackFile, service: str, model: str, numbers: tuple[int, ...]
) -> Iterator[TfdeployError]:
    base_path = file.base_path(service, model)
    gone = sorted(set(numbers) - set(_on_disk(base_path)))
    if gone:
        what = f"version {gone[0]}" if len(gone) == 1 else f"versions {', '.join(map(str, gone))}"
        yield TfdeployError(
            "TFD422",
            f"Model '{model}' of service '{service}' served {what}, no longer on disk.",
            where=str(base_path),
            hint="nothing was changed; bring it back there, or change the stack another way.",
        )
