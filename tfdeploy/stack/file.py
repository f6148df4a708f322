"""Finding and loading a stack file; every problem at once, each with its line."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.shares import SharePlan
from tfdeploy.stack.checked import Kind, dotted
from tfdeploy.stack.lines import Lines
from tfdeploy.stack.schema import Stack

FILE_NAME = "stack.yaml"
RUN_DIR = ".run"
"""What belongs to this machine: which runtime, pid files, logs, who changes the stack."""
_STACK_FILE = Kind(
    "stack file",
    "TFD201",
    "TFD202",
    "TFD203",
    "in docs/stack-file.md and by `tfdeploy new NAME --full`",
)


@dataclass(frozen=True)
class StackFile:
    """A stack as it stands in its file.

    ``gpus`` is what `settle_gpus` found: then every share in ``stack`` has device and fraction.
    """

    path: Path
    text: str
    stack: Stack
    lines: Lines
    gpus: SharePlan | None = None

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
    return parse_stack(_STACK_FILE.read(path), path)


def parse_stack(text: str, path: Path) -> StackFile:
    """The stack file that ``text`` is; raises as ``load_stack``."""
    stack, lines = _STACK_FILE.parse(text, path, Stack)
    return StackFile(path, text, stack, lines)
