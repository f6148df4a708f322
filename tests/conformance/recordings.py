"""The recorded cases: loading them and filling placeholders."""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DATA = HERE / "data"

Case = dict[str, Any]


@cache
def setups() -> dict[str, Any]:
    """Server set-ups by name: flags, files, models that must be available."""
    loaded: dict[str, Any] = json.loads((DATA / "setups.json").read_text("utf-8"))
    return loaded


@cache
def cases() -> dict[str, Case]:
    """All cases by id."""
    lines = [
        line
        for file in sorted((DATA / "cases").glob("*.jsonl"))
        for line in file.read_text("utf-8").split("\n")
        if line.strip()
    ]
    return {case["id"]: case for case in map(json.loads, lines)}


class Places:
    """Maps placeholders such as `{MODELS}` to the paths and ports of one run, both ways."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = {name: str(value) for name, value in values.items()}

    def fill(self, value: Any) -> Any:
        """Put the run's values for placeholders, at any depth."""
        if isinstance(value, str):
            for name, text in self._values.items():
                value = value.replace(f"{{{name}}}", text)
            return value
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        return value

    def scrub(self, value: Any) -> Any:
        """Put placeholders for the run's values, at any depth."""
        if isinstance(value, str):
            for name, text in sorted(self._values.items(), key=lambda pair: -len(pair[1])):
                if name.endswith("PORT"):
                    value = re.sub(rf"(?<![0-9]){text}(?![0-9])", f"{{{name}}}", value)
                else:
                    value = value.replace(text, f"{{{name}}}")
            return value
        if isinstance(value, list):
            return [self.scrub(item) for item in value]
        if isinstance(value, dict):
            return {key: self.scrub(item) for key, item in value.items()}
        return value


def request_body(request: Mapping[str, Any]) -> bytes | None:
    """The bytes that a REST request sends."""
    if "body_b64" in request:
        return base64.b64decode(request["body_b64"])
    if "body_gen" in request:
        _, prefix, unit, separator, count, suffix = request["body_gen"]
        body = (prefix + separator.join([unit] * count) + suffix).encode()
    elif request.get("body") is None:
        return None
    else:
        given = request["body"]
        body = (given if isinstance(given, str) else json.dumps(given)).encode()
    return gzip.compress(body, mtime=0) if request.get("gzip") else body
