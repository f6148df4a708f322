"""What the server can do, free of any protocol: both APIs are skins over this.

Source of the order of checks and the texts:
tensorflow_serving/servables/tensorflow/predict_util.cc, get_model_status_impl.cc,
get_model_metadata_impl.cc, model_servers/server_core.cc.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from tfdeploy.server.catalog import Catalog, VersionStatus
from tfdeploy.server.configuration import Configuration
from tfdeploy.server.metrics import Metrics
from tfdeploy.server.scheduler import Feeds, Scheduler
from tfdeploy.server.servable import Servable
from tfdeploy.server.signature import Signature
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.tensor import Tensor
from tfdeploy.wire import Code

_PREDICT_METHODS = (
    "tensorflow/serving/predict",
    "tensorflow/serving/classify",
    "tensorflow/serving/regress",
)


class Target(NamedTuple):
    """Which version a request asks for: a number, a label, or neither for the latest."""

    model: str
    version: int | None = None
    label: str | None = None


class Hub:
    """Finds models and runs them."""

    def __init__(
        self,
        catalog: Catalog,
        configuration: Configuration,
        scheduler: Scheduler,
        metrics: Metrics,
        check_method_name: bool = False,
    ) -> None:
        self.metrics = metrics
        self._catalog = catalog
        self._configuration = configuration
        self._scheduler = scheduler
        self.checks_method_names = check_method_name

    @contextlib.contextmanager
    def using(self, target: Target) -> Iterator[Servable]:
        """Hold on to the version that a request asks for.

        Raises:
            ServingError: NOT_FOUND, or INVALID_ARGUMENT for an unknown label.
        """
        servable = self._take(target)
        try:
            yield servable
        finally:
            servable.give_back()

    def statuses(self, model: str, version: int | None) -> list[VersionStatus]:
        """States of one version, or of all that were ever known, the highest first.

        Raises:
            ServingError: NOT_FOUND.
        """
        found = self._catalog.statuses(model)
        if version is not None:
            found = [status for status in found if status.version == version]
            if not found:
                raise ServingError(
                    Code.NOT_FOUND, f"Could not find version {version} of model {model}"
                )
        if not found:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {model}")
        return found

    async def predict(
        self,
        servable: Servable,
        signature: Signature,
        inputs: dict[str, Tensor],
        outputs: list[str],
        timeout_ms: int = 0,
    ) -> dict[str, Tensor]:
        """Run one signature.

        Args:
            servable: The version, held by the caller.
            signature: One of its signatures.
            inputs: Values by alias, complete.
            outputs: Aliases to return.
            timeout_ms: Time limit of the run; 0 is none.

        Raises:
            ServingError: TensorFlow's, or a check's.
        """
        self._check_method_name(signature)
        feeds = {signature.inputs[alias].tensor_name: value for alias, value in inputs.items()}
        fetches = tuple(signature.outputs[alias].tensor_name for alias in outputs)
        values = await self.run(servable, feeds, fetches, timeout_ms, "Predict")
        return dict(zip(outputs, values, strict=True))

    async def run(
        self,
        servable: Servable,
        feeds: Feeds,
        fetches: tuple[str, ...],
        timeout_ms: int,
        api: str,
    ) -> list[Tensor]:
        """Run part of a graph for an API such as `Predict`; see `Scheduler.run`."""
        started = time.perf_counter()
        outputs = await self._scheduler.run(servable, feeds, fetches, timeout_ms)
        self.metrics.run(servable.name, api).add((time.perf_counter() - started) * 1e6)
        return outputs

    def _check_method_name(self, signature: Signature) -> None:
        if self.checks_method_names and signature.method_name not in _PREDICT_METHODS:
            raise ServingError(
                Code.INTERNAL,
                "Expected prediction signature method_name to be one of "
                f"{{{', '.join(_PREDICT_METHODS)}}}. Was: {signature.method_name}",
            )

    async def reload(self, config: Any) -> None:
        """Replace the configured models, and return once the new ones have an outcome.

        Args:
            config: A ModelServerConfig with a model_config_list.

        Raises:
            ServingError: the config is refused, or a new model failed.
        """
        if config.WhichOneof("config") != "model_config_list":
            invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        loop = asyncio.get_running_loop()
        finished = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(finished.set)

        watch = await loop.run_in_executor(None, self._configuration.apply, config, wake)
        await finished.wait()
        self._configuration.finish(config, watch, "model")

    def _take(self, target: Target) -> Servable:
        version = target.version
        if target.label is not None:
            version = self._configuration.version_for_label(target.model, target.label)
        while True:
            servable = self._catalog.find(target.model, version)
            if servable is None:
                wanted = (
                    f"Latest({target.model})"
                    if version is None
                    else f"Specific({target.model}, {version})"
                )
                raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
            if servable.take():
                return servable
