"""The standard health service, grpc.health.v1.

Source: tensorflow_serving/model_servers/server.cc names the services; the rest is gRPC's own
(src/cpp/server/health/default_health_check_service.cc). States never change while the server
listens: ports open only after the initial load.
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


async def watch(raw: bytes, _context: Any) -> AsyncIterator[bytes]:
    """Answer `Watch`: the state now, and then silence until the client hangs up.

    Args:
        raw: A serialized HealthCheckRequest.
    """
    known = wire.HealthCheckRequest.FromString(raw).service in _SERVICES
    status = ServingStatus.SERVING if known else ServingStatus.SERVICE_UNKNOWN
    yield wire.HealthCheckResponse(status=status).SerializeToString()
    await asyncio.Event().wait()
