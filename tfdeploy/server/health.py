"""The standard health service, grpc.health.v1.

Source: tensorflow_serving/model_servers/server.cc names the services; the rest is gRPC's own
(src/cpp/server/health/default_health_check_service.cc). States never change while the server
takes calls: ports open only after the initial load.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from tfdeploy import wire
from tfdeploy.server.status import ServingError
from tfdeploy.wire import Code, ServingStatus

_SERVICES: Final = ("", "ModelService", "PredictionService")


def check(request: Any) -> Any:
    """Answer `Check`.

    Args:
        request: A HealthCheckRequest.

    Raises:
        ServingError: NOT_FOUND for a service that nobody registered.
    """
    if request.service not in _SERVICES:
        raise ServingError(Code.NOT_FOUND, "service name unknown")
    return wire.HealthCheckResponse(status=ServingStatus.SERVING)


class Watches:
    """Answers `Watch`, until the server stops."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Tell all who watch, and hang up: they would never do it, and a drain waits for them."""
        self._stopping.set()

    async def watch(self, raw: bytes, _context: Any) -> AsyncIterator[bytes]:
        """Answer one call: the state now, and then silence until the client or the server ends it.

        Args:
            raw: A serialized HealthCheckRequest.
        """
        known = wire.HealthCheckRequest.FromString(raw).service in _SERVICES
        status = ServingStatus.SERVING if known else ServingStatus.SERVICE_UNKNOWN
        yield wire.HealthCheckResponse(status=status).SerializeToString()
        await self._stopping.wait()
        if known:
            stopping = wire.HealthCheckResponse(status=ServingStatus.NOT_SERVING)
            yield stopping.SerializeToString()
