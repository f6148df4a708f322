"""Export a model under the next free number: written beside, proven, then renamed."""

from __future__ import annotations

import contextlib
import re
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.image_front import ImageFront
from tfdeploy.exporting.proof import fresh_process
from tfdeploy.exporting.servables import with_image_front, write
from tfdeploy.exporting.sources import PythonObject, SavedModelFolder, Source, find_source
from tfdeploy.exporting.tensorflow_import import import_tensorflow
from tfdeploy.files import copy_tree, published_folder, rename_new
from tfdeploy.savedmodel import (
    SavedModel,
    Signature,
    list_versions,
    next_version,
    read_saved_model,
)
from tfdeploy.savedmodel.names import MODEL_NAME, MODEL_NAME_RULE

Report = Callable[[str], None]


@dataclass(frozen=True)
class Exported:
    """A published version: where it lies, what it offers, and how long it took."""

    path: Path
    version: int
    saved_model: SavedModel
    seconds: float


def export(
    source: str,
    *,
    name: str,
    to: Path,
    version: int | None = None,
    image: ImageFront | None = None,
    verify: bool = True,
    report: Report,
) -> Exported:
    """Publish ``source`` as ``to/name/<version>``, the next free number unless one is given.

    ``source`` is a .keras file, a SavedModel folder (or a base path: its highest version), or
    ``module:attribute`` for a model or a function that returns one: a Keras model, or a tf.Module
    (what of it is served, ``servables.from_module`` says). A SavedModel without an image front is
    copied as it is. The version appears whole or not at all, also under ``kill -9``, and only
    after every signature was tried in a fresh process (unless ``verify`` is False).

    Raises:
        TfdeployError: TFD101 and TFD102 for the source, TFD103 when TensorFlow can't save it,
            TFD104 when it wouldn't serve, TFD105 when the version exists, TFD106 without
            TensorFlow, TFD110 and TFD111 for a SavedModel source, TFD116 for the image front,
            TFD211 when the disk can't be written, TFD216 for a name or number that can't be.
    """
    started = time.monotonic()
    base_path = to / _checked_name(name)
    _check_version(base_path, version)
    found = find_source(source)
    for folder in _left_behind(base_path):
        report(f"{folder} is left from an export that was cut short; delete it")
    path = _publish(found, source, base_path, version, image, verify, report)
    saved_model = read_saved_model(path)
    return Exported(path, int(path.name), saved_model, time.monotonic() - started)


def _publish(
    found: Source,
    source: str,
    base_path: Path,
    version: int | None,
    image: ImageFront | None,
    verify: bool,
    report: Report,
) -> Path:
    published: list[Path] = []

    def rename(scratch: Path, final: Path) -> None:
        published.append(_rename_to_free(scratch, final, may_move_on=version is None))

    wanted = base_path / str(version or next_version(base_path))
    with published_folder(wanted, rename) as scratch, fresh_process() as process:
        # A function of somebody's may train for hours: no process waits that long.
        if verify and not isinstance(found, PythonObject):
            process.start()
        _fill(found, source, scratch, image, report)
        for warning in _changed_names(base_path, scratch):
            report(warning)
        if verify:
            report("trying it in a fresh process")
            process.prove(scratch, source, report)
        report("publishing")
    return published[0]


def _fill(
    found: Source, source: str, scratch: Path, image: ImageFront | None, report: Report
) -> None:
    if isinstance(found, SavedModelFolder) and image is None:
        report(f"copying {found.path}")
        _copy(found.path, scratch)
        return
    report("importing TensorFlow")
    tf = import_tensorflow()
    report(f"loading {source}")
    with _saving(source, found.hint):
        servable = found.open(tf)
        if image is not None:
            servable = with_image_front(tf, servable, image, source)
        report("writing the SavedModel")
        write(tf, servable, scratch)


def _copy(folder: Path, scratch: Path) -> None:
    try:
        copy_tree(folder, scratch)
    except OSError as error:
        raise TfdeployError(
            "TFD211",
            f"{folder} can't be copied: {error.strerror or error}.",
            where=str(scratch.parent),
            hint="check that every file can be read, and the space left on the disk.",
        ) from error


@contextlib.contextmanager
def _saving(source: str, hint: str) -> Iterator[None]:
    """Turn whatever TensorFlow, Keras or the user's own code raises into TFD103."""
    try:
        yield
    except TfdeployError:
        raise
    except Exception as error:
        line = next((one for one in str(error).splitlines() if one.strip()), "no message").strip()
        raise TfdeployError(
            "TFD103",
            f"{source} can't be exported: {type(error).__name__}: {line}",
            where=_place(error, source),
            hint=hint,
        ) from error


def _place(error: BaseException, source: str) -> str:
    """File and line of the innermost frame of the user's own code; ``source`` without one."""
    others = [str(Path(__file__).parent), sysconfig.get_paths()["stdlib"], "<"]
    place, frame = source, error.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if "site-packages" not in file and not file.startswith(tuple(others)):
            place = f"{file}, line {frame.tb_lineno}"
        frame = frame.tb_next
    return place


def _rename_to_free(scratch: Path, final: Path, *, may_move_on: bool) -> Path:
    while True:
        try:
            rename_new(scratch, final)
        except TfdeployError as error:
            if error.code != "TFD105" or not may_move_on:
                raise
            # Somebody else published that number while we were writing.
            final = final.parent / str(next_version(final.parent))
        else:
            return final


def _changed_names(base_path: Path, scratch: Path) -> Iterator[str]:
    """What the newest published version called otherwise: clients send and read these names."""
    try:
        before = read_saved_model(list_versions(base_path)[-1].path)
    except (IndexError, TfdeployError):
        return
    after = read_saved_model(scratch).signatures
    for name, old in before.signatures.items():
        if name not in after:
            yield f"version {before.path.name} has a signature '{name}', and this one hasn't"
        elif (was := _names(old)) != (now := _names(after[name])):
            yield f"{name} was {was} in version {before.path.name}, and is {now} now"


def _names(signature: Signature) -> str:
    return f"{', '.join(sorted(signature.inputs))} -> {', '.join(sorted(signature.outputs))}"


def _left_behind(base_path: Path) -> list[Path]:
    """Scratch folders that nobody has touched for a day; only a killed export leaves one."""
    found = []
    for path in sorted(base_path.glob(".tmp-*-*")):
        # Another export may publish its own just now.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - 86_400:
                found.append(path)
    return found


def _checked_name(name: str) -> str:
    # As a stack file takes it; and a folder that begins with a dot is hidden, as scratch is.
    if re.fullmatch(MODEL_NAME, name) and not name.startswith("."):
        return name
    raise TfdeployError(
        "TFD216",
        f"A model can't be called '{name}': the name is a part of its address.",
        where="--name",
        hint=f"use {MODEL_NAME_RULE}.",
    )


def _check_version(base_path: Path, version: int | None) -> None:
    if version is None:
        return
    if not 0 < version < 2**63:
        raise TfdeployError(
            "TFD216",
            f"{version} is no version: a whole number from 1 on.",
            where="--version",
            hint="leave --version out to get the next free number.",
        )
    for taken in list_versions(base_path):
        if taken.number == version:
            raise TfdeployError(
                "TFD105",
                f"Version {version} of {base_path.name} exists already.",
                where=str(taken.path),
                hint=f"leave --version out to get {next_version(base_path)}.",
            )
