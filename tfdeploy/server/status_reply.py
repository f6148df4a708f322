"""The GetModelStatusResponse that both APIs send."""

from collections.abc import Iterable
from typing import Any

from tfdeploy import wire
from tfdeploy.server.catalog import VersionStatus


def status_response(statuses: Iterable[VersionStatus]) -> Any:
    """A GetModelStatusResponse."""
    reply = wire.GetModelStatusResponse()
    for status in statuses:
        text = status.error.message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        entry = reply.model_version_status.add(version=status.version, state=status.state)
        entry.status.SetInParent()
        entry.status.error_code = status.error.code
        entry.status.error_message = text
    return reply
