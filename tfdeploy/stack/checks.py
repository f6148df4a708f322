"""The requests that a version answers before a label moves to it: read, not sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import list_versions, manifest_answer, manifest_samples, read_manifest
from tfdeploy.stack.file import StackFile
from tfdeploy.stack.schema import Check

# Of samples without a recorded answer; only their form is checked.
DEFAULT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class CheckRequest:
    """One request, and what its answer is compared with.

    Args:
        name: what people call it, such as ``checks.0``.
        signature: its name; None for the model's default.
        document: as ``tfdeploy predict`` takes it.
        expected: an answer as the server writes it, or values by output; None where only the form
            of the answer is known.
        tolerance: how far a float may be off: this much absolutely where it should be below 1,
            and this part of it above.
    """

    name: str
    signature: str | None
    document: Any
    expected: Any = None
    tolerance: float = DEFAULT_TOLERANCE


def check_requests(
    file: StackFile, service: str, model: str, version: int
) -> tuple[CheckRequest, ...]:
    """What a version is asked: the model's ``checks:``, or else what its export recorded.

    Raises:
        TfdeployError: TFD230 for a file of ``checks:`` that can't be read.
    """
    checks = file.stack.services[service].models[model].checks
    if checks:
        return tuple(
            _of_stack_file(file, service, model, index, one) for index, one in enumerate(checks)
        )
    folders = {one.number: one.path for one in list_versions(file.base_path(service, model))}
    return tuple(_recorded(folders[version])) if version in folders else ()


def wrong_checks(file: StackFile) -> Iterator[TfdeployError]:
    """Every ``checks:`` whose file can't be read, as TFD230."""
    for service, one in file.stack.services.items():
        for model, served in one.models.items():
            for index, check in enumerate(served.checks):
                try:
                    _of_stack_file(file, service, model, index, check)
                except TfdeployError as error:
                    yield error


def _of_stack_file(
    file: StackFile, service: str, model: str, index: int, check: Check
) -> CheckRequest:
    where = file.where("services", service, "models", model, "checks", index)
    return CheckRequest(
        f"checks.{index}",
        check.signature,
        _document(file.folder, check.request, where),
        _document(file.folder, check.expected, where),
        check.tolerance,
    )


def _document(folder: Path, value: Any, where: str) -> Any:
    """What is written in place, or the JSON of the file that is named."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads((folder / value).read_text(encoding="utf-8-sig"))
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, RecursionError) as error:
        why = f"it is no JSON: {error}"
    raise TfdeployError(
        "TFD230",
        f"The check's file {value} can't be read: {why}.",
        where=f"{folder / value} ({where})",
        hint="the path starts at the stack file's folder; `tfdeploy predict STACK MODEL FILE "
        "--json` takes such a request, and prints such an answer.",
    )


def _recorded(folder: Path) -> Iterator[CheckRequest]:
    """One request for each signature that the export left samples of."""
    manifest = read_manifest(folder)
    samples = (manifest or {}).get("samples")
    for signature in samples if isinstance(samples, dict) else ():
        rows = manifest_samples(manifest, signature)
        if not rows:
            continue
        answer = manifest_answer(manifest, signature)
        expected, tolerance = answer if answer else (None, DEFAULT_TOLERANCE)
        name = f"the recorded sample of '{signature}'"
        yield CheckRequest(name, signature, {"instances": rows}, expected, tolerance)
