"""The map front: a function of the user's, applied to each item of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tfdeploy.exporting.fronts.front import Fitted
from tfdeploy.exporting.fronts.item_functions import (
    Specs,
    by_input,
    callable_of,
    own_inputs,
    traced,
    wrong,
)
from tfdeploy.exporting.fronts.item_shapes import (
    item_specs,
    packed,
    packed_spec,
    specs_of,
    unpacked,
)
from tfdeploy.exporting.python_names import PYTHON_NAME


@dataclass(frozen=True)
class MapFront:
    """How a user's function makes inputs of a model, one item of the batch at a time.

    ``function`` is a callable or ``module:function``. ``inputs`` are what requests bring: by
    alias a dtype and the shape of one item, or a TensorSpec of one item; left out, they come from
    the function's own ``@tf.function(input_signature=...)``. They go to the parameters of the
    same names, else by position, in their order.

    It returns a tensor for a model of one input, a dict with names of the model's inputs, or a
    tuple in their order, of any dtypes. Its dtypes and shapes are found by tracing it on one item
    and must suit the model. All items must come out in one shape, as a batch holds no other: a
    shape that tracing leaves open is an error unless ``outputs`` (by the model's input, a dtype
    and the shape of one item) leaves it open, too; then a request whose items differ fails with a
    message that says so.
    """

    function: str | Callable[..., Any]
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what can't work before anything is loaded.

        Raises:
            TfdeployError: TFD116.
        """
        if isinstance(self.function, str) and not PYTHON_NAME.fullmatch(self.function):
            raise wrong(
                f"'{self.function}' names no function.", "--map", "write it as module:function."
            )
        for alias in self.inputs or {}:
            if not alias.isidentifier():
                raise wrong(
                    f"An input can't be called '{alias}'.",
                    self._where,
                    "choose a name of letters and digits.",
                )

    @property
    def _where(self) -> str:
        if isinstance(self.function, str):
            return self.function
        return str(getattr(self.function, "__name__", self.function))

    def fit(self, tf: Any, specs: Specs) -> Fitted:
        """Items of the function's inputs to the model's inputs that it makes.

        Raises:
            TfdeployError: TFD101 when the function can't be imported, TFD116 when it doesn't suit
                the model, TFD119 when its items could come out in different shapes.
        """
        # recipe.py, which that module needs, imports the fronts.
        from tfdeploy.exporting.servables import captured_resources

        where = self._where
        function = callable_of(self.function)
        items = self._items(tf, function)
        concrete = traced(tf, function, items, where)
        made = by_input(concrete.structured_outputs, specs, where)
        results = item_specs(tf, made, specs, specs_of(tf, self.outputs or {}), where)

        def item(row: Mapping[str, Any]) -> Mapping[str, Any]:
            found = by_input(concrete(*[row[alias] for alias in items]), specs, where)
            return {
                name: packed(tf, found[name], spec, name, where) for name, spec in results.items()
            }

        def make(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
            rows = {alias: tensors[alias] for alias in items}
            signature = {name: packed_spec(tf, spec) for name, spec in results.items()}
            found = tf.map_fn(item, rows, fn_output_signature=signature)
            return {
                name: unpacked(tf, found[name], spec, name, where) for name, spec in results.items()
            }

        batch = next(iter(specs[name].shape[:1] for name in results))
        inputs = {
            alias: tf.TensorSpec(batch.concatenate(spec.shape), spec.dtype, name=alias)
            for alias, spec in items.items()
        }
        return Fitted(inputs, tuple(results), make, captured_resources(tf, [concrete]))

    def _items(self, tf: Any, function: Any) -> Specs:
        items = specs_of(tf, self.inputs) if self.inputs else own_inputs(function)
        if not items:
            raise wrong(
                "It isn't said what the function takes.",
                self._where,
                "name its inputs with dtype and shape of one item, such as `inputs: {x: "
                "float32[8, 8]}`, or decorate it with @tf.function(input_signature=[...]).",
            )
        return items
