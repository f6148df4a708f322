"""Which version a request gets while a reload moves labels and drops what they pointed at."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from tfdeploy import wire
from tfdeploy.server.catalog import Catalog
from tfdeploy.server.configuration import Configuration
from tfdeploy.server.engine import GraphCall
from tfdeploy.server.hub import Hub, Target
from tfdeploy.server.lifecycle import Lifecycle, RetryPolicy
from tfdeploy.server.metrics import Metrics
from tfdeploy.server.scheduler import Scheduler
from tfdeploy.server.servable import Servable
from tfdeploy.server.source import Source
from tfdeploy.server.status import ServingError

STABLE = Target("m", label="stable")


class Idle:
    """A session that nobody runs."""

    meta_graph = wire.MetaGraphDef().SerializeToString()

    def prepare(self, feeds: Sequence[str], fetches: Sequence[str]) -> GraphCall:
        raise AssertionError("nothing is run here")

    def close(self) -> None:
        pass


class Interrupted(Catalog):
    """A catalog in which something happens just before it is looked into for the first time."""

    meanwhile: Callable[[], None] | None = None

    def find(self, name: str, version: int | None) -> Servable | None:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()
        return super().find(name, version)


class Server:
    """The real parts between a request and its version; versions 1 and 2 of `m` are loaded."""

    def __init__(self) -> None:
        self.catalog = Interrupted()
        metrics = Metrics()
        source = Source(Lifecycle(self.catalog, RetryPolicy(0, 0)), 0)
        self.configuration = Configuration(self.catalog, source, False)
        self.hub = Hub(self.catalog, self.configuration, Scheduler(1, metrics), metrics)
        self.versions = {number: Servable("m", number, Idle()) for number in (1, 2)}
        for servable in self.versions.values():
            self.catalog.offer(servable)

    def point_stable_at(self, version: int) -> None:
        config = wire.ModelServerConfig()
        model = config.model_config_list.config.add(name="m", base_path="/models/m")
        model.model_platform = "tensorflow"
        model.version_labels["stable"] = version
        self.configuration.apply(config)

    def drop(self, version: int) -> None:
        self.catalog.withdraw(self.versions[version])
        self.versions[version].close()


@pytest.fixture
def server() -> Server:
    """A server whose label `stable` is on version 1."""

    async def make() -> Server:
        return Server()

    made = asyncio.run(make())
    made.point_stable_at(1)
    return made


def test_a_label_that_moves_while_it_is_looked_up_loses_no_request(server: Server) -> None:
    def move_and_drop() -> None:
        server.point_stable_at(2)
        server.drop(1)

    server.catalog.meanwhile = move_and_drop
    assert server.hub.take(STABLE) is server.versions[2]


def test_a_version_that_closes_after_it_was_found_is_looked_up_again(server: Server) -> None:
    found = server.versions[1]
    server.point_stable_at(2)
    server.drop(1)
    assert not found.take()
    assert server.hub.take(STABLE) is server.versions[2]
    assert server.hub.take(Target("m")) is server.versions[2]


def test_a_label_whose_version_is_gone_and_that_has_not_moved_is_not_found(server: Server) -> None:
    server.drop(1)
    with pytest.raises(ServingError, match=r"Specific\(m, 1\)"):
        server.hub.take(STABLE)
    with pytest.raises(ServingError, match=r"Specific\(m, 1\)"):
        server.hub.take(Target("m", version=1))
    with pytest.raises(ServingError, match=r"Latest\(other\)"):
        server.hub.take(Target("other"))


def test_what_was_read_before_a_reload_is_not_applied_after_it(server: Server) -> None:
    reload = threading.Thread(target=server.point_stable_at, args=(2,))
    with server.configuration.changing():
        # A poll has read the old text; a reload comes before it applies it.
        reload.start()
        reload.join(0.2)
        server.point_stable_at(1)
    reload.join()
    assert server.hub.take(STABLE) is server.versions[2]
