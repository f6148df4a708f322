"""What every front does: make some of a model's inputs from inputs of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tfdeploy.errors import TfdeployError

Tensors = Mapping[str, Any]


@dataclass(frozen=True)
class Fitted:
    """A front that was fitted to one model.

    ``inputs`` are TensorSpecs by alias, with the batch in front, as requests bring them.
    ``make`` takes tensors by these aliases and gives a tensor for each of the model's inputs
    in ``fills``. It runs eagerly and in a graph. ``kept`` are the lookup tables and the like that
    it needs, to be saved with the functions. ``examples`` are texts for inputs of which the front
    knows what a model has to take, one for each row.
    """

    inputs: Mapping[str, Any]
    fills: tuple[str, ...]
    make: Callable[[Tensors], Tensors]
    kept: Sequence[Any] = field(default_factory=list)
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Front(Protocol):
    """A way to make inputs of a model from what requests bring."""

    def fit(self, tf: Any, specs: Tensors) -> Fitted:
        """Fit it to a model whose inputs are ``specs``: TensorSpecs by name, batch in front.

        Raises:
            TfdeployError: TFD116 when the model has no input that it can make.
        """
        ...


def the_input(specs: Tensors, asked: str | None, where: str) -> str:
    """The one input of a model that a front makes: the one asked for, else the only one.

    Raises:
        TfdeployError: TFD116 when there is none of that name, or the choice is open.
    """
    names = ", ".join(specs) or "no inputs"
    if asked is not None and asked not in specs:
        what = f"The model has no input '{asked}' to put a front before."
        raise TfdeployError("TFD116", what, where=where, hint=f"it has {names}.")
    if asked is None and len(specs) != 1:
        raise TfdeployError(
            "TFD116",
            f"The model has {len(specs)} inputs, and it isn't said which of them the front makes.",
            where=where,
            hint=f"name it with `into`; the model has {names}.",
        )
    return asked if asked is not None else next(iter(specs))


def put_before(tf: Any, fronts: Sequence[Front], specs: Tensors) -> Fitted:
    """All fronts of one signature as one; inputs that none of them makes are passed through.

    Raises:
        TfdeployError: TFD116 when two fronts make the same input, or two inputs have one alias.
    """
    fitted: list[Fitted] = []
    for front in fronts:
        taken = {name for one in fitted for name in one.fills}
        left = {name: spec for name, spec in specs.items() if name not in taken}
        fitted.append(front.fit(tf, left))
    filled = [name for one in fitted for name in one.fills]
    passed = {name: spec for name, spec in specs.items() if name not in filled}
    inputs = dict(passed)
    for one in fitted:
        for alias, spec in one.inputs.items():
            if alias in inputs:
                raise TfdeployError(
                    "TFD116",
                    f"Two inputs of one signature would be called '{alias}'.",
                    where=alias,
                    hint="give each front's input a name of its own.",
                )
            inputs[alias] = spec

    def make(tensors: Tensors) -> Tensors:
        made = {name: tensors[name] for name in passed}
        for one in fitted:
            made.update(one.make({alias: tensors[alias] for alias in one.inputs}))
        return made

    kept = [kept for one in fitted for kept in one.kept]
    examples = {alias: texts for one in fitted for alias, texts in one.examples.items()}
    return Fitted(inputs, tuple(filled), make, kept, examples)
