"""What changes for clients from one version of a model to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tfdeploy.savedmodel.signatures import SavedModel, Signature, TensorInfo

Shape = tuple[int | None, ...] | None


@dataclass(frozen=True)
class Change:
    """One difference that clients can see.

    Attributes:
        signature: its name.
        what: a clause, such as ``input 'x' is renamed to 'y'``.
        breaking: whether requests that worked fail, or answers are no longer read as before.
    """

    signature: str
    what: str
    breaking: bool


def contract_changes(before: SavedModel, after: SavedModel) -> list[Change]:
    """Every difference between two versions' signatures, in the order of the signatures' names.

    What takes more than before, or promises more, is compatible: a new signature, an input's
    dimension that becomes free, an output's dimension that becomes fixed, a new output. A second
    output is breaking, though: REST writes one output as bare values and several as objects
    (TensorFlow Serving, util/json_tensor.cc).
    """
    return signature_changes(before.signatures, after.signatures)


def signature_changes(
    before: Mapping[str, Signature], after: Mapping[str, Signature]
) -> list[Change]:
    """As ``contract_changes``, of signatures by name, wherever they were read."""
    changes: list[Change] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None:
            changes.append(Change(name, f"signature '{name}' is new", False))
        elif new is None:
            changes.append(Change(name, f"signature '{name}' is gone", True))
        else:
            changes += _in_signature(old, new)
    return changes


def _in_signature(old: Signature, new: Signature) -> Iterator[Change]:
    if old.method_name != new.method_name:
        what = f"the method was {old.method_name} and is {new.method_name}"
        yield Change(old.name, what, True)
    for way, before, after in (
        ("input", old.inputs, new.inputs),
        ("output", old.outputs, new.outputs),
    ):
        for what, breaking in _in_tensors(way, before, after):
            yield Change(old.name, what, breaking)


def _in_tensors(
    way: str, before: Mapping[str, TensorInfo], after: Mapping[str, TensorInfo]
) -> Iterator[tuple[str, bool]]:
    renamed = _renamed(before, after)
    for alias, info in before.items():
        if alias in renamed:
            yield f"{way} '{alias}' is renamed to '{renamed[alias]}'", True
        elif alias not in after:
            yield f"{way} '{info}' is gone", True
        else:
            yield from _in_tensor(way, info, after[alias])
    added = [one for one in after if one not in before and one not in renamed.values()]
    alone = way == "output" and len(before) == 1 < len(after)
    why = ": REST answers with objects from now on" if alone else ""
    for alias in added:
        yield f"{way} '{after[alias]}' is new{why}", way == "input" or alone


def _renamed(before: Mapping[str, TensorInfo], after: Mapping[str, TensorInfo]) -> dict[str, str]:
    """Old to new alias, where one that is gone and one that is new are alike and no others are."""
    gone = {alias: info for alias, info in before.items() if alias not in after}
    added = {alias: info for alias, info in after.items() if alias not in before}
    renamed = {}
    for alias, info in gone.items():
        alike = [other for other, new in added.items() if _kind(new) == _kind(info)]
        rivals = [other for other, old in gone.items() if _kind(old) == _kind(info)]
        if len(alike) == len(rivals) == 1:
            renamed[alias] = alike[0]
    return renamed


def _kind(info: TensorInfo) -> tuple[str, Shape]:
    return info.dtype, info.shape


def _in_tensor(way: str, old: TensorInfo, new: TensorInfo) -> Iterator[tuple[str, bool]]:
    if old.dtype != new.dtype:
        yield f"{way} '{old.alias}' was {old.dtype} and is {new.dtype}", True
    if old.shape != new.shape:
        # An input may take more shapes than before, an output may have fewer.
        wide, narrow = (new, old) if way == "input" else (old, new)
        what = f"{way} '{old.alias}' had shape {old.dims} and has {new.dims}"
        yield what, not _holds(wide.shape, narrow.shape)


def _holds(wide: Shape, narrow: Shape) -> bool:
    """Whether every tensor of the narrow shape is one of the wide shape."""
    if wide is None:
        return True
    if narrow is None or len(wide) != len(narrow):
        return False
    return all(dim is None or dim == other for dim, other in zip(wide, narrow, strict=True))
