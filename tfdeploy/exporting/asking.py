"""Ask a model until it takes something: one row first, then several at once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from tfdeploy.exporting.findings import Values
from tfdeploy.savedmodel import Signature

# Takes arrays by the inputs' aliases and gives arrays by the outputs'; raises NotTaken.
Ask = Callable[[Values], Values]
Candidates = Generator[Values, str | None, None]
ROWS = 3


class NotTaken(Exception):
    """The model refused values: ``sentence`` says why in short, ``str(error)`` in full.

    ``is_final`` where no other values would be taken either.
    """

    def __init__(self, sentence: str, whole: str, *, is_final: bool = False) -> None:
        super().__init__(whole)
        self.sentence = sentence
        self.is_final = is_final


@dataclass(frozen=True)
class Taken:
    """What a model took and answered, all rows at once; ``first`` is its answer to the first alone.

    Where it takes no more than one row, ``values`` are that row, ``first`` is None, and
    ``why_one_row`` says why where more were tried.
    """

    values: Values
    answer: Values
    first: Values | None = None
    why_one_row: str = ""


def first_taken(ask: Ask, candidates: Candidates, signature: Signature) -> Taken:
    """The first of the candidates that the model answers.

    Raises:
        NotTaken: none was taken; the reason is that of the last one.
    """
    refusal = NotTaken("nobody knows values of such a type", "")
    complaint = None
    while True:
        try:
            values = candidates.send(complaint)
        except StopIteration:
            raise refusal from None
        try:
            answer = ask(first_row(values, signature))
        except NotTaken as error:
            refusal, complaint = error, str(error)
            if error.is_final:
                raise
        else:
            return _all_rows(ask, values, answer, signature)


def _all_rows(ask: Ask, values: Values, first: Values, signature: Signature) -> Taken:
    if not signature.batchable or rows_in(values) == 1:
        return Taken(values, first)
    try:
        return Taken(values, ask(values), first)
    except NotTaken as error:
        return Taken(first_row(values, signature), first, None, error.sentence)


def only(values: Values) -> Candidates:
    """One candidate."""
    yield values


def first_row(values: Values, signature: Signature) -> Values:
    """The first row alone, where rows are what a signature takes; else the values themselves."""
    if not signature.batchable:
        return values
    return {alias: array[:1] for alias, array in values.items()}


def rows_in(values: Values) -> int:
    """How many rows all of them have; 0 where they have none, or not the same number."""
    counts = {array.shape[0] if getattr(array, "ndim", 0) else 0 for array in values.values()}
    return counts.pop() if len(counts) == 1 else 0
