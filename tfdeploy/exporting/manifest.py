"""tfdeploy.json: where a version came from, beside its saved_model.pb. The server ignores it."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfdeploy import processes
from tfdeploy.exporting.recipe import Recipe
from tfdeploy.exporting.sources import Source
from tfdeploy.files import save_text
from tfdeploy.savedmodel import MANIFEST, SavedModel

_PIECE_BYTES = 1 << 20


def write_manifest(
    folder: Path,
    recipe: Recipe,
    source_path: Path | None,
    model: SavedModel,
    samples: Mapping[str, Any],
    answers: Mapping[str, Any],
    notes: list[str],
) -> None:
    """Write what is known of an export.

    Args:
        folder: the version's folder.
        recipe: what was exported.
        source_path: the file or folder it was read from; None where there is none.
        model: what was written.
        samples: rows of requests by signature.
        answers: by signature, what they were answered.
        notes: what was said on the way.

    Raises:
        TfdeployError: TFD211.
    """
    found = {
        "source": recipe.source,
        "source_sha256": _sha256(source_path) if source_path else None,
        "git": _git_revision(source_path),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "tensorflow": model.tensorflow_version,
        "keras": _version_of("keras"),
        "tf_keras": _version_of("tf_keras"),
        "tags": list(recipe.tags),
        "signatures": {
            name: {
                "method": one.method_name,
                "inputs": [str(tensor) for tensor in one.inputs.values()],
                "outputs": [str(tensor) for tensor in one.outputs.values()],
            }
            for name, one in model.signatures.items()
        },
        "ops": list(model.ops),
        "samples": dict(samples),
        "answers": dict(answers),
        "notes": notes,
    }
    # A line for each fact: an indented picture would have one for each pixel.
    lines = (
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in found.items()
    )
    save_text(folder / MANIFEST, "{\n" + ",\n".join(lines) + "\n}\n")


def source_path(source: Source) -> Path | None:
    """The file or folder that a source was read from; of a Python object, its module's file."""
    path = getattr(source, "path", None)
    if isinstance(path, Path):
        return path
    module = sys.modules.get(getattr(source, "module", ""))
    file = getattr(module, "__file__", None)
    return Path(file) if file else None


def _sha256(path: Path) -> str | None:
    """Of a file's contents; of a folder's, with every file's name in front, in order."""
    digest = hashlib.sha256()
    try:
        if path.is_file():
            _feed(digest, path)
        else:
            for file in _files(path):
                digest.update(f"{file.relative_to(path).as_posix()}\0".encode())
                _feed(digest, file)
    except OSError:
        return None
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(Path(root) / name for root, _, names in os.walk(folder) for name in names)


def _feed(digest: Any, file: Path) -> None:
    with file.open("rb") as handle:
        while piece := handle.read(_PIECE_BYTES):
            digest.update(piece)


def _version_of(package: str) -> str | None:
    # Only of what was used: an import of it here would tell nothing about the model.
    return getattr(sys.modules.get(package), "__version__", None)


def _git_revision(source_path: Path | None) -> str | None:
    """The revision that the source's folder is at, with ``-dirty`` where files differ from it."""
    folder = Path.cwd() if source_path is None else source_path
    folder = folder if folder.is_dir() else folder.parent
    words = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    done = processes.run([*words, "--exclude=*"], timeout_seconds=10)
    return done.stdout.strip() or None if done.exit_code == 0 else None
