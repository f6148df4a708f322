"""What the source model itself answers, for the fresh process to compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.asking import ROWS, Ask, NotTaken, first_taken, only
from tfdeploy.exporting.findings import Question, Values, first_sentence
from tfdeploy.exporting.made_up import requests_for
from tfdeploy.exporting.recipe import Recipe
from tfdeploy.exporting.samples import arrays_of
from tfdeploy.exporting.servables import Function, Servable
from tfdeploy.exporting.tensorflow_import import import_tensorflow
from tfdeploy.savedmodel import SavedModel, Signature


def questions_for(
    servable: Servable | None, recipe: Recipe, model: SavedModel
) -> dict[str, Question]:
    """A question for each signature: the user's rows, else made-up ones that the source takes.

    Without a servable nobody knows an answer, and only the user's rows are asked.

    Raises:
        TfdeployError: TFD104 when the source refuses the user's rows, TFD503 when they don't fit,
            TFD505 when a file of theirs can't be read.
    """
    _check_names(recipe, model)
    found = {}
    # Two names of one function are asked the same.
    asked: dict[int, Question] = {}
    for name, signature in model.signatures.items():
        rows = recipe.samples.get(name)
        values = None if rows is None else arrays_of(rows, signature, recipe.folder)
        function = servable.functions.get(name) if servable else None
        if function is None:
            found[name] = Question(values)
        elif values is not None:
            hint = "give rows that the model takes."
            found[name] = _must_take(function, signature, values, recipe.source, hint)
        elif signature.batchable and set(function.inputs) == set(function.examples):
            values = {alias: _texts(several) for alias, several in function.examples.items()}
            hint = "the vocabulary's tokens have ids that the model doesn't know."
            found[name] = _must_take(function, signature, values, recipe.source, hint)
        else:
            if id(function) not in asked:
                asked[id(function)] = _made_up(function, signature)
            found[name] = asked[id(function)]
    return found


def as_array(value: Any) -> Any:
    """What a session or a tensor gives; a string scalar is no array there."""
    import numpy as np

    return np.asarray(value, dtype=object) if isinstance(value, bytes) else np.asarray(value)


def _texts(several: Sequence[str]) -> Any:
    import numpy as np

    return np.asarray([text.encode() for text in several], dtype=object)


def _must_take(
    function: Function, signature: Signature, values: Values, source: str, hint: str
) -> Question:
    try:
        taken = first_taken(_asking(function), only(values), signature)
    except NotTaken as error:
        raise TfdeployError(
            "TFD104",
            f"The source refuses the sample of '{signature.name}': {error.sentence}.",
            where=source,
            hint=hint,
        ) from error
    return Question(taken.values, taken.answer, taken.first, taken.why_one_row)


def _made_up(function: Function, signature: Signature) -> Question:
    candidates = requests_for(signature, ROWS if signature.batchable else 1)
    try:
        taken = first_taken(_asking(function), candidates, signature)
    except NotTaken as error:
        return Question(why_not_compared=error.sentence)
    return Question(taken.values, taken.answer, taken.first, taken.why_one_row)


def _asking(function: Function) -> Ask:
    tf = import_tensorflow()

    def ask(values: Values) -> Values:
        try:
            tensors = {
                alias: tf.constant(values[alias], dtype=spec.dtype)
                for alias, spec in function.inputs.items()
            }
            return _arrays(tf, function.reference, tensors)
        # The model is somebody else's code.
        except Exception as error:
            message = str(getattr(error, "message", error))
            raise NotTaken(first_sentence(message), message) from error

    return ask


def _arrays(tf: Any, call: Callable[[Any], Any], tensors: Values) -> Values:
    """The outputs that are tensors; ragged and sparse ones aren't what a signature gives."""
    outputs = call(tensors).items()
    return {alias: as_array(one.numpy()) for alias, one in outputs if isinstance(one, tf.Tensor)}


def _check_names(recipe: Recipe, model: SavedModel) -> None:
    for name in recipe.samples:
        if name not in model.signatures:
            raise TfdeployError(
                "TFD503",
                f"There are samples for '{name}', and the model has no such signature.",
                where=f"samples of '{name}'",
                hint=f"it has {', '.join(model.signatures)}.",
            )
