"""Which version folders of a model may go: beyond the newest, and needed by nobody. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tfdeploy.savedmodel import VersionFolder
from tfdeploy.stack.file import StackFile
from tfdeploy.stack.wanted import Wanted


@dataclass(frozen=True)
class Choice:
    """What becomes of the versions under one base path.

    Attributes:
        going: those that may be deleted, ascending.
        kept: version → why it stays.
    """

    going: tuple[VersionFolder, ...]
    kept: Mapping[int, str]


def choose_prunable(
    versions: Sequence[VersionFolder], needed: Mapping[int, str], keep: int
) -> Choice:
    """Part the versions under a base path.

    Args:
        versions: all that lie there, ascending.
        needed: version → who needs it.
        keep: how many of the newest stay in any case.
    """
    newest = {one.number for one in versions[-keep:]} if keep else set()
    kept = {}
    for one in versions:
        if one.number in newest:
            kept[one.number] = f"one of the {keep} newest" if keep > 1 else "the newest"
        elif one.number in needed:
            kept[one.number] = needed[one.number]
        elif why := why_no_version(one):
            kept[one.number] = why
    return Choice(tuple(one for one in versions if one.number not in kept), kept)


def why_no_version(one: VersionFolder) -> str:
    """Why a numbered entry isn't a version folder of its own; empty where it is one.

    A link leads to files of somebody else, and a folder without a SavedModel may be anything.
    """
    from tfdeploy.savedmodel.reading import is_saved_model

    if one.path.is_symlink():
        return "a link"
    if not one.path.is_dir():
        return "no folder"
    return "" if is_saved_model(one.path) else "no SavedModel in it"


def wanted_by(file: StackFile, wanted: Wanted) -> Iterator[tuple[str, str, int, str]]:
    """(service, model, version, who needs it) for what a stack file says: labels, then policies."""
    name = file.stack.stack
    for service, one in file.stack.services.items():
        for model, served in one.models.items():
            for label, number in served.labels.items():
                yield service, model, number, f"label {label} of stack {name}"
            for number in wanted.get(service, {}).get(model, ()):
                yield service, model, number, f"stack {name} wants it"
