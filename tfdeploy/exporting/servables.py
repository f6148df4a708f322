"""A servable: the functions behind the signatures, and what has to be saved along with them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.recipe import DEFAULT

# In this order a module's functions are taken for the default one.
_DEFAULTS = (DEFAULT, "__call__", "serve", "predict")
Tensors = Mapping[str, Any]


@dataclass(frozen=True)
class Function:
    """One signature's function, with its inputs and outputs by name.

    ``inputs`` are TensorSpecs by alias, with the batch in front. ``call`` takes tensors by alias
    and gives tensors by alias, eagerly and while a graph is traced. ``reference`` is the source
    model's own way to the same answer, which the exported one is compared with; it may be
    ``call`` itself. ``method`` is a key of ``recipe.METHODS``. ``examples`` are texts that it has
    to take, by alias.
    """

    inputs: Tensors
    call: Callable[[Tensors], Tensors]
    reference: Callable[[Tensors], Tensors]
    method: str = "predict"
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Servable:
    """``functions`` by the signature's name; ``kept`` is saved with them.

    ``owner`` isn't saved, but functions hold their variables weakly: while it lives, so do they.
    ``saved`` is a folder that holds this very servable as a SavedModel already, where there is one.
    ``loaded_by`` says in words what read the source, where that isn't clear from its kind.
    """

    functions: Mapping[str, Function]
    owner: Any
    kept: list[Any] = field(default_factory=list)
    saved: Path | None = None
    loaded_by: str = ""


def from_module(tf: Any, module: Any, source: str) -> Servable:
    """What a tf.Module serves.

    Its ``signatures`` attribute, where it has one (a mapping of name to tf.function); else every
    public method that is a ``@tf.function(input_signature=...)``, under its own name. The default
    signature is the method called ``serving_default``, else ``__call__``, ``serve``, ``predict``,
    else the only one there is.

    Raises:
        TfdeployError: TFD102 when it has none, or several and none of these names.
    """
    signatures = getattr(module, "signatures", None)
    found = dict(signatures) if isinstance(signatures, Mapping) and signatures else {}
    found = found or _methods(tf, module)
    default = default_name(found)
    if default is None:
        raise _nothing_to_serve(type(module).__name__, sorted(found), source)
    functions = {name: function for name, function in found.items() if name != "__call__"}
    functions[DEFAULT] = found[default]
    traced = {name: concrete(one, name, source) for name, one in functions.items()}
    named = {name: from_function(tf, one, name, source) for name, one in traced.items()}
    kept = [*resources_of(tf, module), *captured_resources(tf, traced.values())]
    return Servable(named, module, list({id(one): one for one in kept}.values()))


def is_function(tf: Any, found: Any) -> bool:
    """Whether it is a tf.function or a concrete function."""
    return isinstance(found, tf.types.experimental.GenericFunction) or _is_concrete(found)


def from_callable(tf: Any, function: Any, source: str) -> Servable:
    """A tf.function with an input signature, or a concrete function, as the default signature.

    Raises:
        TfdeployError: TFD102 when it doesn't say what it takes.
    """
    traced = concrete(function, DEFAULT, source)
    named = {DEFAULT: from_function(tf, traced, DEFAULT, source)}
    return Servable(named, (function, traced), captured_resources(tf, [traced]))


def default_name(names: Mapping[str, Any]) -> str | None:
    """The signature that ``serving_default`` stands for; None where nobody can say."""
    known = next((name for name in _DEFAULTS if name in names), None)
    return next(iter(names)) if known is None and len(names) == 1 else known


def from_function(tf: Any, function: Any, name: str, source: str) -> Function:
    """A tf.function with an input signature, or a concrete one, with its inputs by name.

    Inputs in a dict are called by its keys, others as their TensorSpecs or arguments. Outputs in
    a dict keep its keys; others are output_0, output_1 ... as in TensorFlow's own export.

    Raises:
        TfdeployError: TFD102 when it doesn't say what it takes.
    """
    trace = concrete(function, name, source)
    positional, named = trace.structured_input_signature
    paths = [*leaves(positional), *leaves(named)]
    specs = {_alias(path, spec): spec for path, spec in paths}
    if len(specs) < len(paths):
        raise _wrong(f"Two inputs of '{name}' have one name.", source, "name their TensorSpecs.")

    def call(tensors: Tensors) -> Tensors:
        # leaves() goes in the order of tf.nest, so the values fit back into the structure.
        values = [tensors[alias] for alias in specs]
        args, kwargs = tf.nest.pack_sequence_as((positional, named), values)
        return by_name(trace(*args, **kwargs))

    inputs = {
        alias: tf.TensorSpec(spec.shape, spec.dtype, name=alias) for alias, spec in specs.items()
    }
    return Function(inputs, call, call)


def by_name(outputs: Any) -> Tensors:
    """What a function gave, by alias."""
    if isinstance(outputs, Mapping):
        return dict(outputs)
    several = outputs if isinstance(outputs, list | tuple) else [outputs]
    return {f"output_{index}": tensor for index, tensor in enumerate(several)}


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """Path and value of every leaf of a nest, in the order of tf.nest."""
    if isinstance(tree, Mapping):
        parts = [(key, tree[key]) for key in sorted(tree)]
    elif isinstance(tree, list | tuple):
        parts = list(enumerate(tree))
    else:
        return [(path, tree)]
    return [leaf for key, part in parts for leaf in leaves(part, (*path, key))]


def _alias(path: tuple[Any, ...], spec: Any) -> str:
    words = [part for part in path if isinstance(part, str)]
    # A keyword argument's path is its name alone; a dict's key says more than the argument's name.
    return str(words[-1] if words else spec.name)


def _methods(tf: Any, module: Any) -> dict[str, Any]:
    found = {}
    for name in dir(type(module)) + list(vars(module)):
        if name.startswith("_") and name != "__call__":
            continue
        # Looking at a property could run anything.
        if isinstance(getattr(type(module), name, None), property):
            continue
        method = getattr(module, name, None)
        if is_function(tf, method) and getattr(method, "input_signature", None) is not None:
            found[name] = method
    return found


def _is_concrete(function: Any) -> bool:
    return hasattr(function, "structured_input_signature")


def concrete(function: Any, name: str, source: str) -> Any:
    """The concrete function of one that says what it takes.

    Raises:
        TfdeployError: TFD102 when it doesn't.
    """
    if _is_concrete(function):
        return function
    if getattr(function, "input_signature", None) is None:
        raise _wrong(
            f"The signature '{name}' doesn't say what it takes.",
            source,
            "decorate it: @tf.function(input_signature=[tf.TensorSpec([None, 4], "
            "tf.float32, name='x')]).",
        )
    return function.get_concrete_function()


def _nothing_to_serve(kind: str, names: list[str], source: str) -> TfdeployError:
    if names:
        message = f"{kind} has the functions {', '.join(names)}, and none is the default one."
        hint = "name the one that requests without a signature name get `serving_default`."
    else:
        message = f"{kind} has no function that can be served."
        hint = "decorate a method with @tf.function(input_signature=[tf.TensorSpec(...)])."
    return _wrong(message, source, hint)


def _wrong(message: str, source: str, hint: str) -> TfdeployError:
    return TfdeployError("TFD102", message, where=source, hint=hint)


def resources_of(tf: Any, root: Any) -> list[Any]:
    """Lookup tables and the like: what a function needs and isn't a variable."""
    kind = tf.saved_model.experimental.TrackableResource
    return [one for one in tf.train.TrackableView(root).descendants() if isinstance(one, kind)]


def captured_resources(tf: Any, traces: Iterable[Any]) -> list[Any]:
    """Lookup tables and the like that concrete functions use, wherever they were found.

    A table in a module's globals, in a closure or behind a helper function is no attribute of
    anything: a trace knows its handle alone, and only the object itself can be saved.
    """
    handles = {id(tensor) for trace in traces for tensor in trace.captured_inputs}
    kind = tf.saved_model.experimental.TrackableResource
    return [
        one
        for one in gc.get_objects()
        if issubclass(type(one), kind) and id(getattr(one, "_resource_handle", None)) in handles
    ]
