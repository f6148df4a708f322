"""The front of classify and regress: serialized tf.Examples in, a tensor for each feature out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.fronts.front import Fitted


@dataclass(frozen=True)
class ExampleFront:
    """Every input of the model is a feature of that name in a tf.Example."""

    alias: str = "inputs"

    def fit(self, tf: Any, specs: Mapping[str, Any]) -> Fitted:
        """Serialized tf.Examples, shape [batch], to all of the model's inputs.

        A feature holds float32, int64 or bytes (tensorflow/core/example/feature.proto); it is
        cast to what the model takes.

        Raises:
            TfdeployError: TFD116 for an input with a free size: no feature has one.
        """
        features = {name: self._feature(tf, name, spec) for name, spec in specs.items()}

        def make(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
            parsed = tf.io.parse_example(tensors[self.alias], features)
            return {
                name: tf.cast(parsed[name], spec.dtype) if spec.dtype != tf.string else parsed[name]
                for name, spec in specs.items()
            }

        return Fitted(
            {self.alias: tf.TensorSpec([None], tf.string, name=self.alias)}, tuple(specs), make
        )

    def _feature(self, tf: Any, name: str, spec: Any) -> Any:
        shape = spec.shape[1:] if spec.shape.rank else None
        if shape is None or not shape.is_fully_defined():
            raise TfdeployError(
                "TFD116",
                f"The input '{name}' has the shape {spec.shape}, and a feature of a tf.Example "
                "needs every size but the first.",
                where=name,
                hint="fix its sizes, or use the method predict.",
            )
        kind = tf.string if spec.dtype == tf.string else tf.int64
        return tf.io.FixedLenFeature(shape, tf.float32 if spec.dtype.is_floating else kind)
