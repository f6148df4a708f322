"""What a killed command leaves half made, and nobody works on any more."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tfdeploy.files import held, is_scratch
from tfdeploy.journal.folder import JOURNAL_DIR
from tfdeploy.render.folder import RENDERED_DIR
from tfdeploy.stack.file import FILE_NAME, RUN_DIR

# What files.save_text writes beside a file: .NAME.xxxxxxxx
_BESIDE = re.compile(r"^\..+\.[a-z0-9_]{8}$")


def remove_leftovers(folder: Path, base_paths: Iterable[Path]) -> list[Path]:
    """Remove half copied models, and half written files of a stack that we hold.

    A scratch folder that another process is still filling, an export for instance, is left to it.

    Args:
        folder: the stack's own folder.
        base_paths: of the models that the killed command was bringing.

    Returns:
        What was removed of the models.
    """
    _remove_half_written((folder / name).rglob(".*") for name in (RUN_DIR, RENDERED_DIR))
    return list(_scratch_folders(base_paths))


def half_written(folder: Path) -> list[Path]:
    """The files of a stack that were being written beside their names; some may be still."""
    places = [folder.glob(f".{FILE_NAME}.*")]
    places += [(folder / name).rglob(".*") for name in (RUN_DIR, RENDERED_DIR, JOURNAL_DIR)]
    return sorted(path for paths in places for path in _beside(paths))


def unfilled(base_path: Path) -> list[Path]:
    """The scratch folders below a base path that no process fills any more."""
    found: list[Path] = []
    with suppress(OSError):
        found.extend(_unheld(base_path))
    return found


def remove_half_begun(folder: Path) -> None:
    """Remove what is left of a command that was killed before its entry was in the journal."""
    half_begun = [folder.glob(f".{FILE_NAME}.*")]
    half_begun += [(folder / name).glob(".*") for name in (RUN_DIR, JOURNAL_DIR)]
    _remove_half_written(half_begun)


def _scratch_folders(base_paths: Iterable[Path]) -> Iterable[Path]:
    for base_path in base_paths:
        with suppress(OSError):
            for scratch in _unheld(base_path):
                shutil.rmtree(scratch, ignore_errors=True)
                yield scratch
            if not any(base_path.iterdir()):
                # The server would wait for ever on a base path without a version.
                base_path.rmdir()
                yield base_path


def _unheld(base_path: Path) -> Iterable[Path]:
    """Scratch folders that nobody fills, each held until the next one is asked for."""
    for scratch in sorted(one for one in base_path.iterdir() if is_scratch(one)):
        with held(scratch) as free:
            if free:
                yield scratch


def _remove_half_written(found: Iterable[Iterable[Path]]) -> None:
    for paths in found:
        for path in _beside(paths):
            with suppress(OSError):
                path.unlink()


def _beside(paths: Iterable[Path]) -> list[Path]:
    return [one for one in paths if _BESIDE.match(one.name) and one.is_file()]
