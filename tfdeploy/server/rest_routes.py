"""REST paths: what a request line asks for.

Source: tensorflow_serving/model_servers/http_rest_api_util.cc (kPredictionApiRegex,
kModelStatusApiRegex, ParseModelInfo). The patterns see the path with its query string, and ignore
case.
"""

import functools
import re
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from tfdeploy.server.hub import Target
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.wire import Code

_INFERENCE: Final = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict)",
    re.IGNORECASE | re.ASCII,
)
_STATUS: Final = re.compile(
    r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(?:/(metadata))?",
    re.IGNORECASE | re.ASCII,
)
_MOST_INT64: Final = 2**63 - 1
_MOST_DIGITS: Final = len(str(_MOST_INT64))
_LONGEST_CACHED_PATH: Final = 512
VERBS: Final = ("predict", "classify", "regress")


class Route(NamedTuple):
    """What a path names: a model and what to do with it (`status`, `metadata` or a verb)."""

    action: str
    target: Target


class BadVersion(ServingError):
    """A version number over int64, which the original answers with an empty body."""


def is_rest_path(path: str) -> bool:
    """Whether a path, query included, belongs to the REST API."""
    return path[:4].lower() == "/v1/"


def _decode(text: str) -> str:
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )


def _target(model: str, version: str | None, label: str | None) -> Target:
    digits = (version or "0").lstrip("0") or "0"
    if len(digits) > _MOST_DIGITS or int(digits) > _MOST_INT64:
        raise BadVersion(Code.INVALID_ARGUMENT, "")
    number = int(digits) if version is not None else None
    return Target(_decode(model), number, _decode(label) if label is not None else None)


def parse_route(method: str, path: str) -> Route:
    """Match a request line.

    Raises:
        ServingError: INVALID_ARGUMENT `Malformed request: METHOD PATH`.
    """
    return (_parse_short if len(path) < _LONGEST_CACHED_PATH else _parse)(method, path)


def _parse(method: str, path: str) -> Route:
    if method == "POST":
        match = _INFERENCE.fullmatch(path)
        if match is not None and match[4] in VERBS:
            return Route(match[4], _target(match[1], match[2], match[3]))
    elif method == "GET":
        match = _STATUS.fullmatch(path)
        if match is not None:
            if not match[1]:
                invalid("Missing model name in request.")
            action = "metadata" if match[4] == "metadata" else "status"
            return Route(action, _target(match[1], match[2], match[3]))
    return invalid(f"Malformed request: {method} {path}")


_parse_short: Final = functools.lru_cache(maxsize=1024)(_parse)
