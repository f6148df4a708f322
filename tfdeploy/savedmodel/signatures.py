"""SavedModels as values: their signatures, and the tensors that go in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# tensorflow/core/framework/types.proto, DataType.
_DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
    26: "float8_e4m3fnuz",
    27: "float8_e4m3b11fnuz",
    28: "float8_e5m2fnuz",
    29: "int4",
    30: "uint4",
    31: "int2",
    32: "uint2",
}


def dtype_name(number: int) -> str:
    """The numpy-style name of a DataType number; a reference type has its value's name."""
    return _DTYPES.get(number - 100 if number > 100 else number, f"dtype {number}")


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature, under the alias that requests use.

    ``dtype`` is a numpy-style name (``float32``, ``string``, ``bfloat16``). A dimension of None
    is free; a shape of None means that not even the rank is known. ``tensor_name`` is empty for
    a composite tensor, and the values' name for a sparse one.
    """

    alias: str
    tensor_name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.alias}: {self.dtype} of any shape"
        return f"{self.alias}: {self.dtype}{self.dims}"

    @property
    def dims(self) -> str:
        """The shape for people: ``[?, 28, 28]``, or ``of unknown rank``."""
        if self.shape is None:
            return "of unknown rank"
        return f"[{', '.join('?' if dim is None else str(dim) for dim in self.shape)}]"


@dataclass(frozen=True)
class Signature:
    """One callable of a SavedModel."""

    name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method_name: str

    @property
    def batchable(self) -> bool:
        """Whether rows of several requests may be joined: every first dimension is free."""
        return not self.why_not_batchable

    @property
    def why_not_batchable(self) -> str:
        """The first input or output that stands in the way, in words; empty when none does."""
        for kind, tensors in (("input", self.inputs), ("output", self.outputs)):
            for tensor in tensors.values():
                if tensor.shape is None:
                    return f"{kind} '{tensor.alias}' has no known shape"
                if not tensor.shape:
                    return f"{kind} '{tensor.alias}' is a scalar"
                if tensor.shape[0] is not None:
                    return f"{kind} '{tensor.alias}' has a first dimension of {tensor.shape[0]}"
        return "" if self.inputs else "it has no inputs"


@dataclass(frozen=True)
class SavedModel:
    """One version folder, as the server would load it.

    ``size_bytes`` counts every file of the folder. The signatures leave out
    ``__saved_model_init_op``, which is no signature for callers. ``ops`` are the op types of the
    graph, sorted; empty where its writer listed none. ``warmup_records`` counts the whole ones.
    ``manifest`` is what tfdeploy.json says, None without a readable one.
    """

    path: Path
    tags: tuple[str, ...]
    tensorflow_version: str
    signatures: Mapping[str, Signature]
    size_bytes: int
    ops: tuple[str, ...] = ()
    warmup_records: int = 0
    manifest: Mapping[str, Any] | None = None

    @property
    def memory_bytes(self) -> int:
        """What the server reserves to load it, of main memory; a GPU's isn't counted.

        It is 1.2 times the size of all files (TensorFlow Serving, servables/tensorflow/
        bundle_factory_util.cc). During a change of versions old and new are there at once.
        """
        return self.size_bytes * 6 // 5
