"""A user's function of one item: how it is called, what it gives, and what it needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.python_names import load_name

Specs = Mapping[str, Any]


def wrong(message: str, where: str, hint: str) -> TfdeployError:
    """An error about a map front."""
    return TfdeployError("TFD116", message, where=where, hint=hint)


def callable_of(function: str | Callable[..., Any]) -> Callable[..., Any]:
    """The function itself, or what ``module:function`` names.

    Raises:
        TfdeployError: TFD101 when it can't be imported, TFD116 when it can't be called.
    """
    found = load_name(function, function) if isinstance(function, str) else function
    if not callable(found):
        kind = type(found).__name__
        raise wrong(f"{function} is a {kind}, no function.", str(function), "name a function.")
    return found


def own_inputs(function: Any) -> Specs:
    """The inputs of one item that a @tf.function(input_signature=...) names; else none."""
    signature = getattr(function, "input_signature", None) or ()
    names = [one.name for one in _parameters(function)]
    names += [f"input_{place}" for place in range(len(names), len(signature))]
    return {spec.name or name: spec for name, spec in zip(names, signature, strict=False)}


def traced(tf: Any, function: Any, specs: Specs, where: str) -> Any:
    """The concrete function of one item; it takes tensors by position, in the order of specs.

    Raises:
        TfdeployError: TFD116 when the function doesn't take so many inputs.
    """
    names = list(specs)
    by_keyword = _takes(function, names)
    if not by_keyword:
        _check_positions(function, names, where)

    def item(*tensors: Any) -> Any:
        if by_keyword:
            return called(**dict(zip(names, tensors, strict=True)))
        return called(*tensors)

    # A tf.function makes the user's own loops and ifs the graph's.
    is_graph = isinstance(function, tf.types.experimental.GenericFunction)
    called = function if is_graph else tf.function(function)
    return tf.function(item, autograph=False).get_concrete_function(*specs.values())


def by_input(found: Any, specs: Specs, where: str) -> Mapping[str, Any]:
    """What the function gives (tensors or specs), by the model's inputs.

    One tensor is for the model's only input; a dict names inputs; a list or tuple is in the order
    of the inputs.

    Raises:
        TfdeployError: TFD116 when it gives more or other things than the model takes.
    """
    names = ", ".join(specs) or "no inputs"
    if isinstance(found, Mapping):
        unknown = [str(name) for name in found if name not in specs]
        if unknown or not found:
            what = " and ".join(f"'{one}'" for one in unknown) or "nothing"
            raise wrong(
                f"The function gives {what}, which the model doesn't take.",
                where,
                f"the model takes {names}.",
            )
        return dict(found)
    several = found if isinstance(found, Sequence) else [found]
    if len(several) != len(specs):
        raise wrong(
            f"The function's outputs are {len(several)}, and the model's inputs {len(specs)}.",
            where,
            f"return a dict with the names of those that it makes; the model takes {names}.",
        )
    return dict(zip(specs, several, strict=True))


def _parameters(function: Any) -> list[inspect.Parameter]:
    try:
        found = inspect.signature(getattr(function, "python_function", function)).parameters
    except (TypeError, ValueError):
        return []
    # A method that tf.function decorates shows its self.
    return [one for place, one in enumerate(found.values()) if place or one.name != "self"]


def _takes(function: Any, names: list[str]) -> bool:
    parameters = _parameters(function)
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = [one.name for one in parameters if one.kind in kinds]
    return takes_any or (bool(parameters) and set(names) <= set(known))


def _check_positions(function: Any, names: list[str], where: str) -> None:
    try:
        signature = inspect.signature(getattr(function, "python_function", function))
        signature.bind(*names)
    except (TypeError, ValueError) as error:
        parameters = ", ".join(one.name for one in _parameters(function)) or "nothing"
        raise wrong(
            f"The function takes {parameters}, and its inputs are {', '.join(names)}.",
            where,
            "give the inputs the names of its parameters, or as many, in their order.",
        ) from error
