"""Ready requests that a person copies, changes and runs; nothing is sent here.

What a row is depends on the signature:

=====================  =======================================================================
signature              rows
=====================  =======================================================================
with a batch           objects of alias to value, each without the first dimension, as in
                       ``instances``
without one            exactly one object, whose values are whole tensors, as in ``inputs``
classify, regress      one tf.Example each: an object of feature to value, or the serialized
                       one as ``{"inputs": {"b64": ...}}``
=====================  =======================================================================

In all of them bytes are written ``{"b64": "..."}``.
"""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tfdeploy.client.columns import in_columns
from tfdeploy.client.documents import has_batch, read_document
from tfdeploy.client.examples import read_example
from tfdeploy.client.misfit import DEFAULT_SIGNATURE, described, misfit
from tfdeploy.client.request import Request
from tfdeploy.client.rest import model_url
from tfdeploy.client.sample_programs import (
    check_types,
    examples_program,
    predict_program,
    rest_program,
)
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import Signature, TensorInfo
from tfdeploy.savedmodel.made_up import png

FORMS = ("row", "column", "curl", "python", "grpc")

# Linux takes at most 128 KiB in one argument of a command (execve(2), MAX_ARG_STRLEN).
ARGUMENT_CHARACTERS = 100_000
# What gRPC carries and REST doesn't, and the type that takes the same JSON values.
_LIKE = {"float16": "float32", "uint16": "uint32"}

Row = Mapping[str, object]


def render_sample(
    form: str,
    *,
    model: str,
    signature: Signature,
    rows: Sequence[Row],
    address: str = "localhost",
    rest_port: int = 8501,
    grpc_port: int = 8500,
) -> str:
    """A request for ``rows`` as text that ends in a newline.

    Args:
        form: ``row`` and ``column`` are bodies for REST, ``curl`` is a command for a POSIX
            shell, ``python`` a program on the standard library, ``grpc`` one that needs grpcio,
            numpy and tfdeploy. curl and python ask in rows where the signature has them.
        model: the name that the server knows the model by.
        signature: what is asked; classify and regress go by ``method_name``.
        rows: at least one; see the table above.
        address: a host name or an IP address, without a port.
        rest_port: as published.
        grpc_port: as published.

    Raises:
        TfdeployError: TFD503 when the rows don't fit, or when the signature can't be asked in
            that form; TFD216 for an unknown form.
    """
    if form not in FORMS:
        raise _unknown(form)
    if not rows:
        raise misfit("There are no rows to ask with.", where=f"signature '{signature.name}'")
    host = f"[{address}]" if ":" in address and not address.startswith("[") else address
    if form == "grpc":
        return _grpc(f"{host}:{grpc_port}", model, signature, rows)
    body = _body(form, signature, rows)
    url = model_url(f"http://{host}:{rest_port}", model, version=None, label=None)
    url = f"{url}:{_method(signature)}"
    if form == "curl":
        return _curl(url, json.dumps(body))
    if form == "python":
        return rest_program(url, body)
    return json.dumps(body) + "\n"


def made_up_rows(signature: Signature, count: int = 1) -> list[dict[str, object]]:
    """Rows of the right types and shapes: floats 0.5, integers 0, true, "text", a small picture.

    Free dimensions are 1; strings whose alias ends in ``_bytes`` are the picture. A signature
    without a batch gets one row, with ``count`` as its inputs' first dimension where that is
    free. Features aren't in a signature, so classify and regress get examples without any, which
    the model takes only when every feature has a default.

    Raises:
        TfdeployError: TFD503 when an input's type has no values in JSON.
    """
    if _takes_examples(signature):
        return [{} for _ in range(count)]
    if _has_rows(signature):
        return [
            {alias: _made_up(info, (info.shape or ())[1:]) for alias, info in _inputs(signature)}
            for _ in range(count)
        ]
    return [{alias: _whole(info, count) for alias, info in _inputs(signature)}]


def _inputs(signature: Signature) -> list[tuple[str, TensorInfo]]:
    return list(signature.inputs.items())


