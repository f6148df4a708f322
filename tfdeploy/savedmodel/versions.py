"""Base paths and their numbered versions, with names taken as the server takes them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel.reading import is_chunked, is_saved_model, read_saved_model

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)[ \t\n\v\f\r]*")
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class VersionFolder:
    """One version of a model: its number and where it lies."""

    number: int
    path: Path


def parse_version(name: str) -> int | None:
    """The version number that the server sees in a name, or None where it ignores the entry.

    It is absl::SimpleAtoi<int64> (TensorFlow Serving, file_system_storage_path_source.cc):
    leading zeros, a sign and whitespace around are taken; ``v1``, ``1.0`` and ``0x1`` are not.
    """
    match = _NUMBER.fullmatch(name)
    # Python refuses to convert thousands of digits, and no int64 has more than 19 of them.
    digits = match[1].lstrip("+-").lstrip("0") if match else ""
    if match is None or len(digits) > 19:
        return None
    number = -int(digits or "0") if match[1].startswith("-") else int(digits or "0")
    return number if number in _INT64 else None


def list_versions(base_path: Path) -> list[VersionFolder]:
    """The versions under a base path, ascending; none when the base path is missing.

    Of two names for one number the last in lexical order wins, and a plain file with a number
    for a name is taken as a version that then fails to load: both as the server does it.
    """
    try:
        names = sorted((path.name for path in base_path.iterdir()), key=os.fsencode)
    except OSError:
        return []
    numbered = {number: name for name in names if (number := parse_version(name)) is not None}
    return [VersionFolder(number, base_path / numbered[number]) for number in sorted(numbered)]


def ignored_folders(base_path: Path) -> list[Path]:
    """SavedModels under a base path that the server passes over, for their names are no numbers."""
    if not base_path.is_dir():
        return []
    return [
        path
        for path in sorted(base_path.iterdir())
        if parse_version(path.name) is None
        and not path.name.startswith(".")
        and is_saved_model(path)
    ]


def next_version(base_path: Path) -> int:
    """The number after the highest version; 1 for a base path with none."""
    return max([0, *(version.number for version in list_versions(base_path))]) + 1


def check_base_path(base_path: Path) -> list[TfdeployError]:
    """Every problem that keeps the server from serving this base path; none when it would.

    Codes: TFD112 missing, TFD113 no versions, TFD114 names that are no numbers, TFD115 too deep,
    TFD110 and TFD111 for versions that can't be loaded.
    """
    if not base_path.is_dir():
        return [_missing(base_path)]
    try:
        if too_deep := _too_deep(base_path):
            return [too_deep]
        versions = list_versions(base_path)
        return list(_broken(versions)) if versions else _no_versions(base_path)
    except OSError as error:
        where, why = str(error.filename or base_path), error.strerror or str(error)
        hint = f"let everybody read it: `chmod -R a+rX {base_path}`."
        return [TfdeployError("TFD215", f"Can't look into {where}: {why}.", where=where, hint=hint)]


def _missing(base_path: Path) -> TfdeployError:
    what = "is a file, not a folder" if base_path.exists() else "doesn't exist"
    return TfdeployError(
        "TFD112",
        f"The base path of '{base_path.name}' {what}.",
        where=str(base_path),
        hint=f"correct the path, or make it: {_export_command('SOURCE', base_path)}.",
    )


def _export_command(source: str, base_path: Path) -> str:
    return f"`tfdeploy export {source} --name {base_path.name} --to {base_path.parent}`"


def _too_deep(path: Path) -> TfdeployError | None:
    if is_saved_model(path):
        what, version = "is a SavedModel itself", path.resolve()
    elif path.name == "variables" and is_saved_model(path.parent):
        what, version = "is a part of a SavedModel", path.resolve().parent
    else:
        return None
    if parse_version(version.name) is None:
        hint = f"put it under a number: {_export_command(str(version), Path('DIR/NAME'))}."
    else:
        hint = f"give {version.parent} instead."
    what = f"{path} {what}, not the folder that holds its versions."
    return TfdeployError("TFD115", what, where=str(path), hint=hint)


def _no_versions(base_path: Path) -> list[TfdeployError]:
    if near_misses := ignored_folders(base_path):
        numbers = [_meant_number(path) for path in near_misses]
        return [
            _no_number(path, number, alone=numbers.count(number) == 1)
            for path, number in zip(near_misses, numbers, strict=True)
        ]
    hint = f"export a model there: {_export_command('SOURCE', base_path.resolve())}."
    for path in sorted(base_path.iterdir()):
        if path.is_dir() and any(is_saved_model(one.path) for one in list_versions(path)):
            hint = f"this looks like a folder of models; give one of them, such as {path}."
            break
    what = f"{base_path} holds no version: no folder in it has a whole number for a name."
    return [TfdeployError("TFD113", what, where=str(base_path), hint=hint)]


def _meant_number(path: Path) -> int:
    digits = re.search(r"[0-9]+", path.name)
    return int(digits[0][:18]) if digits else next_version(path.parent)


def _no_number(path: Path, number: int, *, alone: bool) -> TfdeployError:
    target = path.parent / str(number)
    # mv would put one folder into another that is there.
    free = alone and not target.exists()
    return TfdeployError(
        "TFD114",
        f"The server ignores '{path.name}': the name of a version is a whole number.",
        where=str(path),
        hint=f"rename it: `mv {path} {target}`."
        if free
        else "rename it to a whole number that no other folder there has.",
    )


def _broken(versions: list[VersionFolder]) -> Iterator[TfdeployError]:
    for version in versions:
        if is_chunked(version.path):
            # The server reads it, we don't.
            continue
        try:
            read_saved_model(version.path)
        except TfdeployError as error:
            yield error
