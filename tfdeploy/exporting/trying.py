"""Call signatures in a session, and judge what comes out."""

from __future__ import annotations

import re
from typing import Any

from tfdeploy.exporting.asking import (
    ROWS,
    NotTaken,
    Taken,
    first_taken,
    only,
    rows_in,
)
from tfdeploy.exporting.comparison import (
    HALF_TOLERANCE,
    differences,
    tolerance_of,
    unlike_signature,
    within,
)
from tfdeploy.exporting.findings import Answer, Question, Task, Values, first_sentence
from tfdeploy.exporting.made_up import requests_for
from tfdeploy.exporting.reference import as_array
from tfdeploy.savedmodel import Defect, Signature
from tfdeploy.savedmodel.defects import CLASSIFY

# An answer that differs from the source's is asked for again so often: chance alone gives another.
_REPEATS = 4


class PinnedElsewhere(Exception):
    """A part of the graph wants a device that isn't here."""

    @staticmethod
    def is_said_by(message: str) -> bool:
        """Whether an error of TensorFlow's says so."""
        return "Cannot assign a device" in message


class Trial:
    """Asks the signatures of one loaded model, and gathers what is wrong with them.

    ``defects`` and ``notes`` grow with every ``answer``. ``is_half`` says that the graph computes
    in half precision.
    """

    def __init__(self, tf: Any, session: Any, task: Task, *, is_half: bool = False) -> None:
        self._tf, self._session, self._questions = tf, session, task.questions
        asked = task.tolerance
        self._tolerance = HALF_TOLERANCE if asked is None and is_half else asked
        self.defects: list[Defect] = []
        self.notes: list[str] = []

    def answer(self, signature: Signature) -> Answer:
        """Call a signature with one row and with several.

        Raises:
            PinnedElsewhere: the model runs on another device.
        """
        question = self._questions.get(signature.name, Question())
        given = question.values
        rows = ROWS if signature.batchable else 1
        candidates = requests_for(signature, rows) if given is None else only(given)
        try:
            taken = first_taken(lambda one: self.call(signature, one), candidates, signature)
        except NotTaken as refusal:
            if refusal.is_final or given is not None:
                return Answer(signature.name, "fails", refusal.sentence)
            why = f"made-up values don't suit it ({refusal.sentence})"
            return Answer(signature.name, "unproven", why)
        said = unlike_signature(taken.answer, signature.outputs)
        self.notes += [f"{signature.name}: {one}" for one in said]
        self.defects += _not_text(signature, taken.answer)
        return self._judged(signature, question, taken)

    def call(self, signature: Signature, values: Values) -> Values:
        """All outputs of one call, as arrays by alias.

        Raises:
            NotTaken: it failed.
            PinnedElsewhere: the model runs on another device.
        """
        feeds = {signature.inputs[alias].tensor_name: value for alias, value in values.items()}
        fetches = {
            alias: one.tensor_name for alias, one in signature.outputs.items() if one.tensor_name
        }
        try:
            found = self._session.run(fetches, feeds)
        except self._tf.errors.OpError as error:
            message = str(error.message)
            if PinnedElsewhere.is_said_by(message):
                raise PinnedElsewhere(first_sentence(message)) from error
            is_final = not self._blames_values(error, signature)
            raise NotTaken(first_sentence(message), message, is_final=is_final) from error
        except (TypeError, ValueError) as error:
            raise NotTaken(first_sentence(str(error)), str(error)) from error
        return {alias: as_array(value) for alias, value in found.items()}

    def _judged(self, signature: Signature, question: Question, taken: Taken) -> Answer:
        name, served = signature.name, _rows_served(signature, taken)
        compared = question.answer
        if compared is None:
            if question.why_not_compared:
                why = f"the source took none of the made-up values ({question.why_not_compared})"
                served += f"; not compared: {why}"
            return Answer(name, "serves", served, taken.values, taken.answer)
        wrong = self._differences(signature, question, taken)
        if wrong and self._is_random(signature, taken):
            served += "; not compared with the source: its answers differ from call to call"
            return Answer(name, "serves", served, taken.values, is_random=True)
        if wrong:
            return Answer(name, "differs", "; ".join(wrong))
        tolerance = tolerance_of(compared, self._tolerance)
        alike = f"as the source does ({within(tolerance)})"
        rows, comma, rest = served.partition(", but")
        if question.why_one_row:
            comma, rest = ", but", f" must not be batched: {ROWS} rows fail"
            rest += f" ({question.why_one_row})"
        said = f"{rows} {alike}{comma}{rest}"
        return Answer(name, "serves", said, taken.values, tolerance=tolerance)

    def _differences(self, signature: Signature, question: Question, taken: Taken) -> list[str]:
        assert question.answer is not None
        asked = self._tolerance
        if question.first is None:
            return differences(taken.answer, question.answer, asked)
        if taken.first is None:
            count = rows_in(question.values or {})
            return [f"{count} rows fail, and not in the source ({taken.why_one_row})"]
        one = differences(taken.first, question.first, asked)
        return one or differences(taken.answer, question.answer, asked)

    def _is_random(self, signature: Signature, taken: Taken) -> bool:
        """Whether the same question has several answers."""
        again = (self.call(signature, taken.values) for _ in range(_REPEATS))
        try:
            return any(differences(one, taken.answer, self._tolerance) for one in again)
        except NotTaken:
            return False

    def _blames_values(self, error: Any, signature: Signature) -> bool:
        """Whether other values might have been answered.

        A file that isn't there is the fault of a made-up path only where there is a text to be
        one.
        """
        errors = self._tf.errors
        if isinstance(error, errors.NotFoundError):
            texts = any(one.dtype == "string" for one in signature.inputs.values())
            return texts and not re.search(r"Could not find variable|Resource ", error.message)
        kinds = (errors.InvalidArgumentError, errors.OutOfRangeError, errors.ResourceExhaustedError)
        return isinstance(error, kinds)


def _rows_served(signature: Signature, taken: Taken) -> str:
    """How many rows it answers at once, in words."""
    if not signature.batchable:
        return f"requests, but can't be batched: {signature.why_not_batchable}"
    if taken.why_one_row:
        return f"1 row, but must not be batched: {ROWS} rows fail ({taken.why_one_row})"
    count = rows_in(taken.values)
    lengths = {len(one) if one.ndim else 1 for one in taken.answer.values()}
    if lengths - {count}:
        back = min(lengths - {count})
        return f"1 row, but must not be batched: {count} rows come back as {back}"
    return "1 row" if count == 1 else f"1 row and {count} rows"


def _not_text(signature: Signature, outputs: Values) -> list[Defect]:
    """Outputs that REST would write as text and that aren't any.

    The server writes a string in base64 only under an alias that ends in ``_bytes``
    (TensorFlow Serving, util/json_tensor.cc).
    """
    return [
        Defect(
            "bytes-alias",
            "refuse",
            f"Output '{alias}' holds bytes that are no UTF-8, and the text of JSON has to be: the "
            "REST API writes base64 only for names that end in _bytes.",
            f"call it {alias}_bytes.",
            signature.name,
        )
        for alias, array in outputs.items()
        if array.dtype == object
        and not alias.endswith("_bytes")
        and not (signature.method_name == CLASSIFY and alias == "classes")
        and not all(map(_is_text, array.ravel()))
    ]


def _is_text(value: Any) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
