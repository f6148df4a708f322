"""Names of a Keras model's inputs and outputs, as clients see them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from typing import Any

Path = tuple[Any, ...]


def named_specs(tf: Any, leaves: Sequence[tuple[Path, Any]]) -> list[Any]:
    """TensorSpecs, each called by its key in a dict, else by its own name.

    Args:
        tf: TensorFlow.
        leaves: path in the nest of the model's inputs, and TensorSpec.
    """
    names = [_key(path) or spec.name or "inputs" for path, spec in leaves]
    names = unique([identifier(name) for name in names])
    return [
        tf.TensorSpec(spec.shape, spec.dtype, name=name)
        for (_, spec), name in zip(leaves, names, strict=True)
    ]


def output_names(paths: Sequence[Path], layers: Sequence[str] | None) -> list[str]:
    """Keys of dicts, else the names of the layers, else output_0, output_1 ..."""
    if layers is None or len(layers) != len(paths):
        layers = [f"output_{index}" for index in range(len(paths))]
    return unique([_key(path) or name for path, name in zip(paths, layers, strict=True)])


def _key(path: Path) -> str:
    """A path into nested dicts as one name; empty where lists alone lead there."""
    if not any(isinstance(part, str) for part in path):
        return ""
    return "_".join(str(part) for part in path if isinstance(part, str))


def identifier(name: str) -> str:
    """The name as TensorFlow takes it for an argument: letters, digits and underscores."""
    plain = re.sub(r"\W", "_", name)
    plain = f"{plain}_" if keyword.iskeyword(plain) else plain
    return plain if plain[:1].isalpha() else f"arg_{plain}"


def unique(names: list[str]) -> list[str]:
    """The names, with a number behind those that stand twice."""
    found: list[str] = []
    for name in names:
        count = 0
        while (free := f"{name}_{count}" if count else name) in found:
            count += 1
        found.append(free)
    return found
