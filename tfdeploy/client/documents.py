"""What a JSON document given as input means, and whether it fits the signature.

=========================  ===================================================================
given                      means
=========================  ===================================================================
object with ``instances``  a whole request body, sent as it is. A model whose inputs carry
or ``inputs``              these names may still get an object of all its aliases
list                       rows: ``{"instances": list}``; for a single input without a batch
                           dimension the whole tensor, ``{"inputs": list}``
object of aliases          one row when every value has one dimension less than its input,
                           whole columns when every value has as many; else an error
single value, or b64       the same, for the only input
=========================  ===================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tfdeploy.client.misfit import check_aliases, choose_signature, described, misfit, row_skeleton
from tfdeploy.client.values import Place, TensorCheck, is_b64, place_text, rank_of, shown
from tfdeploy.savedmodel import Signature, TensorInfo

BODY_KEYS = ("signature_name", "instances", "inputs")


def read_document(
    document: object, signatures: Mapping[str, Signature], name: str | None
) -> tuple[Signature, dict[str, object]]:
    """The signature meant, and the request body without ``signature_name``.

    Args:
        document: parsed JSON.
        signatures: the model's signatures by name.
        name: the signature chosen by option; a body's own must not contradict it.

    Raises:
        TfdeployError: TFD503 with the place of the first thing that doesn't fit.
    """
    if isinstance(document, dict):
        signature = choose_signature(signatures, _signature_name(document, name))
        if _is_body(document, signature):
            return signature, _whole_body(document, signature)
    signature = choose_signature(signatures, name)
    body = _wrapped(document, signature)
    _check_body(body, signature)
    return signature, body


def has_batch(signature: Signature) -> bool:
    """Rows can be sent: no input or output is a scalar or has a fixed first dimension.

    Row replies need every output to have the rows as its first dimension (util/json_tensor.cc).
    """
    tensors = [*signature.inputs.values(), *signature.outputs.values()]
    return all(info.shape is None or info.shape[:1] == (None,) for info in tensors)


def _signature_name(document: dict[str, object], name: str | None) -> str | None:
    own = document.get("signature_name")
    if own is None or not {"instances", "inputs"} & set(document):
        return name
    if not isinstance(own, str) or (name is not None and own != name):
        raise misfit(
            f"signature_name is {shown(own)}"
            + (f", but --signature says '{name}'." if name else ", which isn't a name."),
            where="signature_name",
            hint="leave one of them out.",
        )
    return own


def _is_body(document: dict[str, object], signature: Signature) -> bool:
    named = "instances" in document or "inputs" in document
    aliases = len(document) > 1 and set(document) == set(signature.inputs)
    return named and not aliases


def _whole_body(document: dict[str, object], signature: Signature) -> dict[str, object]:
    for key in document:
        if key not in BODY_KEYS:
            raise misfit(
                f"A request body has no key '{key}'.",
                where=key,
                hint="it has instances or inputs, and perhaps signature_name.",
            )
    if "instances" in document and "inputs" in document:
        raise misfit(
            "A request has instances or inputs, not both.",
            where="instances, inputs",
            hint="rows go under instances, whole tensors under inputs.",
        )
    body = {key: value for key, value in document.items() if key != "signature_name"}
    _check_body(body, signature)
    return body


def _wrapped(document: object, signature: Signature) -> dict[str, object]:
    if isinstance(document, list):
        whole = len(signature.inputs) == 1 and not has_batch(signature)
        plain = not (document and _is_row_object(document[0]))
        return {"inputs" if whole and plain else "instances": document}
    if isinstance(document, dict) and not is_b64(document):
        check_aliases(document, signature, "the input")
        return _row_or_columns(document, signature)
    alias = only_input(signature, "the input").alias
    body = _row_or_columns({alias: document}, signature)
    return {"instances": [document]} if "instances" in body else {"inputs": document}


def _row_or_columns(values: dict[str, object], signature: Signature) -> dict[str, object]:
    less = {}
    for alias, value in values.items():
        shape = signature.inputs[alias].shape
        if shape is not None:
            less[alias] = len(shape) - rank_of(value) == 1
    if len(set(less.values())) > 1:
        row, column = (next(a for a, one in less.items() if one is kind) for kind in (True, False))
        raise misfit(
            f"The value of '{row}' is one row, that of '{column}' isn't.",
            where=described(signature.inputs.values()),
            hint=f"write rows, without the first dimension: {row_skeleton(signature)}",
        )
    return {"instances": [values]} if any(less.values()) else {"inputs": values}


def only_input(signature: Signature, place: str) -> TensorInfo:
    """The one input of a signature that has no other.

    Raises:
        TfdeployError: TFD503 with all inputs when there are several.
    """
    if len(signature.inputs) == 1:
        return next(iter(signature.inputs.values()))
    raise misfit(
        f"The model takes several inputs, so values need names: {', '.join(signature.inputs)}.",
        where=place,
        hint=f"write {row_skeleton(signature)}",
    )


def _check_body(body: dict[str, object], signature: Signature) -> None:
    if "instances" in body:
        _check_rows(body["instances"], signature)
    else:
        _check_columns(body["inputs"], signature)


def _is_row_object(row: object) -> bool:
    return isinstance(row, dict) and not is_b64(row)


def _check_rows(rows: object, signature: Signature) -> None:
    if not isinstance(rows, list) or not rows:
        raise misfit(
            "instances must be a list of at least one row.",
            where="instances",
            hint=f"write {row_skeleton(signature)}",
        )
    named = _is_row_object(rows[0])
    checks = {alias: TensorCheck(_with_rows(info)) for alias, info in signature.inputs.items()}
    for check in checks.values():
        check.count(len(rows), ("instances",))
    for index, row in enumerate(rows):
        place: Place = ("instances", index)
        if named:
            _check_named_row(row, signature, checks, place)
        else:
            checks[only_input(signature, place_text(place)).alias].walk(row, place, level=1)


def _with_rows(info: TensorInfo) -> TensorInfo:
    """A scalar takes rows too where the graph allows it: the server adds the dimension."""
    return replace(info, shape=(None,)) if info.shape == () else info


def _check_named_row(
    row: object, signature: Signature, checks: dict[str, TensorCheck], place: Place
) -> None:
    if not isinstance(row, dict) or is_b64(row):
        raise misfit(
            "Rows are all objects of inputs, or all plain values.",
            where=place_text(place),
            hint=f"write {row_skeleton(signature)}",
        )
    check_aliases(row, signature, place_text(place))
    for alias, value in row.items():
        checks[alias].walk(value, (*place, alias), level=1)


def _check_columns(value: object, signature: Signature) -> None:
    if isinstance(value, dict) and not is_b64(value):
        check_aliases(value, signature, "inputs")
        for alias, tensor in value.items():
            TensorCheck(signature.inputs[alias]).walk(tensor, ("inputs", alias))
    else:
        TensorCheck(only_input(signature, "inputs")).walk(value, ("inputs",))
