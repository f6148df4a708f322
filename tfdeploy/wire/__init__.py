"""Protobuf messages of TensorFlow Serving, built at run time in a package name of our own.

They are wire-compatible with TensorFlow's and TensorFlow Serving's by field number, and text files
written with them are read by `tensorflow_model_server`. They live in a private descriptor pool, so
they coexist with the real ones in one process, and nothing here imports tensorflow or grpc.
"""

import re
from typing import Any, Final, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.message import Message

from tfdeploy.wire.messages import (
    ENUMS,
    MESSAGES,
    Code,
    DataType,
    ModelType,
    ServingStatus,
    State,
)

__all__ = [
    "Code",
    "DataType",
    "ModelType",
    "ServingStatus",
    "State",
    "message_class",
    "parse_text",
    "render_text",
]

PACKAGE: Final = "tfdeploy.wire"

PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
CLASSIFY: Final = "/tensorflow.serving.PredictionService/Classify"
REGRESS: Final = "/tensorflow.serving.PredictionService/Regress"
MULTI_INFERENCE: Final = "/tensorflow.serving.PredictionService/MultiInference"
GET_MODEL_METADATA: Final = "/tensorflow.serving.PredictionService/GetModelMetadata"
GET_MODEL_STATUS: Final = "/tensorflow.serving.ModelService/GetModelStatus"
RELOAD_CONFIG: Final = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"
HEALTH_WATCH: Final = "/grpc.health.v1.Health/Watch"

SIGNATURE_DEF_MAP_URL: Final = "type.googleapis.com/tensorflow.serving.SignatureDefMap"

_FIELD = re.compile(r"(?:(\w+) \| )?(repeated )?(map<(\w+), (\w+)>|[\w.]+) (\w+) = (\d+)")
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = frozenset(_Field.Type.keys())
M = TypeVar("M", bound=Message)


def _full_name(name: str) -> str:
    """Names with a dot are full ones: protobuf knows these messages by them."""
    return name if "." in name else f"{PACKAGE}.{name}"


def _set_type(field: Any, word: str) -> None:
    scalar = f"TYPE_{word.upper()}"
    if scalar in _SCALARS:
        field.type = _Field.Type.Value(scalar)
    elif word in MESSAGES:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_full_name(word)}"
    else:
        # Enum values share their parent's scope, so each enum gets a message of its own to live in.
        field.type, field.type_name = _Field.TYPE_ENUM, f".{PACKAGE}.{word}Holder.{word}"


def _map_entry(message: Any, name: str, key: str, value: str) -> str:
    entry = message.nested_type.add(name=name.title().replace("_", "") + "Entry")
    entry.options.map_entry = True
    for number, (label, word) in enumerate((("key", key), ("value", value)), start=1):
        field = entry.field.add(name=label, number=number, label=_Field.LABEL_OPTIONAL)
        _set_type(field, word)
    return f".{PACKAGE}.{message.name}.{entry.name}"


def _add_field(message: Any, text: str, oneofs: dict[str, int]) -> None:
    match = _FIELD.fullmatch(text)
    if match is None:
        raise ValueError(f"not a field: {text!r}")
    oneof, repeated, word, key, value, name, number = match.groups()
    field = message.field.add(name=name, number=int(number), json_name=name)
    field.label = _Field.LABEL_REPEATED if repeated or key else _Field.LABEL_OPTIONAL
    if key:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = _map_entry(message, name, key, value)
    else:
        _set_type(field, word)
    if oneof:
        if oneof not in oneofs:
            oneofs[oneof] = len(oneofs)
            message.oneof_decl.add(name=oneof)
        field.oneof_index = oneofs[oneof]


def _fill_message(message: Any, body: str) -> None:
    oneofs: dict[str, int] = {}
    for line in re.split(r"[;\n]", body):
        if line.strip():
            _add_field(message, line.strip(), oneofs)


def _new_file(package: str, *needs: str) -> Any:
    return descriptor_pb2.FileDescriptorProto(
        name=f"tfdeploy/{package}.proto",
        package=package,
        syntax="proto3",
        dependency=[f"tfdeploy/{need}.proto" for need in needs],
    )


def _build_pool() -> descriptor_pool.DescriptorPool:
    # In the order of their dependencies.
    files = {
        "google.protobuf": _new_file("google.protobuf"),
        PACKAGE: _new_file(PACKAGE, "google.protobuf"),
        "tensorflow.serving": _new_file("tensorflow.serving", PACKAGE),
    }
    for kind in ENUMS:
        holder = files[PACKAGE].message_type.add(name=kind.__name__ + "Holder")
        enum_type = holder.enum_type.add(name=kind.__name__)
        for member in kind:
            enum_type.value.add(name=member.name, number=member.value)
    for name, body in MESSAGES.items():
        package, _, last = _full_name(name).rpartition(".")
        _fill_message(files[package].message_type.add(name=last), body)
    pool = descriptor_pool.DescriptorPool()
    for file in files.values():
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _build_pool()


def message_class(name: str) -> Any:
    """The class of one message of the table above, for example `message_class("ModelSpec")`."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(_full_name(name)))


def parse_text(cls: type[M], text: str, *, allow_unknown: bool = False) -> M:
    """Read protobuf text format.

    Args:
        cls: the message's class.
        text: the message.
        allow_unknown: step over fields that the class doesn't have.

    Raises:
        google.protobuf.text_format.ParseError: with `line:column : reason`.
    """
    try:
        return text_format.Parse(
            text, cls(), allow_unknown_field=allow_unknown, descriptor_pool=_POOL
        )
    except (ValueError, RecursionError) as error:
        # protobuf lets some of its own through: an enum's number over int32, endless nesting.
        raise text_format.ParseError(str(error)) from None


def render_text(message: Message) -> str:
    """Write protobuf text format, one field a line, non-ASCII kept readable."""
    return text_format.MessageToString(message, as_utf8=True)


def __getattr__(name: str) -> Any:
    """Message classes are made on first use, `wire.PredictRequest`, and kept."""
    if name not in MESSAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    cls = message_class(name)
    globals()[name] = cls
    return cls
