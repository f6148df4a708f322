"""Findings in the text of a config file: what the server can't parse, or takes for nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from tfdeploy.lint.configs import ConfigFile
from tfdeploy.lint.finding import Check, Hit
from tfdeploy.lint.textproto import Field, Message, Scalar

_WRAPPERS = {"Int64Value", "StringValue", "BoolValue"}


def _schema(file: ConfigFile) -> Any:
    from tfdeploy import wire

    return wire.message_class(file.message_name).DESCRIPTOR


def _unparsable(file: ConfigFile) -> Iterator[Hit]:
    if file.problem is not None:
        where = file.at(file.problem.line)
        yield Hit(where, f"The server can't parse it: {file.problem}.", "mend that line.")
        return
    if file.tree is None or not file.message_name:
        return
    found = list(_unknown_fields(file, file.tree, _schema(file)))
    yield from found
    # An Any is written with the name of a message that isn't known here.
    expanded = re.search(r"\[\s*type\.googleapis\.com/", file.text)
    if not found and not expanded and not list(_wrapped_wrong(file)):
        yield from _as_protobuf_reads_it(file)


def _unknown_fields(file: ConfigFile, message: Message, schema: Any) -> Iterator[Hit]:
    for field in message.fields:
        known = schema.fields_by_name.get(field.name)
        if known is None:
            if not field.name.startswith("["):
                yield _unknown(file, field, schema)
        elif isinstance(field.value, Message) and known.message_type is not None:
            yield from _unknown_fields(file, field.value, known.message_type)


def _unknown(file: ConfigFile, field: Field, schema: Any) -> Hit:
    names = list(schema.fields_by_name)
    near = difflib.get_close_matches(field.name, names, n=1, cutoff=0.6)
    fix = f"did you mean '{near[0]}'?" if near else f"known there: {', '.join(names) or 'nothing'}."
    if field.name == "config" and schema.name == "ModelServerConfig":
        fix = "put the blocks `config { ... }` into `model_config_list { ... }`."
    message = f"There is no field '{field.name}' in {schema.name}."
    return Hit(file.at(field.line), message, fix)


def _as_protobuf_reads_it(file: ConfigFile) -> Iterator[Hit]:
    """Whatever else protobuf's own parser refuses: doubled fields, values of a wrong kind."""
    from google.protobuf.text_format import ParseError

    from tfdeploy import wire

    try:
        wire.parse_text(wire.message_class(file.message_name), file.text)
    except ParseError as error:
        text = re.sub(r"tfdeploy\.wire\.", "", str(error))
        at = re.match(r"(\d+):\d+ ?: ?", text)
        line = int(at[1]) if at else 1
        reason = text[at.end() :] if at else text
        yield Hit(
            file.at(line), f"The server can't parse it: {reason.rstrip('.')}.", "mend that line."
        )


def _wrapped_wrong(file: ConfigFile) -> Iterator[Hit]:
    if file.tree is not None and file.message_name:
        yield from _wrappers(file, file.tree, _schema(file))


def _wrappers(file: ConfigFile, message: Message, schema: Any) -> Iterator[Hit]:
    for field in message.fields:
        known = schema.fields_by_name.get(field.name)
        inner = known.message_type if known is not None else None
        if inner is not None and inner.name in _WRAPPERS and isinstance(field.value, Scalar):
            value = f'"{field.value.text}"' if field.value.quoted else field.value.text
            what = f"'{field.name}' is a wrapped value."
            yield Hit(file.at(field.line), what, f"write {field.name} {{ value: {value} }}.")
        elif known is not None and inner is None and isinstance(field.value, Message):
            what = f"'{field.name}' is a plain value, not a wrapped one."
            value = field.value.text("value") or "VALUE"
            yield Hit(file.at(field.line), what, f"write {field.name}: {value}.")
        elif inner is not None and isinstance(field.value, Message):
            yield from _wrappers(file, field.value, inner)


SYNTAX_CHECKS: tuple[Check[ConfigFile], ...] = (
    Check("TFD273", "error", "the server ends at its start.", _unparsable),
    Check("TFD282", "error", "the server ends at its start.", _wrapped_wrong),
)
