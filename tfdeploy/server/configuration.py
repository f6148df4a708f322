"""Which models are configured, and how a new config replaces the old one.

Source: tensorflow_serving/model_servers/server_core.cc (ReloadConfig,
AddModelsViaModelConfigList). Unlike there, a refused config leaves no trace, and a reload that
waits for a model which never comes does not hold up later ones.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tfdeploy.server import log
from tfdeploy.server.catalog import Catalog, Watch
from tfdeploy.server.model_config import (
    PLATFORM,
    Labels,
    supported_platforms,
    updated_labels,
    validate_model_config_list,
)
from tfdeploy.server.source import Source
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.wire import Code


class Configuration:
    """The models and labels in force. Any thread may apply a new config."""

    def __init__(
        self,
        catalog: Catalog,
        source: Source,
        allow_unavailable_labels: bool,
        platform: str = PLATFORM,
    ) -> None:
        self._catalog = catalog
        self._source = source
        self._allow_unavailable_labels = allow_unavailable_labels
        self._platform = platform
        self._lock = threading.RLock()
        self._platforms: dict[str, str] = {}
        self._labels: Labels | None = None  # none was ever in force

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other threads from applying a config until the block ends.

        What was read inside can then be applied inside: nothing newer was in force meanwhile, that
        it would undo.
        """
        with self._lock:
            yield

    def apply(self, config: Any, on_done: Callable[[], None] | None = None) -> Watch:
        """Replace the configured models.

        Args:
            config: A ModelServerConfig.
            on_done: Called from some thread once every new model has an outcome.

        Returns:
            A watch over the models that were not configured before. `finish` tells how it went.

        Raises:
            ServingError: the config is refused, and nothing has changed.
        """
        choice = config.WhichOneof("config")
        if self._labels is not None and choice != "model_config_list":
            raise ServingError(
                Code.FAILED_PRECONDITION,
                "Cannot transition to requested config. It is only legal to transition from one "
                "ModelConfigList to another.",
            )
        if choice is None:
            log.info("Taking no action for empty config.")
            return Watch((), on_done)
        if choice == "custom_model_config":
            invalid("custom_model_config is not supported by this server.")
        with self._lock:
            return self._apply_list(config.model_config_list, on_done)

    def finish(self, config: Any, watch: Watch, kind: str) -> None:
        """Judge a finished `apply`.

        Args:
            config: What was applied.
            watch: What `apply` returned, done.
            kind: `servable` at start-up, `model` at a reload.

        Raises:
            ServingError: a model failed, or asks for request logging.
        """
        watch.check(kind)
        log.info("Finished adding/updating models")
        if any(model.HasField("logging_config") for model in config.model_config_list.config):
            invalid("No request-logger-creator provided.")

    def version_for_label(self, name: str, label: str) -> int:
        """The version that a label points at.

        Raises:
            ServingError: INVALID_ARGUMENT for an unknown label, or a label of an unknown model;
                UNAVAILABLE while there never was a config.
        """
        if self._labels is None:
            raise ServingError(Code.UNAVAILABLE, f"Model labels does not init yet.{label}")
        version = self._labels.get(name, {}).get(label)
        if version is None:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}"
            )
        return version

    def _apply_list(self, config_list: Any, on_done: Callable[[], None] | None) -> Watch:
        validate_model_config_list(config_list, self._platforms)
        labels = updated_labels(
            config_list, self._labels or {}, self._is_available, self._allow_unavailable_labels
        )
        platforms = supported_platforms(config_list, self._platform)
        log.info("Adding/updating models.")
        models = list(config_list.config)
        for model in models:
            log.info(f" (Re-)adding model: {model.name}")
        names = {model.name for model in models}
        removed = self._platforms.keys() - names
        watch = self._catalog.watch(names - self._platforms.keys(), on_done)
        self._platforms = platforms
        self._labels = labels
        self._catalog.abandon(removed)
        self._source.configure(models, removed)
        return watch

    def _is_available(self, name: str, version: int) -> bool:
        return self._catalog.find(name, version) is not None
