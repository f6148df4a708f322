"""Messages of any class of `tfdeploy.wire`, for hypothesis."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from hypothesis import strategies as st

from tfdeploy import wire

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    Field.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1) | st.integers(-2, 2),
    Field.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2),
    Field.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    Field.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    Field.CPPTYPE_FLOAT: st.floats(width=32),
    Field.CPPTYPE_DOUBLE: st.floats(),
    Field.CPPTYPE_BOOL: st.booleans(),
    Field.CPPTYPE_ENUM: st.integers(-(2**31), 2**31 - 1) | st.integers(0, 3),
}


def _value(field: Any) -> st.SearchStrategy[Any]:
    if field.cpp_type == Field.CPPTYPE_STRING:
        return st.binary(max_size=6) if field.type == Field.TYPE_BYTES else _TEXT
    return _SCALARS[field.cpp_type]


def _is_map(field: Any) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _fill_map(draw: Any, message: Any, field: Any) -> None:
    key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
    entries = getattr(message, field.name)
    for name in draw(st.lists(_value(key), max_size=2)):
        if value.message_type is None:
            entries[name] = draw(_value(value))
        else:
            entries[name].CopyFrom(draw(messages(wire.message_class(value.message_type.name))))


def _fill(draw: Any, message: Any, field: Any) -> None:
    if _is_map(field):
        _fill_map(draw, message, field)
    elif field.message_type is not None:
        inner = messages(wire.message_class(field.message_type.name))
        if field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(inner, max_size=2)))
        else:
            getattr(message, field.name).CopyFrom(draw(inner))
    elif field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(_value(field), max_size=3)))
    else:
        setattr(message, field.name, draw(_value(field)))


@st.composite
def messages(draw: st.DrawFn, cls: Any) -> Any:
    """A message with some of its fields set, at any depth."""
    message = cls()
    for field in cls.DESCRIPTOR.fields:
        if draw(st.booleans()):
            _fill(draw, message, field)
    return message
