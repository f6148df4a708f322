"""What the server can do, free of any protocol: both APIs are skins over this.

Source of the order of checks and the texts:
tensorflow_serving/servables/tensorflow/predict_util.cc, get_model_status_impl.cc,
get_model_metadata_impl.cc, model_servers/server_core.cc.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from tfdeploy import wire
from tfdeploy.server.batch_queue import Task
from tfdeploy.server.catalog import Catalog, VersionStatus
from tfdeploy.server.configuration import Configuration
from tfdeploy.server.metrics import Metrics, Snapshot, merge_snapshots
from tfdeploy.server.peers import METRICS, RELOAD, STATUSES, NoPeers, Peers
from tfdeploy.server.scheduler import Scheduler
from tfdeploy.server.servable import Servable
from tfdeploy.server.signature import Signature
from tfdeploy.server.status import ServingError, as_serving_error, invalid
from tfdeploy.server.tensor import Tensor
from tfdeploy.server.whole_status import dump_statuses, load_statuses, merge_statuses
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
        peers: Peers | None = None,
    ) -> None:
        self.metrics = metrics
        self._peers = peers or NoPeers()
        self._catalog = catalog
        self._configuration = configuration
        self._scheduler = scheduler
        self.checks_method_names = check_method_name
        self._reloading = asyncio.Lock()

    def take(self, target: Target) -> Servable:
        """The version that a request asks for, held until it is given back.

        Raises:
            ServingError: NOT_FOUND, or INVALID_ARGUMENT for an unknown label.
        """
        version = self._asked_version(target)
        while True:
            servable = self._catalog.find(target.model, version)
            if servable is not None and servable.take():
                return servable
            if servable is None:
                # A reload may have moved the label and dropped its version since it was read.
                asked, version = version, self._asked_version(target)
                if version == asked:
                    raise _not_found(target.model, version)

    def _asked_version(self, target: Target) -> int | None:
        if target.label is None:
            return target.version
        return self._configuration.version_for_label(target.model, target.label)

    @contextlib.contextmanager
    def using(self, target: Target) -> Iterator[Servable]:
        """Hold on to a version for the time of a block; see `take`, which costs less."""
        servable = self.take(target)
        try:
            yield servable
        finally:
            servable.give_back()

    def close(self) -> None:
        """Run nothing more."""
        self._scheduler.close()

    async def statuses(self, model: str, version: int | None) -> list[VersionStatus]:
        """States of one version, or of all that were ever known, the highest first.

        Raises:
            ServingError: NOT_FOUND.
        """
        answers = await self._peers.ask(STATUSES, model, self.answer)
        found = merge_statuses([load_statuses(answer) for answer in answers])
        if version is not None:
            found = [status for status in found if status.version == version]
            if not found:
                raise ServingError(
                    Code.NOT_FOUND, f"Could not find version {version} of model {model}"
                )
        if not found:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {model}")
        return found

    def predict(
        self,
        servable: Servable,
        signature: Signature,
        inputs: dict[str, Tensor],
        outputs: tuple[str, ...],
        timeout_ms: int = 0,
    ) -> Task:
        """Run one signature of a version that the caller holds.

        Args:
            servable: The version.
            signature: One of its signatures.
            inputs: Values by alias, complete.
            outputs: Aliases to return.
            timeout_ms: Time limit of the run; 0 is none.

        Returns:
            A task to await: the outputs in order, or TensorFlow's error.

        Raises:
            ServingError: a check's.
        """
        if self.checks_method_names:
            _check_method_name(signature)
        return self.run(servable, signature, inputs, outputs, timeout_ms, "Predict")

    def run(
        self,
        servable: Servable,
        signature: Signature,
        inputs: dict[str, Tensor],
        outputs: tuple[str, ...],
        timeout_ms: int,
        api: str,
    ) -> Task:
        """As `predict`, whatever the signature's method is, counted for an API."""
        runner = servable.runner(signature, tuple(inputs), outputs, api)
        if runner.latency is None:
            runner.latency = self.metrics.run(servable.name, api)
        return self._scheduler.submit(runner, list(inputs.values()), timeout_ms)

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
        answers = await self._peers.ask(RELOAD, config.SerializeToString(), self.answer)
        for answer in answers:
            if answer["code"] != Code.OK:
                raise ServingError(Code(answer["code"]), answer["message"])

    async def snapshot(self) -> Snapshot:
        """What all processes counted."""
        return merge_snapshots(await self._peers.ask(METRICS, None, self.answer))

    async def answer(self, kind: str, argument: Any) -> Any:
        """What this process alone knows or does; see `peers.Answer`."""
        if kind == STATUSES:
            return dump_statuses(self._catalog.statuses(argument))
        if kind == METRICS:
            return self.metrics.snapshot()
        return await self._answer_reload(wire.ModelServerConfig.FromString(argument))

    async def _answer_reload(self, config: Any) -> Any:
        answer = {"code": int(Code.OK), "message": "", "in_force": False}
        loop = asyncio.get_running_loop()
        finished = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(finished.set)

        try:
            # In the order of their coming, which is the same in every process.
            async with self._reloading:
                watch = await loop.run_in_executor(None, self._configuration.apply, config, wake)
            answer["in_force"] = True
            await finished.wait()
            self._configuration.finish(config, watch, "model")
        except Exception as problem:
            error = as_serving_error(problem)
            answer.update(code=int(error.code), message=error.message)
        return answer


def _not_found(model: str, version: int | None) -> ServingError:
    wanted = f"Latest({model})" if version is None else f"Specific({model}, {version})"
    return ServingError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")


def _check_method_name(signature: Signature) -> None:
    if signature.method_name not in _PREDICT_METHODS:
        raise ServingError(
            Code.INTERNAL,
            "Expected prediction signature method_name to be one of "
            f"{{{', '.join(_PREDICT_METHODS)}}}. Was: {signature.method_name}",
        )
