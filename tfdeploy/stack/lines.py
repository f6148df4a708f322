"""YAML with the line of every key kept, so that an error can say where it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tfdeploy.errors import TfdeployError

KeyPath = tuple[str | int, ...]
# libyaml where PyYAML was built with it: ten times as fast on a file of a hundred services.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Lines:
    """Line numbers of the keys and items of one YAML document, and its doubled keys."""

    def __init__(self) -> None:
        # By text: `1:` is a number to YAML, and a list's items have numbers, too.
        self._at: dict[tuple[str, ...], int] = {}
        self.doubled: list[KeyPath] = []
        self._seen: set[int] = set()

    def of(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest key above it; 1-based."""
        words = tuple(map(str, path))
        while words and words not in self._at:
            words = words[:-1]
        return self._at.get(words, 1)

    def read(self, node: yaml.Node, path: tuple[str, ...] = ()) -> None:
        """Walk a node tree and note where each key stands."""
        # An alias is the node of its anchor again, which may even hold itself.
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*path, str(key.value))
                if inner in self._at:
                    self.doubled.append(inner)
                self._at[inner] = key.start_mark.line + 1
                self.read(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                inner = (*path, str(index))
                self._at[inner] = value.start_mark.line + 1
                self.read(value, inner)


def parse_yaml(
    text: str, path: Path, kind: str = "stack file", code: str = "TFD202"
) -> tuple[Any, Lines]:
    """The document and its lines; ``kind`` and ``code`` are for what goes wrong.

    Raises:
        TfdeployError: ``code`` with line and column.
    """
    lines = Lines()
    try:
        node = yaml.compose(text, Loader=LOADER)
        data = yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader
        if node is not None:
            lines.read(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise TfdeployError(
            code,
            f"The {kind} isn't valid YAML: {error.problem or error.context}.",
            where=where,
            hint="look at that line and the one above: indentation, a missing ':' or quote.",
        ) from error
    except yaml.YAMLError as error:
        raise TfdeployError(
            code,
            f"The {kind} isn't valid YAML: {str(error).splitlines()[0]}.",
            where=str(path),
            hint="save the file as UTF-8 text without control characters.",
        ) from error
    except (ValueError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        # The safe loader's own: `2001-99-99`, `!!int x`, ten thousand brackets.
        raise TfdeployError(
            code,
            f"The {kind} holds a value that YAML can't read{_said(error)}.",
            where=str(path),
            hint="put dates, and what only looks like a number, into quotes.",
        ) from error
    return data, lines


def _said(error: Exception) -> str:
    return f": {str(error)[:80]}" if isinstance(error, ValueError) else ""


def yaml_word(text: str) -> str:
    """A text as a key or a value: bare where every YAML reads it back, `no` and `1e3` in quotes."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", text)
    node = yaml.compose(text, Loader=yaml.SafeLoader) if plain else None
    bare = node is not None and node.tag == "tag:yaml.org,2002:str"
    return text if bare else json.dumps(text, ensure_ascii=False)
