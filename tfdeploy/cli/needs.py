"""Which versions each stack of a stacks folder needs: a models folder may serve several."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from tfdeploy.cli import output
from tfdeploy.cli.change import words
from tfdeploy.cli.looking import wanted_even_if_gone
from tfdeploy.cli.options import choose, settle
from tfdeploy.errors import TfdeployError
from tfdeploy.journal import changing, read_journal, versions_needed_by_undo
from tfdeploy.runtimes import is_remembered
from tfdeploy.stack import StackFile, load_stack
from tfdeploy.stack.file import FILE_NAME
from tfdeploy.stack.pruning import wanted_by

Needs = dict[Path, dict[int, str]]
"""Base path, links resolved → version → who needs it."""


def base_paths(file: StackFile) -> dict[Path, str]:
    """The base path of every model of a stack, links resolved → the model's name."""
    found: dict[Path, str] = {}
    for service, one in file.stack.services.items():
        for model in one.models:
            found.setdefault(real(file.base_path(service, model)), model)
    return found


def sharing_stacks(file: StackFile) -> list[StackFile]:
    """The stacks beside this one whose files or journals name one of its base paths.

    Raises:
        TfdeployError: TFD453 for a stack file that can't be read: what it needs isn't known.
    """
    own = set(base_paths(file))
    return [one for one in _siblings(file) if own & (set(base_paths(one)) | set(_undo(one)))]


def hold_all(files: list[StackFile], wait_seconds: float) -> ExitStack:
    """Keep other commands from changing any of these stacks, until the result is closed.

    Raises:
        TfdeployError: TFD415.
    """
    with ExitStack() as stack:
        for file in files:
            stack.enter_context(
                changing(file.folder, words(), wait_seconds=wait_seconds, report=output.note)
            )
        return stack.pop_all()


def needs_of(files: list[StackFile]) -> Needs:
    """What all these stacks want, serve, or need for an undo.

    Raises:
        TfdeployError: TFD453 where a stack is up and what it serves can't be found out.
    """
    needs: Needs = {}
    for file in files:
        for path, number, why in [*_wanted(file), *_serving(file)]:
            needs.setdefault(path, {}).setdefault(number, why)
        for path, numbers in _undo(file).items():
            for number, change in numbers.items():
                why = f"undo of change #{change} of stack {file.stack.stack} needs it"
                needs.setdefault(path, {}).setdefault(number, why)
    return needs


def real(path: Path) -> Path:
    """The path with every link resolved."""
    return Path(os.path.realpath(path))


def _siblings(file: StackFile) -> Iterator[StackFile]:
    for path in sorted(file.folder.absolute().parent.glob(f"*/{FILE_NAME}")):
        if path.parent.resolve() == file.folder.resolve():
            continue
        try:
            yield load_stack(path)
        except TfdeployError as error:
            raise TfdeployError(
                "TFD453",
                f"What stack '{path.parent.name}' needs isn't known: {error.message}",
                where=error.where,
                hint="mend that file, or move its folder out of the stacks folder.",
            ) from error


def _wanted(file: StackFile) -> Iterator[tuple[Path, int, str]]:
    for service, model, number, why in wanted_by(file, wanted_even_if_gone(file)):
        yield real(file.base_path(service, model)), number, why


def _serving(file: StackFile) -> Iterator[tuple[Path, int, str]]:
    """Whatever a server has loaded, is loading, or is about to let go."""
    up = is_remembered(file)
    if not up and file.stack.runtime != "docker":
        return
    try:
        observed = choose(file).runtime.observe()
    except TfdeployError as error:
        if not up:
            return
        raise TfdeployError(
            "TFD453",
            f"What stack '{file.stack.stack}' serves can't be found out: {error.message}",
            where=error.where,
            hint=f"{error.hint} Or take it down: `tfdeploy down {file.folder.name}`.",
        ) from error
    file = settle(file)
    for name, service in observed.services.items():
        models = file.stack.services[name].models if name in file.stack.services else {}
        for model, versions in service.versions.items():
            if model in models:
                path = real(file.base_path(name, model))
                for one in versions:
                    if one.state != "END":
                        yield path, one.number, f"it serves in stack {file.stack.stack}"


def _undo(file: StackFile) -> Mapping[Path, Mapping[int, int]]:
    needed = versions_needed_by_undo(read_journal(file.folder), file.path)
    return {real(path): numbers for path, numbers in needed.items()}
