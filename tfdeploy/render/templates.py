"""The Jinja2 side: where templates are looked up, and one quoting filter per grammar."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from tfdeploy.errors import TfdeployError
from tfdeploy.stack.lines import yaml_word


def bundled_folder() -> Path:
    """The templates that ship with tfdeploy: inside the wheel, or in the source tree."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_templates"
    return inside if inside.is_dir() else package.parent / "templates"


def quote_compose(value: object) -> str:
    """A YAML scalar, as a JSON string is one; Compose takes ``$`` for a variable, not ``$$``."""
    text = json.dumps(value if isinstance(value, int | float) else str(value))
    # JSON writes what lies above U+FFFF as two halves, which YAML doesn't put together.
    whole = re.sub(r"(?<!\\)((?:\\\\)*)\\u(d[89ab]..)\\u(d[c-f]..)", _long_escape, text)
    return whole.replace("$", "$$")


def _long_escape(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return f"{match[1]}\\U{0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00:08x}"


def quote_textproto(value: object) -> str:
    """A string of protobuf's text format; control characters are three octal digits."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    escaped = re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\{ord(match[0]):03o}", escaped)
    return f'"{escaped}"'


def quote_regex(value: object) -> str:
    """A text that a regular expression of nginx takes as it is."""
    return re.escape(str(value))


class Templates:
    """Templates by name: ``--templates DIR`` first, then the stack's own, then the bundled.

    An override may extend the one it replaces: ``{% extends "bundled/compose.yaml.j2" %}``.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        bundled = jinja2.FileSystemLoader(bundled_folder())
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(
                [
                    *(jinja2.FileSystemLoader(folder) for folder in folders),
                    bundled,
                    jinja2.PrefixLoader({"bundled": bundled}),
                ]
            ),
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701 - YAML, text protos and shell, each with its own filter
        )
        self._environment.filters["compose"] = quote_compose
        self._environment.filters["yaml"] = yaml_word
        self._environment.filters["textproto"] = quote_textproto
        self._environment.filters["regex"] = quote_regex

    def render(self, name: str, **values: Any) -> str:
        """Render ``NAME.j2``.

        Raises:
            TfdeployError: TFD209 with the template's file and line.
        """
        try:
            return self._environment.get_template(f"{name}.j2").render(**values)
        except jinja2.TemplateSyntaxError as error:
            raise _failed(name, f"{error.filename}:{error.lineno}", str(error.message)) from error
        except jinja2.TemplateError as error:
            raise _failed(name, f"{name}.j2", str(error)) from error
        except Exception as error:
            # An override may do anything: 1 / 0, a file that isn't UTF-8.
            why = f"{type(error).__name__}: {error}"
            raise _failed(name, f"{name}.j2", why) from error


def _failed(name: str, where: str, why: str) -> TfdeployError:
    return TfdeployError(
        "TFD209",
        f"The template of {name} can't be rendered: {why}.",
        where=where,
        hint='an override can extend the bundled one: {% extends "bundled/' + name + '.j2" %}.',
    )
