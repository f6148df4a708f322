"""Signatures for classify and regress: what these two methods ask of inputs and outputs.

Sources: TensorFlow Serving, servables/tensorflow/{classifier,regressor}.cc.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.fronts import ExampleFront, Front
from tfdeploy.exporting.recipe import SignatureRecipe
from tfdeploy.exporting.servables import Function, Tensors


def for_method(
    tf: Any, function: Function, wanted: SignatureRecipe, name: str
) -> tuple[Function, tuple[Front, ...]]:
    """The function with the outputs that its method asks for, and the fronts to put before it.

    Classify takes serialized tf.Examples as ``inputs`` and gives ``scores`` (float32, shape
    [batch, classes]), ``classes`` (string, the same shape) or both. Regress gives ``outputs``
    (float32, shape [batch]). Where no front makes the inputs from tf.Examples, one is added that
    reads a feature for each input, by its name.

    Raises:
        TfdeployError: TFD116 when the outputs don't suit the method.
    """
    method = wanted.method or function.method
    if method == "predict":
        return replace(function, method=method), wanted.fronts
    takes_examples = wanted.fronts or [str(one.dtype.name) for one in function.inputs.values()] == [
        "string"
    ]
    fronts = wanted.fronts if takes_examples else (ExampleFront(),)
    if wanted.method is None:
        return function, fronts
    shaped = _classified(tf, wanted, name) if method == "classify" else _regressed(tf, name)
    return _with_outputs(function, method, shaped), fronts


def _with_outputs(
    function: Function, method: str, shaped: Callable[[Tensors], Tensors]
) -> Function:
    return replace(
        function,
        method=method,
        call=lambda tensors: shaped(function.call(tensors)),
        reference=lambda tensors: shaped(function.reference(tensors)),
    )


def _classified(tf: Any, wanted: SignatureRecipe, name: str) -> Callable[[Tensors], Tensors]:
    def shaped(found: Tensors) -> Tensors:
        known = {alias: found[alias] for alias in ("classes", "scores") if alias in found}
        if not known:
            known = {"scores": _the_output(found, "scores", name)}
        if "scores" in known:
            scores = tf.cast(known["scores"], tf.float32)
            known["scores"] = scores[:, tf.newaxis] if scores.shape.rank == 1 else scores
        if wanted.labels:
            known["classes"] = _labels(tf, wanted.labels, known["scores"], name)
        return known

    return shaped


def _labels(tf: Any, labels: tuple[str, ...], scores: Any, name: str) -> Any:
    classes = scores.shape[-1]
    if classes is not None and classes != len(labels):
        raise _wrong(
            f"There are {len(labels)} labels for {classes} scores.",
            name,
            "give one label for each score, in the model's order.",
        )
    return tf.broadcast_to(tf.constant(labels), tf.shape(scores))


def _regressed(tf: Any, name: str) -> Callable[[Tensors], Tensors]:
    def shaped(found: Tensors) -> Tensors:
        value = tf.cast(_the_output(found, "outputs", name), tf.float32)
        if value.shape.rank == 2 and value.shape[1] == 1:
            value = value[:, 0]
        if value.shape.rank != 1:
            raise _wrong(
                f"A regression is one number a row, and the output has the shape {value.shape}.",
                name,
                "name an output of the shape [batch] or [batch, 1]: `outputs: {outputs: NAME}`.",
            )
        return {"outputs": value}

    return shaped


def _the_output(found: Mapping[str, Any], alias: str, name: str) -> Any:
    if alias in found:
        return found[alias]
    if len(found) == 1:
        return next(iter(found.values()))
    raise _wrong(
        f"It isn't said which output is '{alias}'.",
        name,
        f"name it: `outputs: {{{alias}: NAME}}`, where NAME is one of {', '.join(found)}.",
    )


def _wrong(message: str, name: str, hint: str) -> TfdeployError:
    return TfdeployError("TFD116", message, where=f"signature {name}", hint=hint)
