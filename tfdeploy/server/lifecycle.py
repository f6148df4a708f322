"""Bringing versions up and down: the new one first, then the old one.

Source: tensorflow_serving/core/{aspired_versions_manager,basic_manager,loader_harness}.cc and
availability_preserving_policy.cc. One thread decides and, with `--num_load_threads=0`, also
loads, so a version between two retries holds up the others, as in the original.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tfdeploy.server import log
from tfdeploy.server.catalog import Catalog
from tfdeploy.server.servable import Servable
from tfdeploy.server.status import ServingError, as_serving_error
from tfdeploy.wire import Code, State

Load = Callable[[str, int, str], Servable]


@dataclass(frozen=True)
class RetryPolicy:
    """Retries after the first attempt, and the pause before each."""

    retries: int
    interval_seconds: float


@dataclass
class _Version:
    """One version on its way up or down. `servable` is set while it serves."""

    path: str
    aspired: bool = True
    busy: bool = False
    failed: bool = False
    servable: Servable | None = None


@dataclass
class _Model:
    versions: dict[int, _Version] = field(default_factory=dict)

    def forget_finished(self) -> None:
        """Drop versions that are down. Failed ones stay, so that they are not tried again."""
        for number, version in list(self.versions.items()):
            idle = version.servable is None and not version.busy
            if idle and not version.aspired and not version.failed:
                del self.versions[number]


class Lifecycle:
    """Drives every model towards the versions that are aspired for it."""

    def __init__(self, catalog: Catalog, retry: RetryPolicy) -> None:
        self._catalog = catalog
        self._retry = retry
        self._models: dict[str, _Model] = {}
        self._pending: dict[str, tuple[dict[int, str], bool]] = {}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._pool: ThreadPoolExecutor | None = None

    def start(self, load: Load, load_threads: int) -> None:
        """Start deciding.

        Args:
            load: Loads one version, in some thread.
            load_threads: See `set_load_threads`.
        """
        self._load_version = load
        self.set_load_threads(load_threads)
        threading.Thread(target=self._work, name="lifecycle", daemon=True).start()

    def set_load_threads(self, count: int) -> None:
        """Load in this many threads from now on; 0 is in the deciding thread."""
        old, self._pool = self._pool, None
        if count > 0:
            self._pool = ThreadPoolExecutor(count, thread_name_prefix="load")
        if old is not None:
            old.shutdown(wait=False)

    def stop(self) -> None:
        """Start nothing more. What loads is left to the end of the process."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()

    def aspire(self, name: str, wanted: Mapping[int, str], forget: bool = False) -> None:
        """These versions of a model, with their paths, and no others, should serve.

        Args:
            name: The model.
            wanted: Path by version number.
            forget: The model left the config: numbers that failed may be tried again later.
        """
        with self._changed:
            _, forgotten = self._pending.get(name, ({}, False))
            self._pending[name] = (dict(wanted), forget or forgotten)
            self._changed.notify_all()

    def _take_pending(self) -> None:
        """Make what was aspired the goal. Only the deciding thread does, as in the original."""
        for name, (wanted, forget) in self._pending.items():
            model = self._models.setdefault(name, _Model())
            for number, version in model.versions.items():
                version.aspired = number in wanted
                version.failed = version.failed and not forget
            model.forget_finished()
            for number in sorted(wanted.keys() - model.versions.keys(), reverse=True):
                model.versions[number] = _Version(wanted[number])
                self._catalog.publish(name, number, State.START)
        self._pending.clear()

    def _work(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                self._take_pending()
                step = self._next_step()
                if step is None:
                    self._changed.wait()
                    continue
            step()

    def _next_step(self) -> Callable[[], None] | None:
        for name, model in self._models.items():
            step = self._next_unload(name, model) or self._next_load(name, model)
            if step is not None:
                return step
        return None

    def _next_unload(self, name: str, model: _Model) -> Callable[[], None] | None:
        aspired = [version for version in model.versions.values() if version.aspired]
        if aspired and not any(version.servable for version in aspired):
            return None  # nothing that is wanted serves yet: keep the old version until it does
        for number in sorted(model.versions):
            version = model.versions[number]
            if version.servable is not None and not version.aspired and not version.busy:
                version.busy = True
                servable = version.servable
                return lambda: self._unload(name, version, servable)
        return None

    def _next_load(self, name: str, model: _Model) -> Callable[[], None] | None:
        for number in sorted(model.versions, reverse=True):
            version = model.versions[number]
            idle = version.servable is None and not version.busy and not version.failed
            if version.aspired and idle:
                version.busy = True
                return lambda: self._start_load(name, number, version)
        return None

    def _start_load(self, name: str, number: int, version: _Version) -> None:
        if self._pool is None:
            self._load(name, number, version)
        else:
            self._pool.submit(self._load, name, number, version)

    def _load(self, name: str, number: int, version: _Version) -> None:
        self._catalog.publish(name, number, State.LOADING)
        servable, error = self._attempt_load(name, number, version)
        if servable is not None:
            self._catalog.offer(servable)
        else:
            log.error(f"Servable: {{name: {name} version: {number}}} cannot be loaded: {error}")
            self._catalog.publish(name, number, State.END, error)
        with self._changed:
            version.servable, version.failed, version.busy = servable, servable is None, False
            self._models[name].forget_finished()
            self._changed.notify_all()

    def _attempt_load(
        self, name: str, number: int, version: _Version
    ) -> tuple[Servable | None, ServingError]:
        label = f"Loading servable: {{name: {name} version: {number}}}"
        error = ServingError(Code.UNKNOWN, "never tried")
        for attempt in range(max(self._retry.retries, 0) + 1):
            if attempt:
                self._stopping.wait(max(self._retry.interval_seconds, 0))
                if self._stopping.is_set() or not version.aspired:
                    log.info(f"Retrying of {label} was cancelled")
                    return None, error
                log.info(f"Retrying of {label} retry: {attempt}")
            try:
                return self._load_version(name, number, version.path), error
            except Exception as problem:
                seen = as_serving_error(problem)
                # It is kept for good: one without frames, which hold whatever the load had read.
                error = ServingError(seen.code, seen.message)
                log.error(f"{label} failed: {error}")
        if self._retry.retries > 0:
            log.error(f"Retrying of {label} exhausted max_num_retries: {self._retry.retries}")
        return None, error

    def _unload(self, name: str, version: _Version, servable: Servable) -> None:
        log.info(f"Quiescing servable version {servable}")
        self._catalog.withdraw(servable)
        # In-flight requests may take long; the next load must not wait for them.
        threading.Thread(
            target=self._finish_unload, args=(name, version, servable), daemon=True
        ).start()

    def _finish_unload(self, name: str, version: _Version, servable: Servable) -> None:
        try:
            servable.close()
        except Exception as problem:
            log.error(f"Unloading servable version {servable}: {as_serving_error(problem)}")
        log.info(f"Done unloading servable version {servable}")
        self._catalog.publish(servable.name, servable.version, State.END)
        with self._changed:
            version.servable, version.busy = None, False
            self._models[name].forget_finished()
            self._changed.notify_all()
