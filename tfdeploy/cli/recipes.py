"""What the options of ``tfdeploy export`` say, as a recipe."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.exporting import Recipe
    from tfdeploy.exporting.fronts import Front

# Options of the image front by its fields in an export file.
_OPTIONS = {
    "alias": "--image-input",
    "size": "--image-size",
    "with_shape": "--image-shape",
    "raw": "--raw-pixels",
    "keep_aspect": "--keep-aspect",
}


@dataclass(frozen=True)
class Given:
    """The options that were given; ``image``, ``text`` and ``map`` by their front's fields."""

    image: Mapping[str, Any]
    text: Mapping[str, Any]
    map: Mapping[str, Any]
    into: str | None
    front_as: str | None
    raw_as: str | None
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    session: tuple[bool, bool, float]
    samples: Path | None
    tags: tuple[str, ...]


def left_out(**options: Any) -> dict[str, Any]:
    """The options without those that nobody gave."""
    return {name: value for name, value in options.items() if value is not None}


def pairs(option: str, texts: Sequence[str] | None) -> dict[str, str]:
    """``NAME=VALUE`` words to a mapping.

    Raises:
        TfdeployError: TFD216.
    """
    found = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not (sign and name and value):
            raise _wrong(f"'{text}' can't be read.", option, "write NAME=VALUE.")
        found[name] = value
    return found


def known_kinds(kinds: Sequence[str]) -> frozenset[str]:
    """Kinds of defects, each a known one.

    Raises:
        TfdeployError: TFD216.
    """
    from tfdeploy.savedmodel import DEFECT_KINDS

    for kind in kinds:
        if kind not in DEFECT_KINDS:
            known = ", ".join(sorted(DEFECT_KINDS))
            raise _wrong(f"There is no kind of defect '{kind}'.", "--allow", f"kinds: {known}.")
    return frozenset(kinds)


def recipe(source: str, name: str | None, given: Given) -> "tuple[Recipe, str]":
    """The recipe, from an export file where SOURCE is one, and the model's name.

    Raises:
        TfdeployError: TFD216 for options that don't go together; TFD116, TFD120.
    """
    from tfdeploy.exporting import Recipe
    from tfdeploy.exporting.export_file import SUFFIXES, load_export_file

    made = Recipe(source)
    if source.endswith(SUFFIXES) and Path(source).is_file():
        loaded = load_export_file(Path(source))
        made, name = loaded.recipe, name or loaded.name
        if given.image or given.text or given.map or given.inputs or given.outputs:
            raise _wrong(
                "Fronts and names stand in the export file, and were given as options, too.",
                source,
                "write them into the file.",
            )
    else:
        made = _with_options(made, given)
    if name is None:
        raise _wrong("The model has no name.", "tfdeploy export", "pass --name NAME.")
    samples = _samples(given.samples) if given.samples else made.samples
    return dataclasses.replace(made, samples=samples, tags=(*made.tags, *given.tags)), name


def _with_options(made: "Recipe", given: Given) -> "Recipe":
    from tfdeploy.exporting import SignatureRecipe
    from tfdeploy.exporting.recipe import DEFAULT, Loading, Session
    from tfdeploy.exporting.sources import takes_tensor_names

    front = _front(given)
    if front is None and (given.front_as or given.raw_as or given.into):
        options = left_out(
            **{"--front-as": given.front_as, "--raw-as": given.raw_as, "--into": given.into}
        )
        raise _wrong(f"{', '.join(options)}: there is no front.", "tfdeploy export", _ADD_A_FRONT)
    session = Session(*given.session)
    if takes_tensor_names(made.source) or _are_tensors(given.inputs, given.outputs):
        loading, raw = Loading(given.inputs, given.outputs, session), SignatureRecipe(of=DEFAULT)
    else:
        loading = Loading(session=session)
        raw = SignatureRecipe(of=DEFAULT, inputs=given.inputs, outputs=given.outputs)
    signatures = {}
    if front is not None:
        signatures[given.front_as or DEFAULT] = dataclasses.replace(raw, fronts=(front,))
    if given.raw_as is not None or ((raw.inputs or raw.outputs) and DEFAULT not in signatures):
        signatures[given.raw_as or DEFAULT] = raw
    return dataclasses.replace(made, signatures=signatures, loading=loading)


