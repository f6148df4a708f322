"""What an export wrote about itself: ``tfdeploy.json`` beside ``saved_model.pb``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MANIFEST = "tfdeploy.json"


def _silent(note: str) -> None:
    del note


def read_manifest(folder: Path, report: Callable[[str], None] = _silent) -> dict[str, Any] | None:
    """The manifest of a version folder, or None where there is none that can be read.

    The server doesn't know the file, so a broken one is a note and never an error.

    Args:
        folder: the version's folder.
        report: takes the note about a broken one.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        report(f"{folder / MANIFEST} can't be read: {error.strerror or error}")
        return None
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        report(f"{folder / MANIFEST} is no JSON and is passed over: {error}")
        return None
    if isinstance(found, dict):
        return found
    report(f"{folder / MANIFEST} holds no JSON object and is passed over")
    return None


def manifest_samples(manifest: Mapping[str, Any] | None, signature: str) -> list[dict[str, Any]]:
    """The sample rows of one signature, as in REST's ``instances``; empty without usable ones."""
    samples = (manifest or {}).get("samples")
    rows = samples.get(signature) if isinstance(samples, Mapping) else None
    usable = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    return list(rows) if rows and usable else []


def manifest_answer(
    manifest: Mapping[str, Any] | None, signature: str
) -> tuple[dict[str, Any], float] | None:
    """What the export answered to its samples: values by output, all rows, and the tolerance.

    None where it recorded none: a model that answers by chance has none, nor has an old export.
    """
    answers = (manifest or {}).get("answers")
    found = answers.get(signature) if isinstance(answers, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    outputs, tolerance = found.get("outputs"), found.get("tolerance")
    if not isinstance(outputs, dict) or not outputs or not isinstance(tolerance, int | float):
        return None
    return outputs, float(tolerance)
