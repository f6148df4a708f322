"""saved_model.pb made by hand: no TensorFlow, no protobuf."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

FLOAT, STRING, BFLOAT16 = 1, 7, 14


def varint(value: int) -> bytes:
    value %= 1 << 64
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name: str, dtype: int, dims: list[int] | None) -> bytes:
    """A TensorInfo; without dims the rank is unknown."""
    known = b"".join(block(2, number(1, dim)) for dim in dims or ())
    shape = number(3, 1) if dims is None else known
    return block(1, name) + number(2, dtype) + block(3, shape)


def entry(field: int, key: str, value: bytes) -> bytes:
    return block(field, block(1, key) + block(2, value))


def signature(
    inputs: dict[str, bytes], outputs: dict[str, bytes], method: str = "predict"
) -> bytes:
    parts = [entry(1, key, value) for key, value in inputs.items()]
    parts += [entry(2, key, value) for key, value in outputs.items()]
    return b"".join(parts) + block(3, f"tensorflow/serving/{method}")


def node(name: str, op: str, device: str = "", attributes: bytes = b"") -> bytes:
    """A NodeDef as a field of GraphDef."""
    placed = block(4, device) if device else b""
    return block(1, block(1, name) + block(2, op) + block(3, "input") + placed + attributes)


def meta_graph(
    signatures: dict[str, bytes],
    tags: tuple[str, ...] = ("serve",),
    graph: bytes = b"",
    ops: Iterable[str] = (),
    version: str = "2.21.0",
) -> bytes:
    """A MetaGraphDef as a field of SavedModel; ``ops`` go into its list of op definitions."""
    listed = block(2, b"".join(block(1, block(1, op)) for op in ops))
    info = listed + b"".join(block(4, tag) for tag in tags) + block(5, version)
    parts = [entry(5, name, value) for name, value in signatures.items()]
    return block(2, block(1, info) + block(2, graph) + b"".join(parts))


DOUBLE = signature({"x": tensor("x:0", FLOAT, [-1, 4])}, {"y": tensor("y:0", FLOAT, [-1, 2])})


def saved(folder: Path, data: bytes | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    whole = number(1, 1) + meta_graph({"serving_default": DOUBLE})
    (folder / "saved_model.pb").write_bytes(whole if data is None else data)
    return folder
