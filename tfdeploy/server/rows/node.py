"""One node of a graph, with its attributes read as an op's rule wants them."""

from typing import Any

from tfdeploy.server.rows.sizes import Shape, Size, Unproven, fresh


def read_shape(proto: Any) -> Shape | None:
    """The sizes of a TensorShapeProto, a new symbol for each unknown one; None for no rank."""
    if proto.unknown_rank:
        return None
    return tuple(Size(dim.size) if dim.size >= 0 else fresh() for dim in proto.dim)


class Node:
    """A NodeDef. SavedModels may leave out attributes that have their default value.

    Attributes:
        name: The node's name.
        op: What it does.
        inputs: Names of tensors, and of nodes after a `^`.
    """

    __slots__ = ("_attributes", "inputs", "name", "op")

    def __init__(self, proto: Any) -> None:
        self.name: str = proto.name
        self.op: str = proto.op
        self.inputs: list[str] = list(proto.input)
        self._attributes = proto.attr

    def attribute(self, name: str) -> Any:
        """An AttrValue, or None.

        Raises:
            Unproven: the caller of the function gives the value.
        """
        value = self._attributes.get(name)
        if value is not None and value.placeholder:
            raise Unproven("an attribute of the caller's")
        return value

    def number(self, name: str, default: int = 0) -> int:
        """A whole number."""
        value = self.attribute(name)
        return default if value is None else int(value.i)

    def flag(self, name: str, default: bool = False) -> bool:
        """A truth value."""
        value = self.attribute(name)
        return default if value is None else bool(value.b)

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        value = self.attribute(name)
        return default if value is None else value.s.decode("utf-8", "replace")

    def dtype(self, name: str) -> int:
        """A data type's number; 0 where it isn't given."""
        value = self.attribute(name)
        return 0 if value is None else int(value.type)

    def numbers(self, name: str) -> list[int]:
        """A list of whole numbers."""
        value = self.attribute(name)
        return [] if value is None else list(value.list.i)

    def dtypes(self, name: str) -> list[int]:
        """A list of data types."""
        value = self.attribute(name)
        return [] if value is None else list(value.list.type)

    def shape(self, name: str) -> Shape | None:
        """A shape; None where the rank isn't known."""
        value = self.attribute(name)
        return None if value is None else read_shape(value.shape)

    def shapes(self, name: str) -> list[Shape | None]:
        """A list of shapes."""
        value = self.attribute(name)
        return [] if value is None else [read_shape(shape) for shape in value.list.shape]

    def function(self, name: str) -> str:
        """The name of a function of the library."""
        value = self.attribute(name)
        return "" if value is None else str(value.func.name)

    def tensor(self, name: str) -> bytes:
        """A serialized TensorProto."""
        value = self.attribute(name)
        return b"" if value is None else bytes(value.tensor)
