"""What a server's log says about why it failed. Pure: lines in, a sentence out."""

from __future__ import annotations

import re
from collections.abc import Iterable

# The decisive lines, most telling first
# (tensorflow_serving/model_servers/main.cc, core/loader_harness.cc, util/retrier.cc,
# sources/storage_path/file_system_storage_path_source.cc, model_servers/server.cc).
_PATTERNS = (
    r"Servable:? \{name: (?P<model>.+?) version: (?P<version>-?\d+)\} cannot be loaded: "
    r"(?P<why>.+)",
    r"Loading servable: \{name: (?P<model>.+?) version: (?P<version>-?\d+)\} failed: (?P<why>.+)",
    r"Failed to start server\. Error: (?P<why>.+)",
    r"(?P<why>Could not find base path .+)",
    r"(?P<why>No versions of servable .+)",
    r"(?P<why>No specific versions requested for servable .+)",
    r"(?P<why>Failed to start HTTP Server .+)",
    r"(?P<why>.*Address already in use.*)",
    r"(?P<why>unknown argument: .+)",
    r"(?P<why>(?:[A-Za-z_.]+Error|KeyboardInterrupt)(?:: .*)?)$",
)


def reason(lines: Iterable[str], model: str | None = None) -> str:
    """The sentence that explains a failure best; empty when no known line is there.

    With ``model``, a line about another model is no explanation.
    """
    kept = [line.strip() for line in lines if line.strip()]
    for pattern in _PATTERNS:
        # The last one counts: the log of an earlier try may stand above.
        for line in reversed(kept):
            match = re.search(pattern, line)
            if match is None or not _about(match, model):
                continue
            return _sentence(match)
    return ""


def _about(match: re.Match[str], model: str | None) -> bool:
    named = match.groupdict().get("model")
    return model is None or named is None or named == model


def _sentence(match: re.Match[str]) -> str:
    parts = match.groupdict()
    why = parts["why"].split("\\n")[0].strip()
    if parts.get("model"):
        return f"{parts['model']} {parts['version']}: {why}"
    return why
