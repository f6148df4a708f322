"""What is wrong with the models of a set-up, where they lie on this host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.lint.checks.mounts import served
from tfdeploy.lint.finding import Finding, Hit, Place
from tfdeploy.lint.server import REMOTE, Server
from tfdeploy.savedmodel import (
    WARMUP_FILE,
    SavedModel,
    check_base_path,
    find_defects,
    list_versions,
    read_saved_model,
    read_warmup,
)

_FAILS = "the server doesn't load it, tries for minutes, and ends."
_WAITS = "the server finds no version and never opens its ports."


def models_on_disk(server: Server) -> Iterator[Finding]:
    """The problems of every base path that can be seen from here.

    A folder without any model says nothing: the set-up may be of another machine, or its models
    are brought later.
    """
    for name, inside, place in served(server):
        base = server.host_path(inside) if not REMOTE.match(inside) and "$" not in inside else None
        if base is None or not _tells(server, base, inside):
            continue
        problems = check_base_path(base)
        yield from (_finding(error, name, base, place) for error in problems)
        if not problems and (versions := list_versions(base)):
            try:
                hits = list(_newest(server, versions[-1].path, place))
                yield from (_on_disk(code, hit, name) for code, hit in hits)
            except TfdeployError as error:
                yield _finding(error, name, base, place)


def _on_disk(code: str, hit: Hit, name: str) -> Finding:
    message = f"Model '{name}': {hit.message}"
    return Finding(code, "error", hit.place, message, hit.cause or _FAILS, hit.fix)


def _newest(server: Server, version: Path, place: Place) -> Iterator[tuple[str, Hit]]:
    """What keeps the newest version of a model from serving on this server."""
    warmup = read_warmup(version)
    if warmup.problem:
        message = f"{version / WARMUP_FILE}: {warmup.problem}."
        yield "TFD118", Hit(place, message, "write it anew: `tfdeploy export` does.")
    if (version / "batching_params.pbtxt").is_file() and not _per_model(server):
        message = f"{version / 'batching_params.pbtxt'} isn't read."
        fix = "add --enable_batching=true and --enable_per_model_batching_parameters=true."
        yield "TFD271", Hit(place, message, fix, "the model isn't batched by its own file.")
    # A chunked model is read by the server alone.
    if any((version / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        yield from _saved_model(server, read_saved_model(version), place)


def _per_model(server: Server) -> bool:
    return server.on("enable_per_model_batching_parameters")


def _saved_model(server: Server, model: SavedModel, place: Place) -> Iterator[tuple[str, Hit]]:
    for defect in find_defects(model):
        placed = defect.kind == "gpu-placement" and server.gpus is not None
        if defect.severity == "refuse" and not placed:
            yield "TFD118", Hit(place, defect.message, defect.hint)
    writer, image = _minor(model.tensorflow_version), _minor(server.tag if server.official else "")
    if writer and image and writer > image:
        message = f"it was written by TensorFlow {model.tensorflow_version}; the server is older."
        fix = f"take tensorflow/serving of {writer[0]}.{writer[1]} or newer."
        cause = "where an op has changed since, the load fails."
        yield "TFD118", Hit(place, message, fix, cause)
    for signature in model.signatures.values() if server.on("enable_batching") else ():
        if signature.inputs and not signature.batchable and not _per_model(server):
            message = f"signature '{signature.name}' can't be batched: "
            fix = "serve it without --enable_batching, or export it with a free first dimension."
            cause = "requests to it fail as soon as batching is on."
            yield "TFD214", Hit(place, f"{message}{signature.why_not_batchable}.", fix, cause)


def _minor(version: str) -> tuple[int, int] | None:
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else None


def _tells(server: Server, base: Path, inside: str) -> bool:
    """Whether what lies there is all that there will be: a base path, or others beside it."""
    if base.is_dir():
        return True
    mount = server.mount_of(inside)
    root = mount.host if mount else None
    return root is not None and root != base and root.is_dir() and _has_models(root)


def _has_models(root: Path) -> bool:
    folders = (one for one in root.iterdir() if one.is_dir())
    return any(version.name.isdecimal() for one in folders for version in one.iterdir())


def _finding(error: TfdeployError, name: str, base: Path, place: Place) -> Finding:
    message = f"Model '{name}' in {base}: {error.message}"
    return Finding(error.code, "error", place, message, _WAITS, error.hint)