_ADD_A_FRONT = "add --image, --text VOCABULARY or --map MODULE:FUNCTION, or leave them out."


def _are_tensors(*names: Mapping[str, str]) -> bool:
    """Whether ``--input`` and ``--output`` name tensors of a graph: ``softmax:0``."""
    return any(re.search(r":\d+$", name) for several in names for name in several.values())


def _front(given: Given) -> "Front | None":
    from tfdeploy.exporting.export_file import image_front, map_front, text_front

    _check_alone(given)
    into = left_out(into=given.into)
    image = {key: value for key, value in given.image.items() if key != "image"}
    if given.image.get("image"):
        for field, read in _READ.items():
            if field in image:
                image[field] = read(_OPTIONS.get(field, f"--{field}"), image[field])
        return image_front({**image, **into})
    if "vocabulary" in given.text:
        return text_front({**given.text, **into}, Path())
    if "function" in given.map:
        inputs = pairs("--map-input", given.map.get("inputs"))
        items = {name: _item("--map-input", text) for name, text in inputs.items()}
        return map_front(left_out(function=given.map["function"], inputs=items or None))
    return None


def _check_alone(given: Given) -> None:
    """Options of a front need it, and one command line holds one front."""
    fronts = {
        "--image": (given.image, "image", _OPTIONS),
        "--text": (given.text, "vocabulary", {"alias": "--text-input", "split": "--text-split"}),
        "--map": (given.map, "function", {"inputs": "--map-input"}),
    }
    for name, (options, needed, words) in fronts.items():
        if options and needed not in options:
            said = ", ".join(words.get(option, f"--{option}") for option in options)
            hint = f"add {name}, or leave them out."
            raise _wrong(f"{said}: without {name} there is no such front.", "tfdeploy export", hint)
    several = [name for name, (options, *_) in fronts.items() if options]
    if len(several) > 1:
        hint = "an export file can give a signature several fronts."
        raise _wrong(f"{' and '.join(several)} don't go together.", "tfdeploy export", hint)


def _parsed(parse: str) -> Callable[[str, str], Any]:
    """A reader of the export file's, with the option in its error."""

    def read(option: str, text: str) -> Any:
        from tfdeploy.exporting import export_schema

        try:
            return getattr(export_schema, parse)(text)
        except ValueError as error:
            what, _, hint = str(error).partition(": ")
            raise _wrong(f"{what}.", option, f"{hint}.") from error

    return read


def _channels(option: str, text: str) -> tuple[float, ...]:
    return tuple(_ratio(option, part) for part in text.split(","))


_ratio, _size, _item = _parsed("parse_ratio"), _parsed("parse_size"), _parsed("parse_item")
_READ = {"size": _size, "scale": _ratio, "mean": _channels, "std": _channels}


def _samples(path: Path) -> dict[str, list[object]]:
    """Rows by signature, from a REST body or from a mapping of signatures to rows."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _wrong(f"{path} can't be read: {error}.", "--samples", _SAMPLES) from error
    if isinstance(found, dict) and isinstance(found.get("instances"), list):
        return {str(found.get("signature_name") or "serving_default"): found["instances"]}
    if isinstance(found, dict) and all(isinstance(rows, list) for rows in found.values()):
        return found
    raise _wrong(f"{path} holds no rows of requests.", "--samples", _SAMPLES)


_SAMPLES = 'write {"instances": [...]}, as a REST request has it, or {"SIGNATURE": [...]}.'


def _wrong(message: str, where: str, hint: str) -> TfdeployError:
    return TfdeployError("TFD216", message, where=where, hint=hint)
