"""What an export file may say: one class per block."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from tfdeploy.exporting.recipe import METHODS

_ITEM = re.compile(r"\s*([a-z]+[0-9]*)\s*(?:\[([0-9?,\s]*)\])?\s*")


class Block(BaseModel):
    """A block of the export file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_size(value: object) -> object:
    """``224x224`` to height and width, in pixels."""
    match = re.fullmatch(r"\s*([1-9]\d*)\s*x\s*([1-9]\d*)\s*", str(value))
    if match is None:
        raise ValueError(f"'{value}' can't be read: write HEIGHTxWIDTH, such as 224x224")
    return int(match[1]), int(match[2])


def parse_ratio(value: object) -> object:
    """``1/255`` or ``0.0039`` to a number."""
    if isinstance(value, bool):
        raise ValueError("write a number or a fraction, such as 1/255")
    try:
        return float(Fraction(str(value).replace(" ", "")))
    except (ValueError, ZeroDivisionError) as error:
        text = f"'{value}' can't be read: write a number or a fraction, such as 1/255"
        raise ValueError(text) from error


def parse_item(value: object) -> object:
    """``float32[?, 3]`` to a dtype's name and the shape of one item; ``string`` is a scalar."""
    match = _ITEM.fullmatch(str(value))
    if match is None:
        raise ValueError(
            f"'{value}' can't be read: write a dtype and a shape, such as float32[8, 8]"
        )
    dims = [one.strip() for one in (match[2] or "").split(",") if one.strip()]
    return match[1], tuple(None if dim == "?" else int(dim) for dim in dims)


def _several(value: object) -> object:
    """One number, or one for each channel."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(parse_ratio(one) for one in values)


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _empty(value: object) -> object:
    return {} if value is None else value


Ratio = Annotated[float, BeforeValidator(parse_ratio)]
Ratios = Annotated[tuple[float, ...], BeforeValidator(_several)]
Size = Annotated[tuple[int, int], BeforeValidator(parse_size)]
Item = Annotated[tuple[str, tuple[int | None, ...]], BeforeValidator(parse_item)]
Names = Annotated[dict[StrictStr, StrictStr], BeforeValidator(_empty)]


class Image(Block):
    """Encoded images in; see ``fronts.ImageFront``."""

    alias: StrictStr = "image_bytes"
    into: StrictStr | None = None
    size: Size | None = None
    channels: StrictInt | None = None
    resize: StrictStr = "bilinear"
    keep_aspect: StrictStr | None = None
    pad_value: Ratio | None = None
    preset: StrictStr | None = None
    scale: Ratio | None = None
    offset: Ratio | None = None
    mean: Ratios | None = None
    std: Ratios | None = None
    with_shape: StrictBool = False
    raw: StrictBool = False


class Text(Block):
    """Strings in; see ``fronts.TextFront``. ``vocabulary`` is relative to the export file."""

    vocabulary: StrictStr
    alias: StrictStr = "text"
    into: StrictStr | None = None
    unknown: StrictStr | None = None
    unknown_id: Annotated[StrictInt, Field(ge=0)] | None = None
    padding: StrictStr | None = None
    length: Annotated[StrictInt, Field(gt=0)] | None = None
    lower: StrictBool = True
    strip_punctuation: StrictBool = True
    unicode: StrictBool = False
    split: Literal["whitespace", "characters"] = "whitespace"
    first_id: Annotated[StrictInt, Field(ge=0)] | None = None


class Map(Block):
    """A function of the user's, for each item of a batch; see ``fronts.MapFront``."""

    function: StrictStr
    inputs: dict[StrictStr, Item] | None = None
    outputs: dict[StrictStr, Item] | None = None


class Examples(Block):
    """Serialized tf.Examples in; see ``fronts.ExampleFront``."""

    alias: StrictStr = "inputs"


class Signature(Block):
    """One signature; see ``recipe.SignatureRecipe``."""

    of: StrictStr | None = None
    method: Literal[tuple(METHODS)] | None = None  # type: ignore[valid-type]
    inputs: Names = {}
    outputs: Names = {}
    labels: list[StrictStr] | StrictStr = []
    image: Annotated[list[Image], BeforeValidator(_listed)] = []
    text: Annotated[list[Text], BeforeValidator(_listed)] = []
    map: Annotated[list[Map], BeforeValidator(_listed)] = []
    examples: Annotated[Examples | None, BeforeValidator(_empty)] = None


class SessionBlock(Block):
    """See ``recipe.Session``."""

    allow_growth: StrictBool = False
    soft_placement: StrictBool = False
    gpu_memory_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0


class ExportFile(Block):
    """A whole export file."""

    source: StrictStr
    name: StrictStr | None = None
    tags: list[StrictStr] = []
    inputs: Names = {}
    outputs: Names = {}
    session: SessionBlock = SessionBlock()
    signatures: Annotated[
        dict[StrictStr, Annotated[Signature, BeforeValidator(_empty)]], BeforeValidator(_empty)
    ] = {}
    samples: dict[StrictStr, list[Any]] = {}


def given(block: Block) -> Mapping[str, Any]:
    """The fields that stand in the file; the others are left to whoever knows their defaults."""
    return {name: getattr(block, name) for name in block.model_fields_set}
