"""The signatures that a recipe asks for, made from those that the source has."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.fronts import put_before
from tfdeploy.exporting.methods import for_method
from tfdeploy.exporting.recipe import DEFAULT, Recipe, SignatureRecipe
from tfdeploy.exporting.servables import Function, Servable, Tensors, default_name


def with_signatures(tf: Any, servable: Servable, recipe: Recipe) -> Servable:
    """The servable with exactly the signatures asked for, and always ``serving_default``.

    Raises:
        TfdeployError: TFD116 when one names a signature, an input or an output that the source
            doesn't have, or a front or a method doesn't suit it.
    """
    source = _with_default(servable, recipe)
    if not recipe.signatures:
        return source
    made: dict[str, Function] = {}
    kept = list(source.kept)
    for name, wanted in recipe.signatures.items():
        function, needed = _made(tf, source.functions, name, wanted)
        made[name] = function
        kept += needed
    if DEFAULT not in made and DEFAULT in source.functions:
        made[DEFAULT] = source.functions[DEFAULT]
    elif DEFAULT not in made:
        made[DEFAULT] = next(iter(made.values()))
    return replace(source, functions=made, kept=kept, saved=None)


def _with_default(servable: Servable, recipe: Recipe) -> Servable:
    name = default_name(servable.functions)
    if DEFAULT in servable.functions or (name is None and recipe.signatures):
        return servable
    if name is None:
        raise _wrong(
            "None of the source's signatures is the one for requests that name none.",
            DEFAULT,
            f"say which: `signatures: {{{DEFAULT}: {{of: NAME}}}}` in an export file, where NAME "
            f"is one of {', '.join(servable.functions) or 'none at all'}.",
        )
    functions = {**servable.functions, DEFAULT: servable.functions[name]}
    return replace(servable, functions=functions, saved=None)


def _made(
    tf: Any, functions: Mapping[str, Function], name: str, wanted: SignatureRecipe
) -> tuple[Function, list[Any]]:
    """One signature, and what it needs to be saved along."""
    of = wanted.of or (name if name in functions else DEFAULT)
    if of not in functions:
        raise _unknown("signature", of, functions, name)
    function = renamed(tf, functions[of], wanted.inputs, wanted.outputs, name)
    function, fronts = for_method(tf, function, wanted, name)
    fitted = put_before(tf, fronts, function.inputs)

    def call(tensors: Tensors) -> Tensors:
        return function.call(fitted.make(tensors))

    def reference(tensors: Tensors) -> Tensors:
        return function.reference(fitted.make(tensors))

    if not fronts:
        return function, []
    inputs, examples = fitted.inputs, fitted.examples
    made = replace(function, inputs=inputs, call=call, reference=reference, examples=examples)
    return made, [*fitted.kept]


def renamed(
    tf: Any, function: Function, inputs: Mapping[str, str], outputs: Mapping[str, str], name: str
) -> Function:
    """The function under other names: alias to the name it has; unnamed outputs are left out.

    Raises:
        TfdeployError: TFD116 when it has no such input.
    """
    if not inputs and not outputs:
        return function
    aliases = {before: alias for alias, before in inputs.items()}
    for before in aliases:
        if before not in function.inputs:
            raise _unknown("input", before, function.inputs, name)
    names = {aliases.get(before, before): before for before in function.inputs}
    specs = {
        alias: tf.TensorSpec(
            function.inputs[before].shape, function.inputs[before].dtype, name=alias
        )
        for alias, before in names.items()
    }

    def told(tensors: Tensors) -> Tensors:
        return {before: tensors[alias] for alias, before in names.items()}

    def chosen(found: Tensors) -> Tensors:
        for before in outputs.values():
            if before not in found:
                raise _unknown("output", before, found, name)
        return {alias: found[before] for alias, before in outputs.items()} if outputs else found

    return replace(
        function,
        inputs=specs,
        call=lambda tensors: chosen(function.call(told(tensors))),
        reference=lambda tensors: chosen(function.reference(told(tensors))),
    )


def _unknown(kind: str, name: str, known: Mapping[str, Any], where: str) -> TfdeployError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(known) or 'none'}."
    return _wrong(f"The source has no {kind} '{name}'.", f"signature {where}", hint)


def _wrong(message: str, where: str, hint: str) -> TfdeployError:
    return TfdeployError("TFD116", message, where=where, hint=hint)
