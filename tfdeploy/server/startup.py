"""From flags to a running server, in the original's order.

Source: tensorflow_serving/model_servers/server.cc: BuildAndStart. Models first, then gRPC, then
REST: an open port means that the initial load succeeded.
"""

import asyncio
import functools
import os
import threading
from typing import Any

from tfdeploy import wire
from tfdeploy.server import log
from tfdeploy.server.catalog import Catalog
from tfdeploy.server.config_files import load_text_proto
from tfdeploy.server.configuration import Configuration
from tfdeploy.server.engine import create_engine
from tfdeploy.server.flags import Flags, unused_flags
from tfdeploy.server.hub import Hub
from tfdeploy.server.lifecycle import Lifecycle, RetryPolicy
from tfdeploy.server.loading import Loader
from tfdeploy.server.metrics import Metrics
from tfdeploy.server.model_config import single_model_config
from tfdeploy.server.platform import check_thread_pool_factory, read_platform
from tfdeploy.server.rows import independent_signatures
from tfdeploy.server.scheduler import Scheduler
from tfdeploy.server.source import Source
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.warmup import warm_up
from tfdeploy.server.xla import disable_xla_compilation

# Runs wait here for each other only when several models warm up at the same time.
_WARMUP_THREADS = 4


def read_model_config(path: str) -> Any:
    """The ModelServerConfig in a file; see `config_files.load_text_proto`."""
    return load_text_proto(path, wire.ModelServerConfig, "tensorflow.serving.ModelServerConfig")


def _initial_config(flags: Flags) -> Any:
    if flags.model_config_file:
        return read_model_config(flags.model_config_file)
    if not flags.model_base_path:
        invalid(
            "Both server_options.model_base_path and server_options.model_config_file are empty!"
        )
    return single_model_config(flags.model_name, flags.model_base_path)


def _check_unsupported(flags: Flags) -> None:
    for name, reason in unused_flags(flags).items():
        log.warning(f"--{name} has no effect in this server: {reason}")
    if flags.thread_pool_factory_config_file:
        check_thread_pool_factory(flags.thread_pool_factory_config_file)
    if flags.use_alts_credentials and flags.ssl_config_file:
        invalid("Either use_alts_credentials must be false or ssl_config_file must be empty.")
    if flags.rest_api_num_threads <= 0:
        invalid(f"--rest_api_num_threads must be positive; was {flags.rest_api_num_threads}")
    if flags.port == 0 and not flags.grpc_socket_path:
        invalid("At least one of server_options.grpc_port or grpc_socket_path must be set.")


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)


class Models:
    """The models of one server: what loads them, finds them and watches their files."""

    def __init__(self, flags: Flags) -> None:
        """Read all files that flags name.

        Raises:
            ServingError: with the text to print before the server gives up.
        """
        self._flags = flags
        self._config = _initial_config(flags)
        _check_unsupported(flags)
        self._platform = read_platform(flags)
        self.catalog = Catalog()
        self.metrics = Metrics()
        interval = flags.load_retry_interval_micros / 1e6
        retry = RetryPolicy(flags.max_num_load_retries, interval)
        self._lifecycle = Lifecycle(self.catalog, retry)
        self._source = Source(self._lifecycle, flags.file_system_poll_wait_seconds)
        self.configuration = Configuration(
            self.catalog,
            self._source,
            flags.allow_version_labels_for_unavailable_models,
            self._platform.name,
        )
        self._stopped = threading.Event()

    async def load(self) -> None:
        """Load everything that is configured; with a base path that never comes, wait for ever.

        Raises:
            ServingError: the config is refused, or a model failed after all retries.
        """
        loop = asyncio.get_running_loop()
        finished = asyncio.Event()
        watch = self.configuration.apply(self._config, functools.partial(_wake, loop, finished))
        # Only now: a config that is refused should not cost the loading of TensorFlow.
        loader = self._loader()
        # The initial load is parallel whatever the flags say (core/load_servables_fast.cc).
        self._lifecycle.start(loader.load, 4 * (os.cpu_count() or 1))
        self._source.start()
        await finished.wait()
        self.configuration.finish(self._config, watch, "servable")
        self._lifecycle.set_load_threads(self._flags.num_load_threads)
        if self._flags.model_config_file_poll_wait_seconds > 0 and self._flags.model_config_file:
            threading.Thread(target=self._poll_config, name="config", daemon=True).start()

    def stop(self) -> None:
        """Start nothing more."""
        self._stopped.set()
        self._source.stop()
        self._lifecycle.stop()

    def _loader(self) -> Loader:
        flags, platform = self._flags, self._platform
        engine = create_engine(flags.engine)
        if not flags.xla_cpu_compilation_enabled and not flags.xla_gpu_compilation_enabled:
            disable_xla_compilation()
        warmer = functools.partial(
            warm_up,
            iterations=platform.warmup_iterations,
            make_hub=self._warmup_hub,
            loads=self.metrics.loads,
        )
        return Loader(
            engine=engine,
            tags=platform.tags,
            session_config=platform.session_config,
            batching=platform.batching,
            per_model_batching=platform.per_model_batching,
            loads=self.metrics.loads,
            find_independent=independent_signatures if flags.join_requests else None,
            workers=flags.workers,
            warm_up=warmer if platform.warms_up else None,
        )

    def _warmup_hub(self) -> Hub:
        """Runs warm-up requests as the hub of the server runs those of clients."""
        metrics = Metrics()  # warm-up requests are counted apart from those of clients
        return Hub(
            self.catalog,
            self.configuration,
            Scheduler(_WARMUP_THREADS, metrics),
            metrics,
            self._flags.enable_signature_method_name_check,
        )

    def _poll_config(self) -> None:
        while not self._stopped.is_set():
            # Else a reload between the reading and the applying would be undone until the next.
            with self.configuration.changing():
                self._read_and_apply()
            self._stopped.wait(self._flags.model_config_file_poll_wait_seconds)

    def _read_and_apply(self) -> None:
        try:
            config = read_model_config(self._flags.model_config_file)
        except ServingError as error:
            log.error(f"Failed to read ModelServerConfig file: {error}")
        else:
            self._reload_polled(config)

    def _reload_polled(self, config: Any) -> None:
        try:
            self.configuration.apply(config)
        except ServingError as error:
            log.error(f"PollFilesystemAndReloadConfig failed to ReloadConfig: {error}")
