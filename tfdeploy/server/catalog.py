"""Every version that the server ever knew, with its state: what status requests and lookups read.

Source: tensorflow_serving/core/servable_state_monitor.h. Entries are never dropped, as in the real
server: a removed model stays listed as END.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tfdeploy.server import log
from tfdeploy.server.servable import Servable
from tfdeploy.server.status import ServingError
from tfdeploy.wire import Code, State

OK = ServingError(Code.OK, "")


@dataclass(frozen=True)
class VersionStatus:
    """State of one version. A failed one is END with an error."""

    version: int
    state: State
    error: ServingError = OK


class Watch:
    """Waits for a set of models to have a version that is available, or one that failed."""

    def __init__(self, names: Iterable[str], on_done: Callable[[], None] | None = None) -> None:
        self._pending = set(names)
        self._on_done = on_done
        self._failed: list[str] = []
        self.done = threading.Event()
        self._finish_if_complete()

    def note(self, name: str, status: VersionStatus) -> None:
        """A version changed its state; the first outcome of each model counts."""
        if name not in self._pending:
            return
        failed = status.state == State.END and status.error.code != Code.OK
        if failed:
            servable = f"{{name: {name} version: {status.version}}}"
            self._failed.append(f"{{{servable} due to error: {status.error}}}, ")
        if failed or status.state == State.AVAILABLE:
            self._pending.discard(name)
            self._finish_if_complete()

    def abandon(self, names: Iterable[str]) -> None:
        """These models are no longer configured: do not wait for them."""
        for name in self._pending.intersection(names):
            self._failed.append(f"{{{{name: {name}}} due to error: ABORTED: not configured}}, ")
            self._pending.discard(name)
        self._finish_if_complete()

    def check(self, kind: str) -> None:
        """Raise UNKNOWN with the texts of all that failed.

        Args:
            kind: `servable` at start-up, `model` at a reload, as the real server words it.
        """
        if self._failed:
            count = len(self._failed)
            raise ServingError(
                Code.UNKNOWN,
                f"{count} {kind}(s) did not become available: {{{''.join(self._failed)}}}",
            )

    def _finish_if_complete(self) -> None:
        if not self._pending and not self.done.is_set():
            self.done.set()
            if self._on_done is not None:
                self._on_done()


class Catalog:
    """States and available versions of all models. Reads need no lock, writes take one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses: dict[str, dict[int, VersionStatus]] = {}
        self._available: dict[str, dict[int, Servable]] = {}
        self._latest: dict[str, Servable] = {}
        self._watches: list[Watch] = []

    def publish(self, name: str, version: int, state: State, error: ServingError = OK) -> None:
        """Record a new state of one version."""
        status = VersionStatus(version, state, error)
        with self._lock:
            self._statuses.setdefault(name, {})[version] = status
            for watch in self._watches:
                watch.note(name, status)
            self._watches = [watch for watch in self._watches if not watch.done.is_set()]

    def offer(self, servable: Servable) -> None:
        """Make a loaded version findable, and AVAILABLE."""
        with self._lock:
            versions = {**self._available.get(servable.name, {}), servable.version: servable}
            self._set_available(servable.name, versions)
        self.publish(servable.name, servable.version, State.AVAILABLE)
        log.info(f"Successfully loaded servable version {servable}")

    def withdraw(self, servable: Servable) -> None:
        """Stop new requests from finding a version; those under way keep it."""
        with self._lock:
            versions = dict(self._available.get(servable.name, {}))
            versions.pop(servable.version, None)
            self._set_available(servable.name, versions)
        self.publish(servable.name, servable.version, State.UNLOADING)

    def _set_available(self, name: str, versions: dict[int, Servable]) -> None:
        self._available[name] = versions
        if versions:
            self._latest[name] = versions[max(versions)]
        else:
            self._latest.pop(name, None)

    def find(self, name: str, version: int | None) -> Servable | None:
        """An available version: the given one, else the highest."""
        if version is None:
            return self._latest.get(name)
        return self._available.get(name, {}).get(version)

    def statuses(self, name: str) -> list[VersionStatus]:
        """All versions of a model, the highest first; empty for an unknown model."""
        with self._lock:
            return sorted(
                self._statuses.get(name, {}).values(), key=lambda s: s.version, reverse=True
            )

    def watch(self, names: Iterable[str], on_done: Callable[[], None] | None = None) -> Watch:
        """Start waiting for models. Register before they are aspired, else outcomes are missed."""
        watch = Watch(names, on_done)
        with self._lock:
            self._watches.append(watch)
        return watch

    def abandon(self, names: Iterable[str]) -> None:
        """Models left the config: whoever waits for them learns so."""
        gone = list(names)
        with self._lock:
            for watch in self._watches:
                watch.abandon(gone)