def _whole(info: TensorInfo, count: int) -> object:
    shape = (None,) if info.shape is None else info.shape
    if shape[:1] == (None,):
        shape = (count, *shape[1:])
    return _made_up(info, shape)


def _made_up(info: TensorInfo, shape: Sequence[int | None]) -> object:
    value = _value(info)
    for dim in reversed(shape):
        value = [value] * (1 if dim is None else dim)
    return value


def _value(info: TensorInfo) -> object:
    if info.dtype == "string":
        picture = {"b64": base64.b64encode(png()).decode("ascii")}
        return picture if info.alias.endswith("_bytes") else "text"
    if info.dtype == "bool":
        return True
    if info.dtype.startswith(("float", "bfloat")):
        return 0.5
    if info.dtype.startswith(("int", "uint")):
        return 0
    raise misfit(
        f"No value of type {info.dtype} can be made up for input '{info.alias}'.",
        where=str(info),
        hint="export the model with an input of numbers or strings.",
    )


def _unknown(form: str) -> TfdeployError:
    return TfdeployError(
        "TFD216",
        f"No request can be written as '{form}'.",
        where="the form of the request",
        hint=f"choose {', '.join(FORMS[:-1])} or {FORMS[-1]}.",
    )


def _method(signature: Signature) -> str:
    """``classify``, ``regress`` or ``predict``; anything else than the first two is the third."""
    last = signature.method_name.removeprefix("tensorflow/serving/")
    return last if last in ("classify", "regress") else "predict"


def _takes_examples(signature: Signature) -> bool:
    return _method(signature) != "predict"


def _has_rows(signature: Signature) -> bool:
    return bool(signature.inputs) and has_batch(signature)


def _body(form: str, signature: Signature, rows: Sequence[Row]) -> dict[str, object]:
    name = {} if signature.name == DEFAULT_SIGNATURE else {"signature_name": signature.name}
    if not _takes_examples(signature):
        return {**name, **_predict_body(form, signature, rows)}
    if form == "column":
        raise misfit(
            f"Signature '{signature.name}' takes examples, which have no column form.",
            where=f"its method is {_method(signature)}",
            hint="ask for the row form.",
        )
    return {**name, "examples": [read_example(row, index) for index, row in enumerate(rows)]}


def _predict_body(form: str, signature: Signature, rows: Sequence[Row]) -> dict[str, object]:
    given = [dict(row) for row in rows]
    if _has_rows(signature):
        _, body = read_document({"instances": given}, {signature.name: signature}, signature.name)
        return dict(in_columns(Request(signature, body)).body) if form == "column" else body
    if form == "row":
        raise misfit(
            f"Signature '{signature.name}' can't be asked in rows: {signature.why_not_batchable}.",
            where=described([*signature.inputs.values(), *signature.outputs.values()]),
            hint="ask for the column form, which holds whole tensors.",
        )
    if len(given) > 1:
        raise misfit(
            f"Signature '{signature.name}' takes whole tensors, so one set of them, "
            f"not {len(given)}.",
            where=described(signature.inputs.values()),
        )
    return read_document({"inputs": given[0]}, {signature.name: signature}, signature.name)[1]


def _curl(url: str, body: str) -> str:
    words = ["curl", "-sS", "-X", "POST", url, "-H", "Content-Type: application/json", "--data"]
    if len(body) <= ARGUMENT_CHARACTERS:
        return f"{shlex.join([*words, body])}\n"
    return f"{shlex.join([*words, '@-'])} <<'END'\n{body}\nEND\n"


def _grpc(address: str, model: str, signature: Signature, rows: Sequence[Row]) -> str:
    if _takes_examples(signature):
        examples = [read_example(row, index) for index, row in enumerate(rows)]
        return examples_program(address, model, signature.name, _method(signature), examples)
    check_types(signature)
    inputs = {
        alias: replace(info, dtype=_LIKE.get(info.dtype, info.dtype))
        for alias, info in _inputs(signature)
    }
    body = _predict_body("column", replace(signature, inputs=inputs), rows)
    values = body["inputs"]
    assert isinstance(values, dict)
    return predict_program(address, model, signature, values)
