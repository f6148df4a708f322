"""Predict as protobuf messages, for gRPC and warm-up.

Source: tensorflow_serving/servables/tensorflow/predict_util.cc (VerifyRequestInputsSize,
PreProcessPrediction) and tensorflow/cc/saved_model/util.cc (GetInputValues).
"""

from collections.abc import Iterable
from typing import Any

from tfdeploy.server.servable import Servable
from tfdeploy.server.signature import DEFAULT_SIGNATURE, Signature
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.tensor import Tensor
from tfdeploy.server.tensor_proto import (
    TooLargeTensor,
    UnreadableTensor,
    parse_tensor_proto,
)
from tfdeploy.wire import Code


def find_signature(servable: Servable, name: str) -> Signature:
    """The signature that a ModelSpec names.

    Raises:
        ServingError: FAILED_PRECONDITION.
    """
    wanted = name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(wanted)
    if signature is None:
        raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{wanted}" not found.')
    return signature


def _braced(words: Iterable[str]) -> str:
    return "{" + ",".join(sorted(words)) + "}"


def _check_count(sent: set[str], signature: Signature) -> None:
    expected = set(signature.inputs)
    too_many = len(sent) > len(expected)
    too_few = len(sent) < len(expected) and not signature.defaults
    if too_many or too_few:
        invalid(
            f"input size does not match signature: {len(sent)}!={len(expected)} "
            f"len({_braced(sent)}) != len({_braced(expected)}). "
            f"Sent extra: {_braced(sent - expected)}. "
            f"Missing but required: {_braced(expected - sent - set(signature.defaults))}."
        )


def read_inputs(request: Any, signature: Signature) -> dict[str, Tensor]:
    """The tensors of a PredictRequest, completed with the signature's defaults.

    Raises:
        ServingError: INVALID_ARGUMENT; RESOURCE_EXHAUSTED for a shape far over its values.
    """
    sent = set(request.inputs)
    _check_count(sent, signature)
    inputs = {}
    for alias, port in signature.inputs.items():
        if alias in sent:
            inputs[alias] = _parse(alias, request.inputs[alias])
        elif alias in signature.defaults:
            inputs[alias] = signature.defaults[alias]
        else:
            invalid(
                f"Signature input alias: {alias}(feed name: {port.tensor_name}) not found in "
                "request and no default value provided. Inputs expected to be in the request "
                f"{_braced(sent)}, or default input alias set: "
                f"{','.join(sorted(signature.defaults))}"
            )
    stray = sorted(sent - set(inputs))
    if stray:
        invalid(
            f"Inputs contains invalid name. Used request inputs: {','.join(sorted(inputs))}, "
            f"request input: {stray[0]}"
        )
    return inputs


def _parse(alias: str, proto: Any) -> Tensor:
    try:
        return parse_tensor_proto(proto)
    except TooLargeTensor as error:
        raise ServingError(
            Code.RESOURCE_EXHAUSTED, f"Input {alias} is too large: {error}"
        ) from None
    except UnreadableTensor:
        invalid(f"tensor parsing error: {alias}")


def read_output_filter(request: Any, signature: Signature) -> tuple[str, ...]:
    """The output aliases that a PredictRequest asks for; all if it does not say.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    chosen: list[str] = []
    for alias in request.output_filter:
        if alias not in signature.outputs:
            invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in "
                f"the set {_braced(signature.outputs)}."
            )
        if alias in chosen:
            invalid(f"duplicate output tensor alias: {alias}")
        chosen.append(alias)
    return tuple(chosen) or signature.all_outputs
