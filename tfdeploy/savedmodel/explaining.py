"""Names under a base path that don't mean what they seem to, as sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tfdeploy.savedmodel.versions import ignored_folders, list_versions, next_version, parse_version


def explain_names(base_path: Path) -> list[str]:
    """What the server makes of the names there, where that may surprise; empty where it doesn't.

    Facts: TensorFlow Serving, sources/storage_path/file_system_storage_path_source.cc.

    Args:
        base_path: the folder that holds the version folders; a missing one explains nothing.
    """
    versions = list_versions(base_path)
    taken = {version.number: version.path.name for version in versions}
    sentences = list(_strange_numbers(base_path, taken))
    sentences += [
        f"'{version.path.name}' is no folder, but the server takes it for version "
        f"{version.number}, and fails to load it."
        for version in versions
        if not version.path.is_dir()
    ]
    sentences += _gaps(base_path, sorted(number for number in taken if number > 0))
    sentences += [
        f"The server ignores '{path.name}': a version's name is a whole number."
        for path in ignored_folders(base_path)
    ]
    return sentences


def _strange_numbers(base_path: Path, taken: dict[int, str]) -> Iterator[str]:
    for name in sorted(_names(base_path), key=os.fsencode):
        number = parse_version(name)
        if number is None:
            continue
        if name != taken[number]:
            yield (
                f"'{name}' and '{taken[number]}' are both version {number}: the server takes "
                f"'{taken[number]}', the last in lexical order, and drops '{name}' with a warning."
            )
        elif name != str(number):
            yield f"'{name}' is version {number}."
        if number < 0 and name == taken[number]:
            yield f"Version {number} is loaded, but no REST request can name it."
        elif number == 0 and name == taken[number]:
            yield "Version 0 is served as any other; the next export is version 1 or higher."


def _names(base_path: Path) -> list[str]:
    try:
        return [path.name for path in base_path.iterdir()]
    except OSError:
        return []


def _gaps(base_path: Path, numbers: list[int]) -> list[str]:
    if not numbers or numbers[-1] - numbers[0] == len(numbers) - 1:
        return []
    there = ", ".join(map(str, numbers[-5:]))
    listed = there if len(numbers) <= 5 else f"..., {there}"
    return [
        f"The numbers have gaps ({listed}), which is fine; the next is {next_version(base_path)}."
    ]
