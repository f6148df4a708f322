"""What a server says about its models: versions with their states, and signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfdeploy.client.rest import Reply, Unreachable, exchange, model_url
from tfdeploy.savedmodel import Signature, TensorInfo

__all__ = [
    "Unreachable",
    "VersionStatus",
    "get_metadata",
    "get_status",
    "parse_metadata",
    "parse_status",
]

DTYPES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16"}


@dataclass(frozen=True)
class VersionStatus:
    """One version of a model on a server.

    Args:
        version: the version folder's number.
        state: START, LOADING, AVAILABLE, UNLOADING or END (apis/get_model_status.proto). END
            stands for "unloaded" with error code OK, for "failed" with any other; it is kept
            for the life of the server, also for models that the config no longer names.
        error_code: a name such as OK or NOT_FOUND.
        error_message: the server's own words; empty when nothing is wrong.
    """

    version: int
    state: str
    error_code: str
    error_message: str

    @property
    def available(self) -> bool:
        """The server answers requests for this version."""
        return self.state == "AVAILABLE"

    @property
    def failed(self) -> bool:
        """The version won't become available: its load ended with an error."""
        return self.state == "END" and self.error_code not in ("", "OK")


def get_status(rest_url: str, model: str, timeout_seconds: float = 5.0) -> list[VersionStatus]:
    """Every version of ``model`` that the server knows of, highest first.

    An unknown model is an empty list: the server answers 404 for it.

    Raises:
        Unreachable: nobody listens, or no answer came in time.
        TfdeployError: TFD502 when the server refused, TFD506 when it is no model server.
    """
    url = model_url(rest_url, model, version=None, label=None)
    reply = exchange("GET", url, timeout_seconds=timeout_seconds)
    if reply.status == 404 and "error" in reply.document():
        return []
    return parse_status(_accepted(reply))


def parse_status(reply: Reply) -> list[VersionStatus]:
    """The versions in a status document, highest first.

    Raises:
        TfdeployError: TFD506 when the document has another form.
    """
    try:
        found = [_version(entry) for entry in _items(reply.document()["model_version_status"])]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise reply.strange() from error
    return sorted(found, key=lambda one: one.version, reverse=True)


def get_metadata(
    rest_url: str,
    model: str,
    *,
    version: int | None = None,
    label: str | None = None,
    timeout_seconds: float = 5.0,
) -> dict[str, Signature]:
    """The signatures of a loaded version by name; of the highest one without version and label.

    Raises:
        Unreachable: nobody listens, or no answer came in time.
        TfdeployError: TFD502 when the server refused (404: that version isn't loaded), TFD506
            when it is no model server.
    """
    url = model_url(rest_url, model, version=version, label=label) + "/metadata"
    return parse_metadata(_accepted(exchange("GET", url, timeout_seconds=timeout_seconds)))


def parse_metadata(reply: Reply) -> dict[str, Signature]:
    """The signatures in a metadata document, which nests ``signature_def`` twice.

    ``__saved_model_init_op``, which TensorFlow 2 exports carry, can't be called and is left out.

    Raises:
        TfdeployError: TFD506 when the document has another form.
    """
    document: Any = reply.document()
    try:
        found = document["metadata"]["signature_def"]["signature_def"]
        return {
            name: _signature(name, entry)
            for name, entry in found.items()
            if not name.startswith("__saved_model")
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise reply.strange() from error


def _accepted(reply: Reply) -> Reply:
    if reply.status == 200:
        return reply
    reply.document()
    raise reply.refused()


def _items(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _version(entry: Mapping[str, Any]) -> VersionStatus:
    status = entry.get("status", {})
    return VersionStatus(
        version=int(entry["version"]),
        state=entry["state"],
        error_code=status.get("error_code", "OK"),
        error_message=status.get("error_message", ""),
    )


def _signature(name: str, entry: Mapping[str, Any]) -> Signature:
    return Signature(
        name=name,
        inputs={alias: _tensor(alias, info) for alias, info in entry.get("inputs", {}).items()},
        outputs={alias: _tensor(alias, info) for alias, info in entry.get("outputs", {}).items()},
        method_name=entry.get("method_name", ""),
    )


def _tensor(alias: str, info: Mapping[str, Any]) -> TensorInfo:
    dtype = info["dtype"]
    return TensorInfo(
        alias=alias,
        tensor_name=info.get("name", ""),
        dtype=DTYPES.get(dtype, dtype.removeprefix("DT_").lower()),
        shape=_shape(info.get("tensor_shape", {})),
    )


def _shape(shape: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    if shape.get("unknown_rank", False):
        return None
    sizes = [int(dim.get("size", 0)) for dim in shape.get("dim", [])]
    return tuple(None if size < 0 else size for size in sizes)
