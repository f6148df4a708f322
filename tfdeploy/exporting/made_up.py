"""Made-up requests for a signature nobody told us anything about."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from tfdeploy.savedmodel import Signature, TensorInfo

# A text; an empty tf.Example, which is no bytes at all. A picture comes first where bytes go in.
_TEXTS = (b"made up", b"")
# Sequences are often short and pictures are at least this large.
_FREE_DIMENSIONS = (32, 224, 1)


def png(height: int = 16, width: int = 16) -> bytes:
    """An RGB picture of one colour that every decoder takes."""
    rows = (b"\x00" + b"\x40\x80\xc0" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def requests_for(signature: Signature, rows: int) -> Iterator[Mapping[str, Any]]:
    """Arrays by alias, most likely to be taken first; at least one, at most nine."""
    inputs = [tensor for tensor in signature.inputs.values() if tensor.tensor_name]
    texts = _texts(inputs) if any(one.dtype == "string" for one in inputs) else (b"",)
    sizes = _FREE_DIMENSIONS if any(map(_has_free_size, inputs)) else (1,)
    for text, size in itertools.product(texts, sizes):
        yield {one.alias: _array(one, rows, size, text) for one in inputs}


def _texts(inputs: list[TensorInfo]) -> tuple[bytes, ...]:
    if any(one.alias.endswith("_bytes") for one in inputs):
        return (png(), *_TEXTS)
    return (*_TEXTS, png())


def _has_free_size(tensor: TensorInfo) -> bool:
    return tensor.shape is not None and None in tensor.shape[1:]


def _array(tensor: TensorInfo, rows: int, size: int, text: bytes) -> Any:
    import numpy as np

    shape = [rows] if tensor.shape is None else list(tensor.shape[:1]) + list(tensor.shape[1:])
    dims = [size if dim is None else dim for dim in shape]
    if shape and shape[0] is None:
        dims[0] = rows
    if tensor.dtype == "string":
        return np.full(dims, text, dtype=object)
    if tensor.dtype == "bfloat16" or tensor.dtype.startswith("float8"):
        import ml_dtypes

        return np.full(dims, 0.5).astype(getattr(ml_dtypes, tensor.dtype))
    # Zero is an index that every table has, but half of one is a better pixel.
    return np.full(dims, 0.5 if tensor.dtype.startswith("float") else 0, dtype=tensor.dtype)
