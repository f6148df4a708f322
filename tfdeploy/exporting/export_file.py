"""Export files: YAML beside a model that says how it is exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.export_schema import ExportFile, Signature, given
from tfdeploy.exporting.fronts import ExampleFront, Front, ImageFront, MapFront, TextFront
from tfdeploy.exporting.recipe import Loading, Recipe, Session, SignatureRecipe
from tfdeploy.stack.checked import Kind

_KIND = Kind("export file", "TFD120", "TFD120", "TFD120", "in docs/export.md")
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class LoadedFile:
    """What an export file says, and the model's name where it gives one."""

    recipe: Recipe
    name: str | None


def load_export_file(path: Path) -> LoadedFile:
    """Read an export file; its relative paths start at its own folder.

    Raises:
        TfdeployError: TFD120 for each field that is wrong; TFD116 for a front that can't be.
    """
    found, lines = _KIND.parse(_KIND.read(path), path, ExportFile)
    signatures = {}
    for name, block in found.signatures.items():
        try:
            signatures[name] = _signature(block, path.parent)
        except TfdeployError as error:
            where = f"{path}:{lines.of(('signatures', name))}: signatures.{name}"
            raise TfdeployError(error.code, error.message, where=where, hint=error.hint) from error
    session = Session(**found.session.model_dump())
    recipe = Recipe(
        _source(found.source, path.parent),
        signatures,
        Loading(found.inputs, found.outputs, session),
        found.samples,
        tuple(found.tags),
        path.parent,
    )
    return LoadedFile(recipe, found.name)


def _source(text: str, folder: Path) -> str:
    # module:function is no path; Python looks it up in the current folder.
    beside = folder / text
    return text if ":" in text and not beside.exists() else str(beside)


def _signature(block: Signature, folder: Path) -> SignatureRecipe:
    fronts: list[Front] = [image_front(given(one)) for one in block.image]
    fronts += [text_front(given(one), folder) for one in block.text]
    fronts += [map_front(given(one)) for one in block.map]
    if block.examples is not None:
        fronts.append(ExampleFront(**given(block.examples)))
    return SignatureRecipe(
        of=block.of,
        fronts=tuple(fronts),
        inputs=block.inputs,
        outputs=block.outputs,
        method=block.method,
        labels=_labels(block.labels, folder),
    )


def image_front(fields: Mapping[str, Any]) -> ImageFront:
    """The front that fields of the block ``image`` describe.

    Raises:
        TfdeployError: TFD116.
    """
    values = dict(fields)
    if values.get("size") is not None:
        values["height"], values["width"] = values["size"]
    values.pop("size", None)
    if "resize" in values:
        values["method"] = values.pop("resize")
    return ImageFront(**values)


def text_front(fields: Mapping[str, Any], folder: Path) -> TextFront:
    """The front that fields of the block ``text`` describe; its vocabulary lies below ``folder``.

    Raises:
        TfdeployError: TFD116.
    """
    return TextFront(**{**fields, "vocabulary": folder / fields["vocabulary"]})


def map_front(fields: Mapping[str, Any]) -> MapFront:
    """The front that fields of the block ``map`` describe.

    Raises:
        TfdeployError: TFD116.
    """
    return MapFront(**fields)


def _labels(labels: list[str] | str, folder: Path) -> tuple[str, ...]:
    if not isinstance(labels, str):
        return tuple(labels)
    return read_lines(folder / labels)


def read_lines(path: Path) -> tuple[str, ...]:
    """The lines of a text file: labels, one each.

    Raises:
        TfdeployError: TFD120 when it can't be read.
    """
    return tuple(replace(_KIND, name=f"file {path}").read(path).splitlines())
