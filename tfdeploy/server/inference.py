"""Classify and regress: serialized Examples in, labels and scores or values out.

Source: tensorflow_serving/servables/tensorflow/{classifier,regressor,multi_inference,util}.cc.
"""

from typing import Any, Final

import numpy as np

from tfdeploy import wire
from tfdeploy.server.hub import Hub
from tfdeploy.server.limits import MOST_FILLED_BYTES
from tfdeploy.server.servable import Servable
from tfdeploy.server.signature import DEFAULT_SIGNATURE, Signature
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.tensor import Array, Tensor
from tfdeploy.wire import Code, DataType

CLASSIFY: Final = "tensorflow/serving/classify"
REGRESS: Final = "tensorflow/serving/regress"
_INPUTS: Final = "inputs"
_MULTI: Final = "MultiInference"


def read_examples(request_input: Any) -> Tensor:
    """The Examples of an Input, each serialized, with the context in front so that it loses.

    Raises:
        ServingError: INVALID_ARGUMENT, there are none; RESOURCE_EXHAUSTED, the context's copies
            are over `limits.MOST_FILLED_BYTES` (the original makes them until memory runs out).
    """
    kind = request_input.WhichOneof("kind")
    holder = getattr(request_input, kind) if kind else None
    if holder is None or not holder.examples:
        invalid("Input is empty.")
    context = b""
    if kind == "example_list_with_context":
        context = holder.context.SerializeToString()
        if len(context) * len(holder.examples) > MOST_FILLED_BYTES:
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                f"A context of {len(context)} bytes is too large for "
                f"{len(holder.examples)} examples",
            )
    examples = np.empty(len(holder.examples), np.object_)
    examples[:] = [context + example.SerializeToString() for example in holder.examples]
    return Tensor(DataType.DT_STRING, examples)


def _dump(servable: Servable, signature: Signature) -> str:
    return wire.render_text(servable.signature_defs.signature_def[signature.name])


def _find_signature(servable: Servable, name: str) -> Signature:
    wanted = name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(wanted)
    if signature is None:
        invalid(f"No signature was found with the name: {wanted}")
    return signature


def _check_method(hub: Hub, signature: Signature, kind: str, method: str) -> None:
    if hub.checks_method_names and signature.method_name != method:
        invalid(
            f"Expected {kind} signature method_name to be {method}. Was: {signature.method_name}"
        )
    if len(signature.inputs) != 1:
        invalid("Expected one input Tensor.")


async def classify(
    hub: Hub,
    servable: Servable,
    name: str,
    examples: Tensor,
    timeout_ms: int,
    api: str = "Classify",
) -> Any:
    """Run a classify signature.

    Returns:
        A ClassificationResult.

    Raises:
        ServingError: the signature or its outputs do not suit.
    """
    signature, wanted = prepare_classify(hub, servable, name)
    outputs = await _run(hub, servable, signature, wanted, examples, timeout_ms, api)
    return _classifications(outputs, examples.array.shape[0])


