"""tfdeploy's own stacks: what `tfdeploy up` would refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.lint.finding import Finding, Place
from tfdeploy.lint.setup import Setup, StackText
from tfdeploy.stack import StackFile, check_models, parse_stack
from tfdeploy.stack.check import check_alone, name_in
from tfdeploy.stack.file import FILE_NAME

_REFUSED = "`tfdeploy up` refuses the stack."


class StackLinter:
    """Lints stacks one by one; the names of their neighbours are read once."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._names: dict[Path, dict[str, list[Path]]] = {}

    def findings(self, stack: StackText) -> Iterator[Finding]:
        """Everything that is wrong with one stack."""
        try:
            file = parse_stack(stack.text, stack.path)
            problems = [*check_alone(file), *self._same_name(file)]
            # Models of a stack that is checked elsewhere, as in CI, may not be here.
            if file.models_root.is_dir():
                problems += check_models(file)
        except TfdeployError as error:
            problems = error.all()
        for problem in problems:
            place = place_of(problem.where, stack.path)
            message, fix = problem.message, problem.hint
            yield Finding(problem.code, "error", place, message, _REFUSED, fix)

    def _same_name(self, file: StackFile) -> Iterator[TfdeployError]:
        others = self._neighbours(file.folder.parent).get(file.stack.stack, [])
        for other in others:
            if other.parent.name != file.folder.absolute().name:
                yield TfdeployError(
                    "TFD207",
                    f"Another stack is named '{file.stack.stack}', too: {other}.",
                    where=file.where("stack"),
                    hint="give one of them another name in its `stack:` line.",
                )

    def _neighbours(self, folder: Path) -> dict[str, list[Path]]:
        if folder not in self._names:
            found: dict[str, list[Path]] = {}
            for path in sorted(folder.glob(f"*/{FILE_NAME}")):
                # What is wrong with a neighbour's file is told where that stack is linted.
                with suppress(TfdeployError):
                    text = self._setup.sources.read(path) or ""
                    found.setdefault(name_in(text), []).append(path)
            self._names[folder] = found
        return self._names[folder]


def place_of(where: str, path: Path) -> Place:
    """The place that an error's ``where`` names; the file's start where it names none."""
    match = re.search(re.escape(str(path)) + r":(\d+)", where)
    return Place(path, int(match[1]) if match else 1)
