"""Bring a model that lies elsewhere into the models root, whole or not at all."""

from __future__ import annotations

import contextlib
import filecmp
from collections.abc import Iterator
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.files import copy_tree, is_of_the_disk, published_folder, rename_new
from tfdeploy.savedmodel import (
    VersionFolder,
    check_base_path,
    is_saved_model,
    list_versions,
    next_version,
    parse_version,
    read_saved_model,
)
from tfdeploy.savedmodel.names import KERAS_FILES


def path_below(path: Path, models_root: Path) -> str | None:
    """A base path inside the models root, relative to it; None when it lies elsewhere."""
    try:
        relative = path.resolve().relative_to(models_root.resolve())
    except ValueError:
        return None
    return str(relative) if relative.parts else None


def bring_model(source: Path, base_path: Path) -> list[VersionFolder]:
    """Publish a SavedModel, or every version of a base path, below ``base_path``.

    Files are copied, so that what is written over the source later changes nothing. A version
    that is there already with the same files is left alone. Either all appear, or none.

    Returns:
        The versions that were brought, ascending.

    Raises:
        TfdeployError: TFD105 when a number is taken by another model, TFD110 to TFD115, TFD211
            when the disk is full or can't be written.
    """
    brought = []
    # All are copied before the first is renamed: a server may take one the moment it appears.
    with contextlib.ExitStack() as publishing:
        for version in versions_to_bring(source, base_path):
            final = base_path / str(version.number)
            if final.exists() and _same(version.path, final):
                continue
            scratch = publishing.enter_context(published_folder(final, rename_new))
            with _copying(version.path, final):
                copy_tree(version.path, scratch)
            brought.append(VersionFolder(version.number, final))
    return brought


def versions_to_bring(source: Path, base_path: Path) -> list[VersionFolder]:
    """The versions that `bring_model` would publish, with the folders they come from."""
    _check_source(source, base_path)
    if is_saved_model(source):
        read_saved_model(source)
        number = parse_version(source.resolve().name)
        taken = {version.number for version in list_versions(base_path)}
        if number is None or number < 0:
            known = next((v for v in list_versions(base_path) if _same(source, v.path)), None)
            number = known.number if known else next_version(base_path)
        elif number in taken and not _same(source, base_path / str(number)):
            raise _taken(base_path, number)
        return [VersionFolder(number, source)]
    problems = check_base_path(source)
    if problems:
        raise problems[0]
    versions = list_versions(source)
    for version in versions:
        final = base_path / str(version.number)
        if final.exists() and not _same(version.path, final):
            raise _taken(base_path, version.number)
    return versions


def _check_source(source: Path, base_path: Path) -> None:
    if not source.exists():
        raise TfdeployError(
            "TFD110",
            f"There is nothing at {source}.",
            where=str(source.absolute()),
            hint="give a SavedModel folder, or the folder that holds its numbered versions.",
        )
    if source.is_file():
        command = f"tfdeploy export {source} --name {base_path.name} --to {base_path.parent}"
        raise TfdeployError(
            "TFD110",
            f"{source} is a file, not a SavedModel folder.",
            where=str(source.absolute()),
            hint=f"export it first: `{command}`."
            if source.suffix.lower() in KERAS_FILES
            else "give a SavedModel folder, or the folder that holds its numbered versions.",
        )


@contextlib.contextmanager
def _copying(source: Path, final: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = is_of_the_disk(error)
        why = error.strerror or str(error)
        raise TfdeployError(
            "TFD211" if full else "TFD111",
            f"{source} can't be copied to {final.parent}: {why}.",
            where=str(final) if full else str(error.filename or source),
            hint="nothing was changed; make room on that disk, or see that it can be written."
            if full
            else "nothing was changed; mend that file, or let yourself read it.",
        ) from error


def _same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files; weights trained anew may differ in bytes alone."""
    sizes = [
        {p.relative_to(f): p.stat().st_size for p in f.rglob("*") if p.is_file()}
        for f in (one, other)
    ]
    return sizes[0] == sizes[1] and all(
        (one / name).samefile(other / name) or filecmp.cmp(one / name, other / name, shallow=False)
        for name in sizes[0]
    )


def _taken(base_path: Path, number: int) -> TfdeployError:
    return TfdeployError(
        "TFD105",
        f"Version {number} exists already, with another model in it.",
        where=str(base_path / str(number)),
        hint="rename the source folder to a free number: a server doesn't notice new contents "
        "under an old one.",
    )
