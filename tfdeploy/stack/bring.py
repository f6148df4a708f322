"""Bring a model that lies elsewhere into the models root, whole or not at all."""

from __future__ import annotations

import contextlib
import filecmp
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.files import link_or_copy_tree, published_folder, rename_new
from tfdeploy.savedmodel import (
    VersionFolder,
    check_base_path,
    is_saved_model,
    list_versions,
    next_version,
    parse_version,
    read_saved_model,
)


def path_below(path: Path, models_root: Path) -> str | None:
    """A base path inside the models root, relative to it; None when it lies elsewhere."""
    try:
        relative = path.resolve().relative_to(models_root.resolve())
    except ValueError:
        return None
    return str(relative) if relative.parts else None


def bring_model(source: Path, base_path: Path) -> list[VersionFolder]:
    """Publish a SavedModel, or every version of a base path, below ``base_path``.

    Files are hard links where the disk allows and others may read them, else copies. A version
    that is there already with the same files is left alone.

    Returns:
        The versions that were brought, ascending.

    Raises:
        TfdeployError: TFD105 when a number is taken by another model, TFD110 to TFD115.
    """
    if not source.exists():
        raise TfdeployError(
            "TFD110",
            f"There is nothing at {source}.",
            where=str(source.absolute()),
            hint="give a SavedModel folder, or the folder that holds its numbered versions.",
        )
    brought = []
    for version in _versions_of(source, base_path):
        final = base_path / str(version.number)
        if final.exists() and _same(version.path, final):
            continue
        with published_folder(final, rename_new) as scratch, _reading(version.path):
            link_or_copy_tree(version.path, scratch)
        brought.append(VersionFolder(version.number, final))
    return brought


def _versions_of(source: Path, base_path: Path) -> list[VersionFolder]:
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


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # shutil.Error holds (source, target, why) of each file.
        failed = error.args[0] if isinstance(error, shutil.Error) else [(source, "", str(error))]
        raise TfdeployError(
            "TFD111",
            f"{source} can't be brought: {failed[0][2]}.",
            where=str(failed[0][0]),
            hint="nothing was changed; mend that file, or the space left on the disk.",
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
