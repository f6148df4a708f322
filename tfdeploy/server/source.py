"""Looking for versions on disk, once a second or as told.

Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc. All models are
looked at before any is touched: one base path that can't be listed leaves all as they are, as in
the original.
"""

import threading
from typing import Any

from tfdeploy.server import log
from tfdeploy.server.lifecycle import Lifecycle
from tfdeploy.server.version_folders import BasePathError, aspired_versions


class Source:
    """Tells the lifecycle which versions lie under the configured base paths."""

    def __init__(self, lifecycle: Lifecycle, poll_seconds: int) -> None:
        self._lifecycle = lifecycle
        self._poll_seconds = poll_seconds
        self._models: list[Any] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False

    def start(self) -> None:
        """Look for the first time, and go on in a thread when polling is on."""
        if self._poll_seconds >= 0:
            threading.Thread(target=self._poll, name="source", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        self._wake.set()

    def configure(self, models: list[Any], removed: set[str]) -> None:
        """Replace the models to look for.

        Args:
            models: ModelConfigs.
            removed: Names that are not configured any more; their versions go down.
        """
        with self._lock:
            self._models = models
            for name in removed:
                self._lifecycle.aspire(name, {}, forget=True)
        self._wake.set()

    def _poll(self) -> None:
        while not self._stopped:
            self._wake.clear()
            self.look()
            if self._poll_seconds == 0:
                return
            self._wake.wait(self._poll_seconds)

    def look(self) -> None:
        """Look once, under all base paths, and aspire what is there."""
        with self._lock:
            found = {}
            for model in self._models:
                policy = model.model_version_policy
                try:
                    found[model.name] = aspired_versions(model.name, model.base_path, policy)
                except BasePathError as error:
                    log.error(
                        "FileSystemStoragePathSource encountered a filesystem access error: "
                        f"{error}"
                    )
                    return
            for name in sorted(found):
                self._lifecycle.aspire(name, found[name])
