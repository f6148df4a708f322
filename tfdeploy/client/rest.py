"""One HTTP exchange with a model server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from urllib3.exceptions import HTTPError

SHOWN_CHARACTERS = 300


class Unreachable(Exception):
    """Nobody answered at an address.

    A model server opens its ports only after every model of its first config is loaded
    (model_servers/server.cc, BuildAndStart), so at first start this means "loading", not "dead".

    Args:
        address: the URL or host:port that was asked.
        reason: why, in a few words; ``str(error)`` says both.
        timed_out: the connection stood but no answer came in time; what was asked may still
            be at work.
    """

    def __init__(self, address: str, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason
        self.timed_out = timed_out

    def told(self) -> TfdeployError:
        """TFD504, for somebody who asked a server that should be up."""
        return TfdeployError(
            "TFD504",
            f"The server didn't answer: {self.reason}.",
            where=self.address,
            hint="its ports open once its models are loaded; `tfdeploy status` shows them.",
        )


@dataclass(frozen=True)
class Reply:
    """What a server answered: the URL asked, the HTTP status, and the body."""

    url: str
    status: int
    data: bytes

    @property
    def text(self) -> str:
        """The body; bytes that aren't UTF-8 become U+FFFD.

        Needed because string outputs whose alias doesn't end in ``_bytes`` are written raw
        (util/json_tensor.cc).
        """
        return self.data.decode("utf-8", errors="replace")

    def document(self) -> dict[str, object]:
        """The body as a JSON object; NaN and Infinity tokens are taken, as servers send them.

        Raises:
            TfdeployError: TFD506 when it is something else.
        """
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        raise self.strange()

    def error_text(self) -> str:
        """The message of ``{"error": ...}``, or the start of whatever else came."""
        try:
            message = self.document().get("error")
        except TfdeployError:
            message = None
        found = message if isinstance(message, str) and message else self.text.strip()
        return found[:SHOWN_CHARACTERS] or "no message"

    def strange(self) -> TfdeployError:
        """TFD506: this is no model server's answer."""
        start = " ".join(self.text.split())[:80] or "an empty body"
        return TfdeployError(
            "TFD506",
            f"What answered isn't a model server: {start}",
            where=f"{self.url}: HTTP {self.status}",
            hint="check the address: REST is usually port 8501; 8500 is gRPC.",
        )

    def refused(self) -> TfdeployError:
        """TFD502 with the server's own message."""
        return TfdeployError(
            "TFD502",
            self.error_text(),
            where=f"{self.url}: HTTP {self.status}",
            hint=_hint(self.status, self.error_text()),
        )


def model_url(rest_url: str, model: str, *, version: int | None, label: str | None) -> str:
    """``.../v1/models/M``, ``.../versions/N`` or ``.../labels/L``, names percent-encoded.

    Raises:
        TfdeployError: TFD216 when both a version and a label are given.
    """
    if version is not None and label is not None:
        raise TfdeployError(
            "TFD216",
            f"Version {version} and label '{label}' are both given.",
            where=f"model '{model}'",
            hint="give the version or the label.",
        )
    base = rest_url if "://" in rest_url else f"http://{rest_url}"
    url = f"{base.rstrip('/')}/v1/models/{quote(model, safe='')}"
    if version is not None:
        return f"{url}/versions/{version}"
    return url if label is None else f"{url}/labels/{quote(label, safe='')}"


def exchange(method: str, url: str, *, timeout_seconds: float, body: bytes | None = None) -> Reply:
    """Send one request on a connection of its own: no retries, no redirects, no proxy.

    Raises:
        Unreachable: nobody listens, the connection broke, or no answer came in time.
        TfdeployError: TFD216 when ``url`` isn't one.
    """
    import urllib3

    headers = {"Content-Type": "application/json"} if body is not None else None
    timeout = urllib3.Timeout(total=timeout_seconds)
    try:
        with urllib3.PoolManager(retries=False, timeout=timeout, headers=headers) as pool:
            reply = pool.request(method, url, body=body, redirect=False)
    except (urllib3.exceptions.LocationValueError, urllib3.exceptions.URLSchemeUnknown) as error:
        raise TfdeployError(
            "TFD216",
            f"'{url}' isn't an address.",
            where=str(error),
            hint="write it like http://127.0.0.1:8501.",
        ) from error
    except urllib3.exceptions.HTTPError as error:
        raise _unreachable(url, error, timeout_seconds) from error
    return Reply(url, reply.status, reply.data)


def _unreachable(url: str, error: HTTPError, timeout_seconds: float) -> Unreachable:
    from urllib3.exceptions import ReadTimeoutError, TimeoutError

    said = _system_reason(error)
    # A refused connection counts as a timeout in urllib3's family of errors.
    if isinstance(error, TimeoutError) and not said:
        reason = f"no answer within {timeout_seconds:g} s"
        return Unreachable(url, reason, timed_out=isinstance(error, ReadTimeoutError))
    return Unreachable(url, said or str(error))


def _system_reason(error: BaseException | None) -> str | None:
    """The operating system's own words, where they stand below urllib3's errors."""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror.lower()
        error = error.__cause__ or error.__context__
    return None


def _hint(status: int, message: str) -> str:
    if status == 404:
        return "`tfdeploy status` shows which versions are available."
    if "version label" in message:
        return "`tfdeploy status` shows the labels; a label answers once its version is loaded."
    if status in (429, 503):
        return "the server is overloaded or still loading; try again in a moment."
    if status == 504:
        return "raise the server's rest_api_timeout_in_ms, or send fewer rows."
    if status == 400:
        return "`tfdeploy inspect` shows the inputs with their types and shapes."
    return "the server's log says more: `tfdeploy logs`."
