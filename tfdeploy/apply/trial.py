"""A server on trial: up for a moment, and asked what a model was proven with."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from tfdeploy.apply.asking import Asker, Grpc, Refused, Rest
from tfdeploy.apply.reporter import Reporter
from tfdeploy.apply.walk import apply_plan
from tfdeploy.client.documents import has_batch
from tfdeploy.client.reload import CHANNEL_OPTIONS
from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.exporting.asked import Asked
from tfdeploy.files import open_to_readers, writing
from tfdeploy.plan import ObservedService, ObservedStack, Plan
from tfdeploy.render import RenderedStack
from tfdeploy.runtimes import Runtime
from tfdeploy.savedmodel import Signature, TensorInfo
from tfdeploy.stack import ServedModel, Service, Stack, StackFile
from tfdeploy.stack.file import FILE_NAME
from tfdeploy.stack.lines import Lines
from tfdeploy.stack.schema import Publish

START_SECONDS = 300.0
_SHOWN_CHARACTERS = 60

Report = Callable[[str], None]


@dataclass(frozen=True)
class _ToldOf(StackFile):
    """A stack whose problems are told of the file that its settings come from."""

    origin: StackFile = field(kw_only=True)

    def where(self, *path: str | int) -> str:
        return self.origin.where(*path)


def throw_away(
    root: Path, folder: Path, model: str, like: tuple[StackFile, str] | None
) -> StackFile:
    """A stack of one service that serves one version of one model, all of it below ``root``.

    Args:
        root: an empty folder; on docker, one that the engine can mount.
        folder: the version's folder; its files get second names, or copies on another disk.
        model: the model's name.
        like: the stack and the service whose settings are taken, but for models and ports; None
            for a plain service.

    Raises:
        TfdeployError: TFD211.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-") or "model"
    # Not our pid: others may have the same in containers of theirs, and share the engine.
    name = f"{slug}-trial-{secrets.token_hex(4)}"
    path = root / "stack" / FILE_NAME
    service, settings, stack = "serving", Service(), Stack(stack=name)
    if like is not None:
        service, stack = like[1], like[0].stack
        settings = stack.services[service]
    own = {"models": {model: ServedModel()}, "publish": Publish()}
    services = {service: settings.model_copy(update=own)}
    whole = {"stack": name, "models_dir": "../models", "services": services}
    stack = stack.model_copy(update=whole)
    file = (
        StackFile(path, "", stack, Lines())
        if like is None
        else _ToldOf(path, "", stack, Lines(), origin=like[0])
    )
    with writing(file.models_root):
        target = file.models_root / model / "1"
        shutil.copytree(folder, target, copy_function=_link_or_copy)
        # A scratch folder is closed to the user that a container's server runs as.
        open_to_readers(file.models_root)
    return file


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Raised here, it names the one file: copytree would gather OSErrors to a list.
        with writing(Path(target)):
            shutil.copy2(source, target)


@contextmanager
def running(
    service: str,
    plan: Plan,
    *,
    runtime: Runtime,
    rendered: RenderedStack,
    before: ObservedStack,
    reporter: Reporter,
) -> Iterator[ObservedService]:
    """Bring up the stack of one service, and take it down however the body ends, also on ^C.

    Yields:
        The service, whose models are all available.

    Raises:
        TfdeployError: TFD410 to TFD413 when it doesn't come up.
        KeyboardInterrupt: ^C, also where ``apply_plan`` tells it as TFD414: that one's hint is
            to bring up a stack which is gone.
    """
    try:
        apply_plan(
            plan,
            runtime=runtime,
            rendered=rendered,
            before=before,
            reporter=reporter,
            timeout_seconds=START_SECONDS,
        )
        yield runtime.look(service)
    except TfdeployError as error:
        if error.code == "TFD414":
            raise KeyboardInterrupt from error
        raise
    finally:
        _take_down(runtime)


def _take_down(runtime: Runtime) -> None:
    try:
        runtime.down()
    except KeyboardInterrupt:
        # Whoever presses ^C twice wants it gone sooner, not left behind.
        runtime.down()
        raise


def compare_answers(
    server: ObservedService,
    model: str,
    signatures: Mapping[str, Signature],
    asked: Mapping[str, Asked],
    *,
    most_rows: int | None,
    report: Report,
) -> None:
    """Ask a server what a model was proven with, over REST and gRPC, and compare the answers.

    A signature that a protocol has no types for isn't asked over it; that is reported.

    Args:
        server: where it answers.
        model: the name that it knows the model by.
        signatures: the model's, by name.
        asked: what each was asked, and what it should answer. A float may be off by the tolerance
            times (1 + what it should be).
        most_rows: how many rows the server takes in one request; None for any number.
        report: gets notes.

    Raises:
        TfdeployError: TFD104 for each output that differs, and each request that is refused.
    """
    with grpc.insecure_channel(server.grpc_address, options=CHANNEL_OPTIONS) as channel:
        protocols: tuple[Asker, ...] = (
            Rest(server.rest_url, model),
            Grpc(channel, server.grpc_address, model),
        )
        errors = []
        for name, one in asked.items():
            signature = signatures[name]
            for protocol in protocols:
                without = _without_type(signature, protocol.types)
                if without is None:
                    pieces = _pieces(one, most_rows if has_batch(signature) else None)
                    errors += _differences(protocol, signature, pieces)
                else:
                    report(
                        f"signature '{name}' isn't asked over {protocol.name}, which has no "
                        f"{without.dtype} for '{without.alias}'"
                    )
        raise_all(errors)


