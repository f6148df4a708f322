"""The features of a tf.Example, learnt from what TensorFlow says of one that lacks them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

# tensorflow/core/util/example_proto_fast_parsing.cc.
_MISSING = re.compile(r"Feature: (.+?) \(data type: (float|int64|string)\) is required")
_COUNT = re.compile(
    r"Key: (.+?), Index: \d+\.\s+Number of \w+ values != expected\.\s+Values size: \d+ but output "
    r"shape: \[([\d,]*)\]"
)


@dataclass
class ExampleFeatures:
    """The kind and the number of values of each feature that is known so far."""

    _kinds: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def learn(self, complaint: str | None) -> bool:
        """Whether the complaint tells of a feature something that wasn't known."""
        before = (dict(self._kinds), dict(self._counts))
        if match := _MISSING.search(complaint or ""):
            self._kinds[match[1]] = match[2]
        elif match := _COUNT.search(complaint or ""):
            self._counts[match[1]] = math.prod(int(size) for size in match[2].split(",") if size)
        return before != (self._kinds, self._counts)

    def example(self, index: int) -> bytes:
        """A serialized tf.Example with every feature that is known; another one for each index."""
        import numpy as np

        from tfdeploy import wire

        random = np.random.default_rng(index)
        found = wire.Example()
        for name, kind in self._kinds.items():
            feature, count = found.features.feature[name], self._counts.get(name, 1)
            if kind == "float":
                feature.float_list.value.extend((random.integers(0, 64, count) / 64).tolist())
            elif kind == "int64":
                feature.int64_list.value.extend(random.integers(0, 2, count).tolist())
            else:
                feature.bytes_list.value.extend([b"made up"] * count)
        return bytes(found.SerializeToString(deterministic=True))