def prepare_classify(hub: Hub, servable: Servable, name: str) -> tuple[Signature, list[str]]:
    """A signature that can classify, with its outputs to fetch. Comes before the input is read.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    signature = _find_signature(servable, name)
    _check_method(hub, signature, "classification", CLASSIFY)
    if len(signature.outputs) not in (1, 2):
        invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if _INPUTS not in signature.inputs:
        invalid(f"No classification inputs found in SignatureDef: {_dump(servable, signature)}")
    wanted: list[str] = [alias for alias in ("classes", "scores") if alias in signature.outputs]
    if not wanted:
        invalid(
            'Expected classification signature outputs to contain at least one of "classes" or '
            f'"scores". Signature was: {_dump(servable, signature)}'
        )
    return signature, wanted


async def _run(
    hub: Hub,
    servable: Servable,
    signature: Signature,
    outputs: list[str],
    examples: Tensor,
    timeout_ms: int,
    api: str,
) -> dict[str, Tensor]:
    feeds = {_INPUTS: examples}
    values = await hub.run(servable, signature, feeds, tuple(outputs), timeout_ms, api)
    return dict(zip(outputs, values, strict=True))


def _checked_matrix(alias: str, tensor: Tensor, dtype: DataType, rows: int) -> Array:
    array = tensor.array
    if array.ndim != 2:
        shape = ",".join(map(str, array.shape))
        invalid(f"Expected Tensor shape: [batch_size num_classes] but got [{shape}]")
    if tensor.dtype != dtype:
        got = DataType(tensor.dtype).name
        invalid(f"Expected {alias} Tensor of {dtype.name}. Got: {got}")
    if array.shape[0] != rows:
        invalid(f"Expected {alias} output batch size of {rows}. Got: {array.shape[0]}")
    return array


def _classifications(outputs: dict[str, Tensor], rows: int) -> Any:
    classes = scores = None
    if "classes" in outputs:
        classes = _checked_matrix("classes", outputs["classes"], DataType.DT_STRING, rows)
    if "scores" in outputs:
        scores = _checked_matrix("scores", outputs["scores"], DataType.DT_FLOAT, rows)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        invalid(
            "Tensors class and score should match in dim_size(1). "
            f"Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    some = classes if classes is not None else scores
    width = some.shape[1] if some is not None else 0
    result = wire.ClassificationResult()
    for row in range(rows):
        entry = result.classifications.add()
        for column in range(width):
            score = float(scores[row, column]) if scores is not None else 0.0
            label = classes[row, column].decode("utf-8", "replace") if classes is not None else ""
            entry.classes.add(label=label, score=score)
    return result


async def regress(
    hub: Hub,
    servable: Servable,
    name: str,
    examples: Tensor,
    timeout_ms: int,
    api: str = "Regress",
) -> Any:
    """Run a regress signature.

    Returns:
        A RegressionResult.

    Raises:
        ServingError: the signature or its output does not suit.
    """
    signature = prepare_regress(hub, servable, name)
    outputs = await _run(hub, servable, signature, ["outputs"], examples, timeout_ms, api)
    return _regressions(outputs["outputs"], examples.array.shape[0])


def prepare_regress(hub: Hub, servable: Servable, name: str) -> Signature:
    """A signature that can regress. Comes before the input is read.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    signature = _find_signature(servable, name)
    _check_method(hub, signature, "regression", REGRESS)
    if len(signature.outputs) != 1:
        invalid("Expected one output Tensor.")
    if _INPUTS not in signature.inputs:
        invalid(f"No regression inputs found in SignatureDef: {_dump(servable, signature)}")
    if "outputs" not in signature.outputs:
        invalid(f"No regression outputs found in SignatureDef: {_dump(servable, signature)}")
    return signature


def _regressions(tensor: Tensor, rows: int) -> Any:
    array = tensor.array
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != 1):
        shape = ",".join(map(str, array.shape))
        invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got [{shape}]"
        )
    if array.shape[0] != rows:
        invalid(f"Input batch size did not match output batch size: {rows} vs. {array.shape[0]}")
    if tensor.dtype != DataType.DT_FLOAT:
        got = DataType(tensor.dtype).name
        invalid(f"Expected output Tensor of DT_FLOAT.  Got: {got}")
    result = wire.RegressionResult()
    for value in array.reshape(-1).tolist():
        result.regressions.add(value=value)
    return result


def _check_tasks(hub: Hub, servable: Servable, tasks: Any) -> None:
    """Refuse what a MultiInferenceRequest may not ask for, task by task, before anything runs."""
    seen = set()
    for task in tasks:
        if not task.model_spec.name:
            invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in seen:
            invalid(f"Duplicate evaluation of signature: {name}")
        seen.add(name)
        if name not in servable.signatures:
            invalid(f"Requested signature not found in model graph: {name}")
        if task.method_name == CLASSIFY:
            prepare_classify(hub, servable, name)
        elif task.method_name == REGRESS:
            prepare_regress(hub, servable, name)
        else:
            raise ServingError(
                Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}"
            )


async def multi_inference(hub: Hub, servable: Servable, request: Any, timeout_ms: int) -> Any:
    """Run several classify and regress signatures on the same Examples.

    Args:
        hub: What runs them.
        servable: The version, held by the caller.
        request: A MultiInferenceRequest.
        timeout_ms: Time limit of each run; 0 is none.

    Returns:
        A MultiInferenceResponse without versions in its model_specs.

    Raises:
        ServingError: a task or a signature does not suit, or TensorFlow's error.
    """
    _check_tasks(hub, servable, request.tasks)
    examples = read_examples(request.input)
    reply = wire.MultiInferenceResponse()
    for task in request.tasks:
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        entry = reply.results.add()
        entry.model_spec.name = servable.name
        entry.model_spec.signature_name = name
        if task.method_name == CLASSIFY:
            outcome = await classify(hub, servable, name, examples, timeout_ms, _MULTI)
            entry.classification_result.CopyFrom(outcome)
        else:
            outcome = await regress(hub, servable, name, examples, timeout_ms, _MULTI)
            entry.regression_result.CopyFrom(outcome)
    hub.metrics.count_examples(servable.name, examples.array.size)
    return reply
