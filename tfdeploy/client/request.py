"""Build a predict request from the model's own signature; nothing is sent here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfdeploy.client.arrays import check_type, surely_fits
from tfdeploy.client.documents import has_batch, read_document
from tfdeploy.client.misfit import (
    DEFAULT_SIGNATURE,
    choose_signature,
    described,
    misfit,
    nearest,
    row_skeleton,
)
from tfdeploy.client.sources import parse_json, read_array, read_image, read_json
from tfdeploy.client.values import TensorCheck
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import Signature, TensorInfo


@dataclass(frozen=True)
class Given:
    """What a person gave for one request: exactly one of images, texts and file.

    Args:
        images: files with encoded images (PNG, JPEG, GIF, BMP), one row each.
        texts: strings, one row each.
        file: a .npy array (any other name: JSON), or ``-`` for JSON in ``stdin_text``.
        stdin_text: what was read from standard input.
        input_alias: the input that images, texts or the array go to; only needed when
            several fit.
        signature_name: by default ``serving_default``, or the only one.
    """

    images: Sequence[Path] = ()
    texts: Sequence[str] = ()
    file: str | None = None
    stdin_text: str = ""
    input_alias: str | None = None
    signature_name: str | None = None


@dataclass(frozen=True)
class Request:
    """A request body that fits ``signature``: rows (``instances``) or columns (``inputs``)."""

    signature: Signature
    body: Mapping[str, object]

    def json(self) -> str:
        """The body on one line; NaN and Infinity are bare words, which the server reads."""
        return json.dumps(self.body)


def build_request(signatures: Mapping[str, Signature], given: Given) -> Request:
    """The request that ``given`` stands for.

    Rows are used where the signature has a batch dimension, else whole tensors.

    Args:
        signatures: the model's signatures by name, from ``get_metadata`` or its folder.
        given: images, texts, or a file.

    Raises:
        TfdeployError: TFD503 when the input doesn't fit, TFD505 when a file can't be read,
            TFD216 unless exactly one kind of input is given.
    """
    _check_one_kind(given)
    if given.images or given.texts:
        signature = choose_signature(signatures, given.signature_name)
        return _request(signature, _from_values(signature, given))
    if given.file is not None and given.file.endswith((".npy", ".npz")):
        signature = choose_signature(signatures, given.signature_name)
        return _request(signature, _from_array(signature, given))
    if given.input_alias is not None:
        raise _usage("--input chooses where images, texts and arrays go; JSON names its inputs.")
    if given.file in (None, "-"):
        document = parse_json(given.stdin_text, "standard input")
    else:
        document = read_json(Path(str(given.file)))
    return _request(*read_document(document, signatures, given.signature_name))


def _check_one_kind(given: Given) -> None:
    kinds = [bool(given.images), bool(given.texts), given.file is not None]
    if sum(kinds) != 1:
        raise _usage("Give one kind of input: --image, --text, or a JSON or .npy file.")


def _usage(message: str) -> TfdeployError:
    return TfdeployError(
        "TFD216", message, where="the input", hint="`tfdeploy predict --help` shows examples."
    )


def _request(signature: Signature, body: Mapping[str, object]) -> Request:
    if signature.name == DEFAULT_SIGNATURE:
        return Request(signature, body)
    return Request(signature, {"signature_name": signature.name, **body})


def _from_values(signature: Signature, given: Given) -> dict[str, object]:
    strings = [info for info in signature.inputs.values() if info.dtype == "string"]
    values: list[object]
    if given.images:
        as_bytes = [info for info in strings if info.alias.endswith("_bytes")]
        info = _pick(as_bytes or strings, strings, given.input_alias, signature, "an image")
        values = [
            {"b64": base64.b64encode(read_image(path)).decode("ascii")} for path in given.images
        ]
    else:
        info = _pick(strings, strings, given.input_alias, signature, "a text")
        values = list(given.texts)
    tensor = values[0] if info.shape == () and len(values) == 1 else _nested(values, info)
    key = "instances" if has_batch(signature) else "inputs"
    TensorCheck(info).walk(tensor, (key,))
    return {key: tensor}


def _from_array(signature: Signature, given: Given) -> dict[str, object]:
    numeric = [info for info in signature.inputs.values() if info.dtype != "string"]
    info = _pick(numeric, numeric, given.input_alias, signature, "an array")
    check = TensorCheck(info)
    array = read_array(Path(str(given.file)))
    check_type(array, info)
    one_row = array.ndim == (0 if info.shape is None else len(info.shape) - 1)
    if one_row:
        array = array[None]
    if array.shape[:1] == (0,):
        raise misfit("The array has no rows.", where=str(given.file))
    key = "instances" if has_batch(signature) else "inputs"
    tensor = array.tolist()
    # Walking millions of values takes seconds, and is only needed to say which one is wrong.
    if not surely_fits(array, info):
        check.walk(tensor, (key,))
    return {key: tensor}


def _pick(
    likely: list[TensorInfo],
    fitting: list[TensorInfo],
    alias: str | None,
    signature: Signature,
    what: str,
) -> TensorInfo:
    """The one input that ``what`` goes to, which must be all that the signature takes."""
    inputs = signature.inputs
    where = f"signature '{signature.name}': {described(inputs.values())}"
    if alias is not None and alias not in inputs:
        raise misfit(f"'{alias}' isn't an input.{nearest(alias, inputs)}", where=where)
    found = likely if alias is None else [info for info in fitting if info.alias == alias]
    if not found:
        which = "No input" if alias is None else f"Input '{alias}' isn't one that"
        raise misfit(
            f"{which} takes {what}.",
            where=where,
            hint="give numbers as JSON or .npy, text with --text, an image's bytes with --image.",
        )
    if len(found) > 1:
        names = ", ".join(info.alias for info in found)
        raise misfit(
            f"Several inputs take {what}: {names}.",
            where=where,
            hint="choose one with --input ALIAS.",
        )
    others = [info for info in inputs.values() if info is not found[0]]
    if others:
        raise misfit(
            f"Besides '{found[0].alias}' the model takes {described(others)}.",
            where=where,
            hint=f"give all of them as JSON: {row_skeleton(signature)}",
        )
    return found[0]


def _nested(values: list[object], info: TensorInfo) -> list[object]:
    """One value per row, in as many lists of one as the input has further dimensions."""
    for _ in (info.shape or ())[1:]:
        values = [[value] for value in values]
    return values
