"""Loading one version: checks, the engine, batching, warm-up, with the real log lines."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfdeploy import wire
from tfdeploy.server import log
from tfdeploy.server.batching import Batching, batch_threads, read_batching
from tfdeploy.server.config_files import load_text_proto
from tfdeploy.server.engine import Engine
from tfdeploy.server.metrics import LoadMeter
from tfdeploy.server.servable import FindIndependent, Servable
from tfdeploy.server.status import ServingError
from tfdeploy.server.threads import config_for
from tfdeploy.wire import Code

_MODEL_FILES = ("saved_model.pb", "saved_model.cpb", "saved_model.pbtxt")
PER_MODEL_BATCHING = "batching_params.pbtxt"


@dataclass(frozen=True)
class Loader:
    """How this server loads models.

    Attributes:
        engine: What runs them.
        loads: Counts what is loaded.
        tags: The MetaGraph's tag set.
        session_config: A serialized ConfigProto.
        batching: BatchingParameters for every model, or None.
        per_model_batching: Take them from the version's folder instead.
        find_independent: Finds the signatures whose requests may be joined; None joins none.
        workers: Processes that serve the same models.
        warm_up: Replays a version's warm-up requests; None to skip.
    """

    engine: Engine
    loads: LoadMeter
    tags: tuple[str, ...]
    session_config: bytes
    batching: Any = None
    per_model_batching: bool = False
    find_independent: FindIndependent | None = None
    workers: int = 1
    warm_up: Callable[[Servable, str], None] | None = None

    def load(self, name: str, version: int, path: str) -> Servable:
        """Load one version.

        Raises:
            ServingError: with the code and text that the version's status will show.
        """
        servable = f"{{name: {name} version: {version}}}"
        _check_folder(servable, path)
        log.info(f"Successfully reserved resources to load servable {servable}")
        log.info(f"Approving load for servable version {servable}")
        log.info(f"Loading servable version {servable}")
        _check_model_file(path)
        batching = self._batching_for(path)
        loaded = self._load_measured(name, version, path, batching)
        try:
            if self.warm_up is not None:
                self.warm_up(loaded, path)
        except BaseException:
            loaded.close()
            raise
        return loaded

    def _load_measured(
        self, name: str, version: int, path: str, batching: Batching | None
    ) -> Servable:
        started = time.perf_counter()
        try:
            config = config_for(self.session_config, path, self.workers)
            session = self.engine.load(path, self.tags, config)
        except BaseException:
            self.loads.failed(path, (time.perf_counter() - started) * 1e6)
            raise
        restored = time.perf_counter()
        try:
            loaded = Servable(name, version, session, batching, self.find_independent)
        except BaseException:
            session.close()
            raise
        # TensorFlow's own init op is in the first part: its C API doesn't tell them apart.
        self.loads.loaded(path, (restored - started) * 1e6, (time.perf_counter() - restored) * 1e6)
        return loaded

    def _batching_for(self, path: str) -> Batching | None:
        if self.batching is None:
            return None
        if not self.per_model_batching:
            return read_batching(self.batching)
        file = os.path.join(path, PER_MODEL_BATCHING)
        if not os.path.exists(file):
            return None
        parameters = load_text_proto(
            file, wire.BatchingParameters, "tensorflow.serving.BatchingParameters"
        )
        # The threads are the server's, whatever a model says.
        threads = batch_threads(self.batching)
        return read_batching(parameters)._replace(num_batch_threads=threads)


def _check_folder(servable: str, path: str) -> None:
    # The original sums up the files below the folder, to estimate the memory, and fails there.
    if not os.path.isdir(path):
        reason = "Not a directory" if os.path.exists(path) else "No such file or directory"
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"Error while attempting to reserve resources to load servable {servable}: "
            f"{path}; {reason}",
        )


def _check_model_file(path: str) -> None:
    if not any(os.path.exists(os.path.join(path, name)) for name in _MODEL_FILES):
        raise ServingError(
            Code.NOT_FOUND,
            "Specified file path does not appear to contain a SavedModel bundle (should have a "
            f"file called `saved_model.pb`)\nSpecified file path: {path}",
        )
