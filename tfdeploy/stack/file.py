"""Finding and loading a stack file; every problem at once, each with its line."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.stack.lines import KeyPath, Lines, parse_yaml
from tfdeploy.stack.schema import (
    Batching,
    GpuShare,
    Publish,
    Resources,
    ServedModel,
    Service,
    Stack,
)

FILE_NAME = "stack.yaml"


@dataclass(frozen=True)
class StackFile:
    """A stack as it stands in its file."""

    path: Path
    text: str
    stack: Stack
    lines: Lines

    @property
    def folder(self) -> Path:
        """The stack's own folder."""
        return self.path.parent

    @property
    def models_root(self) -> Path:
        """The one root of all models, absolute, symbolic links left as they are."""
        return Path(os.path.abspath(self.folder / self.stack.models_dir))

    def base_path(self, service: str, model: str) -> Path:
        """The folder that holds a model's numbered versions, on this host."""
        return self.models_root / (self.stack.services[service].models[model].path or model)

    def where(self, *path: str | int) -> str:
        """``file:line: key.path`` of a field."""
        return f"{self.path}:{self.lines.of(path)}: {dotted(path)}"


def dotted(path: KeyPath) -> str:
    """A key path as people write it."""
    return ".".join(str(part) for part in path) or "the whole file"


def find_stack(name: str, stacks_dir: Path) -> Path:
    """The stack file for a stack's name, its folder or the file itself.

    Raises:
        TfdeployError: TFD201, naming the stacks that exist.
    """
    given = Path(name)
    if name and given.name in ("", ".."):
        # The folder's own name is needed later, and `.` hasn't any.
        candidates = [Path(os.path.abspath(name)) / FILE_NAME]
    else:
        candidates = [stacks_dir / name / FILE_NAME]
    if "/" in name or given.suffix in (".yaml", ".yml"):
        candidates += [given, given / FILE_NAME]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise _no_stack(name, candidates[0], stacks_dir)


def _no_stack(name: str, path: Path, stacks_dir: Path) -> TfdeployError:
    if path.is_dir():
        what, hint = f"{path} is a folder, not a stack file.", "move that folder away."
        return TfdeployError("TFD201", what, where=str(path), hint=hint)
    files = [one for one in stacks_dir.glob(f"*/{FILE_NAME}") if one.is_file()]
    known = sorted(one.parent.name for one in files)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"`tfdeploy new {name}` makes one."
    if known and not near:
        hint = f"stacks here: {', '.join(known)}. {hint}"
    return TfdeployError("TFD201", f"There is no stack '{name}'.", where=str(path), hint=hint)


def load_stack(path: Path) -> StackFile:
    """Read a stack file and check every field.

    Raises:
        TfdeployError: TFD201, TFD202; TFD203 for each field that is wrong.
    """
    try:
        # Not read_text: line ends and a byte order mark stay for edits to keep.
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise TfdeployError(
            "TFD201",
            f"The stack file can't be read: {error.strerror or error}.",
            where=str(path),
            hint="check the path and its permissions.",
        ) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TfdeployError(
            "TFD202",
            f"The stack file isn't UTF-8 text: byte 0x{error.object[error.start]:02x} is wrong.",
            where=f"{path}:{line}",
            hint="save it as UTF-8.",
        ) from error
    return parse_stack(text, path)


def parse_stack(text: str, path: Path) -> StackFile:
    """The stack file that ``text`` is; raises as ``load_stack``."""
    data, lines = parse_yaml(text, path)
    errors = [_doubled(path, lines, key) for key in lines.doubled]
    if not isinstance(data, dict):
        errors.append(_field_error(path, lines, (), "a stack file is a mapping of keys to values"))
        raise_all(errors)
    try:
        stack = Stack.model_validate(data)
    except ValidationError as error:
        errors += [_explain(path, lines, detail) for detail in error.errors()]
        raise_all(errors)
    raise_all(errors)
    return StackFile(path, text, stack, lines)


def _doubled(path: Path, lines: Lines, key: KeyPath) -> TfdeployError:
    return TfdeployError(
        "TFD203",
        f"The key '{key[-1]}' stands twice; YAML would keep only one of them.",
        where=f"{path}:{lines.of(key)}: {dotted(key)}",
        hint="remove or rename one of them.",
    )


def _field_error(path: Path, lines: Lines, key: KeyPath, message: str) -> TfdeployError:
    return TfdeployError(
        "TFD203",
        f"{dotted(key)}: {message}.",
        where=f"{path}:{lines.of(key)}: {dotted(key)}",
        hint="every field is described in docs/stack-file.md and by `tfdeploy new NAME --full`.",
    )


def _explain(path: Path, lines: Lines, detail: Any) -> TfdeployError:
    """One pydantic error in our words, at its line."""
    # pydantic marks a mapping's key that failed; that part isn't in the file.
    key = tuple(part for part in detail["loc"] if part != "[key]")
    if detail["type"] == "extra_forbidden":
        return _unknown_key(path, lines, key)
    if detail["type"] == "missing":
        return _field_error(path, lines, key, "the field is missing")
    if detail["type"] in ("model_type", "dict_type"):
        return _field_error(path, lines, key, "write a block of `key: value` lines")
    message = detail["msg"].removeprefix("Value error, ").rstrip(".")
    return _field_error(path, lines, key, message[:1].lower() + message[1:])


def _unknown_key(path: Path, lines: Lines, key: KeyPath) -> TfdeployError:
    block = _block_of(key)
    names = list(block.model_fields)
    near = difflib.get_close_matches(str(key[-1]), names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(names)}."
    return TfdeployError(
        "TFD203",
        f"There is no field '{key[-1]}' here.",
        where=f"{path}:{lines.of(key)}: {dotted(key)}",
        hint=hint,
    )


def _block_of(key: KeyPath) -> type[BaseModel]:
    """The block that a key path's last part stands in."""
    blocks: dict[str, type[BaseModel]] = {
        "gpu": GpuShare,
        "batching": Batching,
        "publish": Publish,
        "resources": Resources,
    }
    if len(key) < 3 or key[0] != "services":
        return Stack
    if len(key) == 3:
        return Service
    if key[2] == "models":
        return ServedModel
    return blocks.get(str(key[2]), Service)
