"""YAML with the line of every key kept, so that an error can say where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tfdeploy.errors import TfdeployError

KeyPath = tuple[str | int, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Lines:
    """Line numbers of the keys and items of one YAML document, and its doubled keys."""

    def __init__(self) -> None:
        self._at: dict[KeyPath, int] = {}
        self.doubled: list[KeyPath] = []

    def of(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest key above it; 1-based."""
        while path and path not in self._at:
            path = path[:-1]
        return self._at.get(path, 1)

    def read(self, node: yaml.Node, path: KeyPath = ()) -> None:
        """Walk a node tree and note where each key stands."""
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*path, str(key.value))
                if inner in self._at:
                    self.doubled.append(inner)
                self._at[inner] = key.start_mark.line + 1
                self.read(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._at[(*path, index)] = value.start_mark.line + 1
                self.read(value, (*path, index))


def parse_yaml(text: str, path: Path) -> tuple[Any, Lines]:
    """The document and its lines.

    Raises:
        TfdeployError: TFD202 with line and column.
    """
    lines = Lines()
    try:
        node = yaml.compose(text, Loader=_Loader)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise TfdeployError(
            "TFD202",
            f"The stack file isn't valid YAML: {error.problem or error.context}.",
            where=where,
            hint="look at that line and the one above: indentation, a missing ':' or quote.",
        ) from error
    except yaml.YAMLError as error:
        raise TfdeployError(
            "TFD202",
            f"The stack file isn't valid YAML: {str(error).splitlines()[0]}.",
            where=str(path),
            hint="save the file as UTF-8 text without control characters.",
        ) from error
    if node is not None:
        lines.read(node)
    return data, lines
