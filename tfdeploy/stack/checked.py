"""YAML files that people write: read, checked against a schema, every problem with its line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.stack.lines import KeyPath, Lines, parse_yaml

B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True)
class Kind:
    """A kind of file: what it's called, its error codes, and where its fields are described."""

    name: str
    unreadable: str
    no_yaml: str
    wrong_field: str
    described: str

    def read(self, path: Path) -> str:
        """The text of a file of this kind.

        Raises:
            TfdeployError: ``unreadable``; ``no_yaml`` where it isn't UTF-8.
        """
        try:
            # Not read_text: line ends and a byte order mark stay for edits to keep.
            return path.read_bytes().decode("utf-8")
        except OSError as error:
            raise TfdeployError(
                self.unreadable,
                f"The {self.name} can't be read: {error.strerror or error}.",
                where=str(path),
                hint="check the path and its permissions.",
            ) from error
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            byte = error.object[error.start]
            raise TfdeployError(
                self.no_yaml,
                f"The {self.name} isn't UTF-8 text: byte 0x{byte:02x} is wrong.",
                where=f"{path}:{line}",
                hint="save it as UTF-8.",
            ) from error

    def parse(self, text: str, path: Path, schema: type[B]) -> tuple[B, Lines]:
        """What the text says, and the line of every key.

        Raises:
            TfdeployError: ``no_yaml``, or ``wrong_field`` for each field that is wrong.
        """
        data, lines = parse_yaml(text, path, self.name, self.no_yaml)
        errors = [self._doubled(path, lines, key) for key in lines.doubled]
        if not isinstance(data, dict):
            errors.append(
                self._wrong(path, lines, (), f"{_a(self.name)} is a mapping of keys to values")
            )
            raise_all(errors)
        try:
            found = schema.model_validate(data)
        except ValidationError as error:
            errors += [self._explain(path, lines, detail, schema) for detail in error.errors()]
            raise_all(errors)
        raise_all(errors)
        return found, lines

    def _doubled(self, path: Path, lines: Lines, key: KeyPath) -> TfdeployError:
        return TfdeployError(
            self.wrong_field,
            f"The key '{key[-1]}' stands twice; YAML would keep only one of them.",
            where=f"{path}:{lines.of(key)}: {dotted(key)}",
            hint="remove or rename one of them.",
        )

    def _wrong(self, path: Path, lines: Lines, key: KeyPath, message: str) -> TfdeployError:
        return TfdeployError(
            self.wrong_field,
            f"{dotted(key)}: {message}.",
            where=f"{path}:{lines.of(key)}: {dotted(key)}",
            hint=f"every field is described {self.described}.",
        )

    def _explain(
        self, path: Path, lines: Lines, detail: Any, schema: type[BaseModel]
    ) -> TfdeployError:
        """One pydantic error in our words, at its line."""
        # pydantic marks a mapping's key that failed; that part isn't in the file.
        key = tuple(part for part in detail["loc"] if part != "[key]")
        if detail["type"] == "extra_forbidden":
            return self._unknown_key(path, lines, key, schema)
        if detail["type"] == "missing":
            return self._wrong(path, lines, key, "the field is missing")
        if detail["type"] in ("model_type", "dict_type"):
            return self._wrong(path, lines, key, "write a block of `key: value` lines")
        message = detail["msg"].removeprefix("Value error, ").rstrip(".")
        return self._wrong(path, lines, key, message[:1].lower() + message[1:])

    def _unknown_key(
        self, path: Path, lines: Lines, key: KeyPath, schema: type[BaseModel]
    ) -> TfdeployError:
        names = list(_block_of(schema, key[:-1]).model_fields)
        near = difflib.get_close_matches(str(key[-1]), names, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(names)}."
        return TfdeployError(
            self.wrong_field,
            f"There is no field '{key[-1]}' here.",
            where=f"{path}:{lines.of(key)}: {dotted(key)}",
            hint=hint,
        )


def dotted(path: KeyPath) -> str:
    """A key path as people write it."""
    return ".".join(str(part) for part in path) or "the whole file"


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _block_of(schema: type[BaseModel], key: KeyPath) -> type[BaseModel]:
    """The block that lies at a key path; the schema itself where the path leads nowhere."""
    annotation: Any = schema
    for part in key:
        annotation = _inside(annotation, str(part))
    return _block(annotation) or schema


def _inside(annotation: Any, part: str) -> Any:
    """What a key of ``annotation`` holds: a field of a block, a value of a mapping or a list."""
    if (block := _block(annotation)) is not None:
        field = block.model_fields.get(part)
        return field.annotation if field else None
    arguments = get_args(annotation)
    if get_origin(annotation) in (dict, list):
        return arguments[-1]
    found = (_inside(one, part) for one in arguments)
    return next((one for one in found if one is not None), None)


def _block(annotation: Any) -> type[BaseModel] | None:
    """The block that an annotation means, through unions and Annotated, not through collections."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (dict, list):
        return None
    found = (_block(one) for one in get_args(annotation))
    return next((one for one in found if one is not None), None)
