"""Made-up requests for a signature nobody told us anything about."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from tfdeploy.exporting.example_features import ExampleFeatures
from tfdeploy.exporting.findings import Values
from tfdeploy.savedmodel import Signature, TensorInfo

# A tf.Example comes last: it is no bytes at all until a model says what it lacks.
_STRINGS = ("text", "picture", "example")
_STRINGS_OF_BYTES = ("picture", "pixels", "text", "example")
# Sequences are often short and pictures are at least this large.
_FREE_DIMENSIONS = (32, 224, 1)
_PICTURE_SIZE = 16


def requests_for(signature: Signature, rows: int) -> Generator[Values, str | None, None]:
    """Arrays by alias, most likely to be taken first; the same ones at every call.

    Every row is another one. ``send`` what the model said of the last ones, where it refused them:
    from it the features of a tf.Example are learnt.
    """
    inputs = [tensor for tensor in signature.inputs.values() if tensor.tensor_name]
    if not all(numpy_dtype(one.dtype) for one in inputs):
        return
    features = ExampleFeatures()
    strings = {
        "text": _text,
        "picture": picture,
        "pixels": _pixels,
        "example": features.example,
    }
    for kind, size, is_varied in _variants(inputs):
        make = _Arrays(rows, size, strings[kind], is_varied)
        complaint = yield {one.alias: make(one) for one in inputs}
        while kind == "example" and features.learn(complaint):
            complaint = yield {one.alias: make(one) for one in inputs}


def _variants(inputs: list[TensorInfo]) -> Iterator[tuple[str, int, bool]]:
    strings = [one for one in inputs if one.dtype == "string"]
    kinds: tuple[str, ...] = _STRINGS if strings else ("text",)
    if any(one.alias.endswith("_bytes") for one in strings):
        kinds = _STRINGS_OF_BYTES
    sizes = _FREE_DIMENSIONS if any(map(_has_free_size, inputs)) else (1,)
    # Numbers that differ tell most about a model; one value, and zero as an index, suits most.
    varied = (True, False) if len(strings) < len(inputs) else (True,)
    for is_varied, kind, size in itertools.product(varied, kinds, sizes):
        yield kind, size, is_varied


def _has_free_size(tensor: TensorInfo) -> bool:
    return tensor.shape is not None and None in tensor.shape[1:]


@dataclass(frozen=True)
class _Arrays:
    """Makes an array for an input: ``rows`` of them, with ``size`` for other free dimensions."""

    rows: int
    size: int
    string: Callable[[int], bytes]
    is_varied: bool

    def __call__(self, tensor: TensorInfo) -> Any:
        import numpy as np

        shape = [None] if tensor.shape is None else list(tensor.shape)
        dims = [self.size if dim is None else dim for dim in shape]
        if shape and shape[0] is None:
            dims[0] = self.rows
        if tensor.dtype == "string":
            found = np.empty(dims, dtype=object)
            found.ravel()[:] = [self.string(index) for index in range(found.size)]
            return found
        return self._numbers(tensor, dims)

    def _numbers(self, tensor: TensorInfo, dims: list[int]) -> Any:
        import numpy as np

        dtype = numpy_dtype(tensor.dtype)
        if self.is_varied and _is_picture_shape(tensor):
            return np.broadcast_to([_PICTURE_SIZE, _PICTURE_SIZE, 3], dims).astype(dtype)
        if not self.is_varied:
            # Zero is an index that every table has, but half of one is a better pixel.
            return np.full(dims, 0.5 if _is_float(tensor.dtype) else 0).astype(dtype)
        random = np.random.default_rng(zlib.crc32(tensor.alias.encode()))
        if _is_float(tensor.dtype):
            # In [0, 1), and of few digits in a request's JSON.
            return (random.integers(0, 64, dims) / 64).astype(dtype)
        # Bytes are pixels; other whole numbers are indices more often than anything else.
        return random.integers(0, 256 if tensor.dtype == "uint8" else 2, dims).astype(dtype)


def _is_float(dtype: str) -> bool:
    return "float" in dtype or dtype.startswith("complex")


def numpy_dtype(name: str) -> Any:
    """The dtype of TensorFlow's name for it; None where numpy has none."""
    import numpy as np

    if name == "string":
        return np.dtype(object)
    if name in np.sctypeDict:
        return np.dtype(name)
    import ml_dtypes

    found = getattr(ml_dtypes, name, None)
    return np.dtype(found) if found is not None else None


def _is_picture_shape(tensor: TensorInfo) -> bool:
    """Whether it takes [height, width, channels] beside a picture."""
    ends = tensor.alias.endswith("shape") and tensor.dtype.startswith(("int", "uint"))
    return ends and tensor.shape is not None and tensor.shape[-1:] == (3,)


def _pixels(index: int) -> bytes:
    import numpy as np

    return np.random.default_rng(index).bytes(_PICTURE_SIZE * _PICTURE_SIZE * 3)


def _text(index: int) -> bytes:
    return b"made up %d" % index if index else b"made up"


def picture(index: int = 0, height: int = _PICTURE_SIZE, width: int = _PICTURE_SIZE) -> bytes:
    """An RGB picture (PNG) of noise that every decoder takes; another one for each ``index``."""
    import numpy as np

    noise = np.random.default_rng(index).integers(0, 256, (height, width * 3), dtype=np.uint8)
    rows = b"".join(b"\x00" + row.tobytes() for row in noise)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