def _without_type(signature: Signature, types: frozenset[str]) -> TensorInfo | None:
    tensors = (*signature.inputs.values(), *signature.outputs.values())
    return next((one for one in tensors if one.dtype not in types), None)


def _pieces(asked: Asked, most_rows: int | None) -> Iterator[Asked]:
    """What was asked in one request, in several that a server with batching takes."""
    if most_rows is None or len(asked.rows) <= most_rows:
        yield asked
        return
    for start in range(0, len(asked.rows), most_rows):
        piece = slice(start, start + most_rows)
        expected = {alias: array[piece] for alias, array in asked.expected.items()}
        yield Asked(asked.rows[piece], expected, asked.tolerance)


def _differences(
    protocol: Asker, signature: Signature, pieces: Iterator[Asked]
) -> list[TfdeployError]:
    """The first difference of each output; a refusal ends it."""
    found: dict[str, TfdeployError] = {}
    for piece in pieces:
        try:
            answer = protocol.ask(signature, piece.rows)
        except Refused as error:
            return [*found.values(), _failed(protocol, signature, f"is refused: {error}")]
        for alias, expected in piece.expected.items():
            what = "isn't in the answer"
            if alias in answer:
                what = _difference(answer[alias], expected, piece.tolerance)
            if what:
                what = f"answers otherwise: output '{alias}' {what}"
                found.setdefault(alias, _failed(protocol, signature, what))
    return list(found.values())


def _failed(protocol: Asker, signature: Signature, what: str) -> TfdeployError:
    return TfdeployError(
        "TFD104",
        f"Over {protocol.name}, signature '{signature.name}' {what.rstrip('.')}.",
        where=f"the server on trial at {protocol.address}",
        hint="the version wasn't published; that server's image, flags or GPU run the model in "
        "another way than TensorFlow here. --tolerance NUMBER lets floats differ more.",
    )


def _difference(found: Any, expected: Any, tolerance: float) -> str:
    """How an output differs from what it should be, in words; empty where it doesn't."""
    expected = np.asarray(expected)
    try:
        if expected.dtype.kind in "OSUbiu":
            found = found if isinstance(found, np.ndarray) else np.asarray(found, object)
        else:
            # Of any float type, bfloat16 with it.
            found, expected = np.asarray(found, np.float64), expected.astype(np.float64)
    except (TypeError, ValueError) as error:
        return f"is no array of {expected.dtype}: {error}"
    if found.shape != expected.shape and (found.size or expected.size):
        return f"has the shape {list(found.shape)}, not {list(expected.shape)}"
    wrong = _wrong(found, expected, tolerance)
    if not wrong.any():
        return ""
    far = wrong
    if expected.dtype == np.float64:
        with np.errstate(invalid="ignore"):
            far = np.where(wrong, np.nan_to_num(np.abs(found - expected), nan=np.inf), -1.0)
    worst = np.unravel_index(np.argmax(far), wrong.shape)
    return _told(found[worst], expected[worst], worst, tolerance) + (
        f"; {np.count_nonzero(wrong)} of {wrong.size} values differ"
    )


def _wrong(found: Any, expected: Any, tolerance: float) -> Any:
    """Which values differ, as an array of the same shape."""
    if expected.dtype == np.float64:
        return ~np.isclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    if expected.dtype.kind in "biu":
        return found != expected
    pairs = zip(found.ravel().tolist(), expected.ravel().tolist(), strict=True)
    return np.array([not _same_string(*pair) for pair in pairs], bool).reshape(expected.shape)


def _told(found: Any, expected: Any, place: tuple[Any, ...], tolerance: float) -> str:
    at = f" at {''.join(f'[{index}]' for index in place)}" if place else ""
    if not isinstance(expected, float):
        return f"is {_shown(found)} and not {_shown(expected)}{at}"
    return (
        f"is {found:.9g} and not {expected:.9g}{at}, {abs(found - expected):.3g} off "
        f"(tolerance {tolerance:g})"
    )


def _same_string(found: object, expected: object) -> bool:
    if isinstance(expected, bytes) and isinstance(found, str):
        # REST writes bytes that aren't UTF-8 as they are, and nobody can read them back.
        return found == expected.decode("utf-8", errors="replace")
    if isinstance(expected, str) and isinstance(found, bytes):
        return found == expected.encode()
    return found == expected


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
