"""Any text as a config file: a message or a ServingError, and what is written reads back."""

from typing import Any, Final

from google.protobuf import text_format

from tfdeploy import wire
from tfdeploy.server.batching import read_batching
from tfdeploy.server.model_config import updated_labels, validate_model_config_list
from tfdeploy.server.status import ServingError

KINDS: Final = (
    wire.ModelServerConfig,
    wire.BatchingParameters,
    wire.MonitoringConfig,
    wire.SSLConfig,
    wire.ConfigProto,
)


def _validate(message: Any) -> None:
    try:
        if isinstance(message, wire.BatchingParameters):
            read_batching(message)
        elif isinstance(message, wire.ModelServerConfig):
            validate_model_config_list(message.model_config_list, {"m": "tensorflow"})
            updated_labels(message.model_config_list, {}, lambda name, number: False, True)
    except ServingError as error:
        assert error.message
        assert error.grpc_details


def check_text(cls: Any, text: str) -> None:
    """One text as one kind of message."""
    try:
        message = wire.parse_text(cls, text)
    except text_format.ParseError as error:
        assert str(error)
        return
    check_round_trip(message)


def check_round_trip(message: Any) -> None:
    """What is written reads back, and validation has an answer to whatever it says."""
    again = wire.parse_text(type(message), wire.render_text(message))
    assert again.SerializeToString(deterministic=True) == message.SerializeToString(
        deterministic=True
    )
    _validate(message)


def check(data: bytes) -> None:
    """The first byte chooses the message."""
    if not data:
        return
    try:
        text = data[1:].decode("utf-8")
    except UnicodeDecodeError:
        return
    check_text(KINDS[data[0] % len(KINDS)], text)
