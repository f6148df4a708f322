"""Which version a label answers with."""

from __future__ import annotations

from tfdeploy.client.rest import exchange, model_url
from tfdeploy.errors import TfdeployError


def get_label_version(
    rest_url: str, model: str, label: str, timeout_seconds: float = 5.0
) -> int | None:
    """The version that requests to a label reach; None while the server doesn't know the label.

    Status ignores labels, metadata honours them
    (tensorflow_serving/model_servers/http_rest_api_handler.cc).

    Raises:
        Unreachable: nobody answered.
    """
    url = model_url(rest_url, model, version=None, label=label)
    reply = exchange("GET", f"{url}/metadata", timeout_seconds=timeout_seconds)
    if reply.status != 200:
        return None
    try:
        spec = reply.document().get("model_spec")
    except TfdeployError:
        return None
    version = spec.get("version") if isinstance(spec, dict) else None
    return int(version) if version is not None else None
