"""Opening the ports once the models are there, and closing them again on a signal."""

import asyncio
import gc
import signal
from typing import Any

from tfdeploy import wire
from tfdeploy.server import log
from tfdeploy.server.config_files import load_text_proto
from tfdeploy.server.flags import Flags
from tfdeploy.server.grpc_api import GrpcApi
from tfdeploy.server.grpc_server import start_grpc_server
from tfdeploy.server.health import Watches
from tfdeploy.server.http_server import HttpProtocol, start_http_server
from tfdeploy.server.hub import Hub
from tfdeploy.server.peers import Link
from tfdeploy.server.rest_api import RestApi, RestOptions
from tfdeploy.server.scheduler import Scheduler
from tfdeploy.server.startup import Models
from tfdeploy.server.status import ServingError

_DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"
_DRAIN_STEP_SECONDS = 0.05


def _metrics_path(flags: Flags) -> str | None:
    if not flags.monitoring_config_file:
        return None
    config = load_text_proto(
        flags.monitoring_config_file, wire.MonitoringConfig, "tensorflow.serving.MonitoringConfig"
    ).prometheus_config
    return (config.path or _DEFAULT_METRICS_PATH) if config.enable else None


class Ports:
    """What listens, so that it can be closed."""

    def __init__(self) -> None:
        self.grpc: Any = None
        self.http: asyncio.Server | None = None
        self.connections: set[HttpProtocol] = set()
        self.watches: Watches | None = None

    async def open_rest(self, flags: Flags, hub: Hub) -> None:
        """Open the REST port. Whatever goes wrong, gRPC goes on without it, as in the original."""
        if not flags.rest_api_port:
            return
        if flags.rest_api_port == flags.port:
            log.error(
                "server_options.http_port cannot be same as grpc_port. "
                f"Please use a different port for HTTP/REST API. Skipped exporting HTTP/REST API. "
                f"port: {flags.port}"
            )
            return
        try:
            options = RestOptions(
                max(flags.rest_api_timeout_in_ms, 0),
                flags.rest_api_enable_cors_support,
                _metrics_path(flags),
            )
            handle = RestApi(hub, options).handle
            self.http, self.connections = await start_http_server(
                handle, flags.rest_api_port % 65536, flags.workers > 1
            )
        except ServingError as error:
            log.error(f"The REST API stays closed: {error}")
        except OSError as error:
            log.error(f"Failed to start HTTP Server at localhost:{flags.rest_api_port}: {error}")
        else:
            log.info(f"Exporting HTTP/REST API at:localhost:{flags.rest_api_port} ...")

    async def close(self, drain_seconds: float) -> None:
        """Take no new connections; let requests finish for some time if asked to."""
        if self.http is not None:
            self.http.close()
        if drain_seconds > 0:
            await self._drain(drain_seconds)
        if self.grpc is not None:
            await self.grpc.stop(None)

    async def _drain(self, seconds: float) -> None:
        if self.watches is not None:
            self.watches.stop()
        for connection in list(self.connections):
            connection.finish()
        grpc_done = asyncio.ensure_future(self.grpc.stop(seconds))
        for _ in range(int(seconds / _DRAIN_STEP_SECONDS)):
            if grpc_done.done() and not self.connections:
                break
            await asyncio.sleep(_DRAIN_STEP_SECONDS)
        grpc_done.cancel()


def _rest_the_collector() -> None:
    """Let Python's garbage collector look at what requests leave, rarely, and never at the rest.

    A plain request makes no cycles. Left alone it would look for them every few requests, and in
    all that was imported and loaded too.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


async def serve(flags: Flags, models: Models, link: Link | None = None) -> int:
    """Load, open the ports, and serve until a signal.

    Args:
        flags: The command line.
        models: What to serve.
        link: The line to the supervisor, connected, when there are other workers.

    Returns:
        The number of the signal.

    Raises:
        ServingError: the server can't start.
    """
    stopped = asyncio.Event()
    caught: list[int] = []

    def on_signal(number: int) -> None:
        caught.append(number)
        stopped.set()

    ports = Ports()
    loop = asyncio.get_running_loop()
    await models.load()
    _rest_the_collector()
    scheduler = Scheduler(flags.rest_api_num_threads, models.metrics)
    hub = Hub(
        models.catalog,
        models.configuration,
        scheduler,
        models.metrics,
        flags.enable_signature_method_name_check,
        link,
    )
    if link is not None:
        link.serve(hub.answer)
        await link.wait_until_all_are_loaded()
    api = GrpcApi(
        hub, flags.enable_serialization_as_tensor_content, flags.enable_grpc_healthcheck_service
    )
    ports.watches = api.watches
    ports.grpc = await start_grpc_server(flags, api)
    await ports.open_rest(flags, hub)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    await stopped.wait()
    log.info(f"Stopping on {signal.Signals(caught[0]).name}")
    models.stop()
    await ports.close(flags.drain_seconds)
    scheduler.close()
    return caught[0]
