"""Export a model under the next free number: written beside, proven, then renamed."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.exporting.filling import fill
from tfdeploy.exporting.manifest import source_path, write_manifest
from tfdeploy.exporting.options import Options
from tfdeploy.exporting.proof import Proven, fresh_process
from tfdeploy.exporting.recipe import Recipe
from tfdeploy.exporting.sources import PythonObject, Source, find_source
from tfdeploy.exporting.writing import clear_devices, save_as_text
from tfdeploy.files import published_folder, rename_new
from tfdeploy.savedmodel import (
    SavedModel,
    contract_changes,
    list_versions,
    next_version,
    read_saved_model,
)
from tfdeploy.savedmodel.names import MODEL_NAME, MODEL_NAME_RULE

Report = Callable[[str], None]


@dataclass(frozen=True)
class Exported:
    """A published version: where it lies, what it offers, and how long it took."""

    path: Path
    version: int
    saved_model: SavedModel
    seconds: float


_DEFAULTS = Options()


def export(
    recipe: Recipe, *, name: str, to: Path, options: Options = _DEFAULTS, report: Report
) -> Exported:
    """Publish what ``recipe`` says as ``to/name/<version>``.

    A SavedModel source whose signatures stay as they are is copied. The version appears whole or
    not at all, also under ``kill -9``, and only after every signature was tried in a fresh process
    (unless ``verify`` is False).

    Raises:
        TfdeployError: TFD101 and TFD102 for the source, TFD103 when TensorFlow can't save it,
            TFD104 when it wouldn't serve, TFD105 when the version exists, TFD106 without
            TensorFlow, TFD110 and TFD111 for a SavedModel source, TFD116 for a signature, TFD117
            when clients would break, TFD118 for a defect, TFD211 when the disk can't be written,
            TFD216 for a name or number that can't be.
    """
    started = time.monotonic()
    base_path = to / _checked_name(name)
    _check_version(base_path, options.version)
    found = find_source(recipe.source, recipe.loading)
    for folder in _left_behind(base_path):
        report(f"{folder} is left from an export that was cut short; delete it")
    path = _publish(found, recipe, base_path, options, report)
    saved_model = read_saved_model(path)
    return Exported(path, int(path.name), saved_model, time.monotonic() - started)


def _publish(
    found: Source, recipe: Recipe, base_path: Path, options: Options, report: Report
) -> Path:
    published: list[Path] = []

    def rename(scratch: Path, final: Path) -> None:
        published.append(_rename_to_free(scratch, final, may_move_on=options.version is None))

    wanted = base_path / str(options.version or next_version(base_path))
    with published_folder(wanted, rename) as scratch, fresh_process() as process:
        # A function of somebody's may train for hours: no process waits that long.
        if options.verify and not isinstance(found, PythonObject):
            process.start()
        servable = fill(found, recipe, scratch, report)
        if options.clear_devices:
            clear_devices(scratch)
        _check_contract(base_path, scratch, options, report)
        proven = Proven()
        if options.verify:
            report("trying it in a fresh process")
            proven = process.prove(scratch, servable, recipe, options, base_path.name, report)
        path, model = source_path(found), read_saved_model(scratch)
        write_manifest(scratch, recipe, path, model, proven.samples, proven.answers, proven.notes)
        if options.as_text:
            save_as_text(scratch)
        if options.validate is not None:
            options.validate(scratch, base_path.name, proven.asked)
        report("publishing")
    return published[0]


def _check_contract(base_path: Path, scratch: Path, options: Options, report: Report) -> None:
    """Clients send and read names, dtypes and shapes: a change of them is said, or refused."""
    try:
        before = read_saved_model(list_versions(base_path)[-1].path)
    except (IndexError, TfdeployError):
        return
    changes = contract_changes(before, read_saved_model(scratch))
    for change in changes:
        report(f"since version {before.path.name}: {change.what}")
    breaking = [change for change in changes if change.breaking]
    if breaking and not options.allow_contract_change:
        raise_all(
            TfdeployError(
                "TFD117",
                f"Clients of version {before.path.name} would break: {change.what}.",
                where=f"signature {change.signature}",
                hint="keep the names (an export file can rename), or pass --allow-contract-change.",
            )
            for change in breaking
        )


def _rename_to_free(scratch: Path, final: Path, *, may_move_on: bool) -> Path:
    while True:
        try:
            rename_new(scratch, final)
        except TfdeployError as error:
            if error.code != "TFD105" or not may_move_on:
                raise
            # Somebody else published that number while we were writing.
            final = final.parent / str(next_version(final.parent))
        else:
            return final


def _left_behind(base_path: Path) -> list[Path]:
    """Scratch folders that nobody has touched for a day; only a killed export leaves one."""
    found = []
    for path in sorted(base_path.glob(".tmp-*-*")):
        # Another export may publish its own just now.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - 86_400:
                found.append(path)
    return found


def _checked_name(name: str) -> str:
    # As a stack file takes it; and a folder that begins with a dot is hidden, as scratch is.
    if re.fullmatch(MODEL_NAME, name) and not name.startswith("."):
        return name
    raise TfdeployError(
        "TFD216",
        f"A model can't be called '{name}': the name is a part of its address.",
        where="--name",
        hint=f"use {MODEL_NAME_RULE}.",
    )


def _check_version(base_path: Path, version: int | None) -> None:
    if version is None:
        return
    if not 0 < version < 2**63:
        raise TfdeployError(
            "TFD216",
            f"{version} is no version: a whole number from 1 on.",
            where="--version",
            hint="leave --version out to get the next free number.",
        )
    for taken in list_versions(base_path):
        if taken.number == version:
            raise TfdeployError(
                "TFD105",
                f"Version {version} of {base_path.name} exists already.",
                where=str(taken.path),
                hint=f"leave --version out to get {next_version(base_path)}.",
            )
