"""Send a predict request, or write it as a curl line."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tfdeploy.client.rest import Unreachable, exchange, model_url
from tfdeploy.errors import TfdeployError

# A line that still fits a terminal and every shell's limit on one argument.
INLINE_CHARACTERS = 2000


@dataclass(frozen=True)
class Response:
    """The server's reply.

    Args:
        document: parsed; ``predictions`` for rows, ``outputs`` for columns.
        text: as it came. Not strict JSON where it holds NaN or Infinity.
        elapsed_seconds: from sending to the last byte.
    """

    document: Mapping[str, object]
    text: str
    elapsed_seconds: float


def predict(
    rest_url: str,
    model: str,
    body: Mapping[str, object],
    *,
    version: int | None = None,
    label: str | None = None,
    timeout_seconds: float = 60.0,
) -> Response:
    """POST ``body`` to a model; without version and label to its highest available version.

    The server itself gives up after its ``rest_api_timeout_in_ms``, 30 s by default
    (model_servers/main.cc).

    Raises:
        TfdeployError: TFD502 with the server's own message, TFD504 when no answer came, TFD506
            when something else than a model server answered, TFD216 for a wrong address or for
            a version and a label together.
    """
    url = model_url(rest_url, model, version=version, label=label) + ":predict"
    started = time.monotonic()
    try:
        data = json.dumps(body).encode()
        reply = exchange("POST", url, body=data, timeout_seconds=timeout_seconds)
    except Unreachable as error:
        raise TfdeployError(
            "TFD504",
            f"The server didn't answer: {error.reason}.",
            where=f"POST {url}",
            hint=_no_answer_hint(error),
        ) from error
    if reply.status != 200:
        raise reply.refused()
    return Response(reply.document(), reply.text, time.monotonic() - started)


def curl_line(
    rest_url: str,
    model: str,
    body: Mapping[str, object],
    *,
    version: int | None = None,
    label: str | None = None,
    body_file: str = "-",
) -> str:
    """The same request as one line for a POSIX shell.

    A body longer than 2000 characters isn't written out: the line then reads it from
    ``body_file``, or from standard input, and the caller says what goes there.

    Raises:
        TfdeployError: TFD216 when both a version and a label are given.
    """
    url = model_url(rest_url, model, version=version, label=label) + ":predict"
    data = json.dumps(body)
    if len(data) > INLINE_CHARACTERS:
        data = f"@{body_file}"
    header = "Content-Type: application/json"
    return shlex.join(["curl", "-sS", "-X", "POST", url, "-H", header, "--data", data])


def _no_answer_hint(error: Unreachable) -> str:
    if error.timed_out:
        return "`--timeout SECONDS` waits longer; the first request after a start is the slowest."
    return "a server opens its ports once its models are loaded; `tfdeploy status` shows them."
