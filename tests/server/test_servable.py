"""Versions while requests use them, and what is known of the ways to run them."""

import threading
from typing import Any

import pytest

from tfdeploy import wire
from tfdeploy.server import servable as module
from tfdeploy.server.servable import Servable
from tfdeploy.wire import DataType

pytestmark = pytest.mark.timeout(10)

FLOAT = int(DataType.DT_FLOAT)


class Session:
    """A model that is never run."""

    def __init__(self) -> None:
        meta_graph = wire.MetaGraphDef()
        definition = meta_graph.signature_def["s"]
        for alias in ("a", "b"):
            info = definition.inputs[alias]
            info.name, info.dtype = f"{alias}:0", FLOAT
            info.tensor_shape.dim.add(size=-1)
            info.tensor_shape.dim.add(size=2)
        definition.outputs["y"].name = "y:0"
        self.meta_graph = meta_graph.SerializeToString()
        self.closed = threading.Event()

    def prepare(self, feeds: Any, fetches: Any) -> Any:
        return (tuple(feeds), tuple(fetches))

    def close(self) -> None:
        self.closed.set()


def make(proven: bool = True) -> tuple[Servable, Session]:
    session = Session()
    found = frozenset({"s"} if proven else ())
    return Servable("m", 1, session, None, lambda _: found), session


def test_only_whole_inputs_of_proven_signatures_are_joined() -> None:
    servable, _ = make()
    signature = servable.signatures["s"]
    whole = servable.runner(signature, ("a", "b"), ("y",), "Predict")
    assert [port.tensor_name for port in whole.ports or ()] == ["a:0", "b:0"]
    turned = servable.runner(signature, ("b", "a"), ("y",), "Predict")
    assert [port.tensor_name for port in turned.ports or ()] == ["b:0", "a:0"]
    assert servable.runner(signature, ("a",), ("y",), "Predict").ports is None
    assert servable.runner(signature, (), ("y",), "Predict").ports is None
    unproven, _ = make(proven=False)
    assert unproven.runner(unproven.signatures["s"], ("a", "b"), ("y",), "Predict").ports is None


def test_ways_and_kinds_that_clients_choose_are_bounded() -> None:
    servable, _ = make()
    signature = servable.signatures["s"]
    runner = servable.runner(signature, ("a", "b"), ("y",), "Predict")
    assert servable.runner(signature, ("a", "b"), ("y",), "Predict") is runner
    for number in range(module._MOST_RUNNERS + 50):
        servable.runner(signature, ("a",), ("y",), str(number))
    assert len(servable._runners) <= module._MOST_RUNNERS + 1
    for size in range(module._MOST_KINDS + 50):
        assert runner.joins(((FLOAT, (size,)), (FLOAT, (2,)))) is (size == 2)
    assert len(runner._joinable) <= module._MOST_KINDS + 1


def test_a_version_is_freed_after_its_last_request() -> None:
    servable, session = make()
    assert servable.take()
    assert servable.take()
    servable.hold()
    closing = threading.Thread(target=servable.close)
    closing.start()
    while servable.take():  # until `close` has begun
        servable.give_back()
    for _ in range(3):
        assert not session.closed.is_set()
        servable.give_back()
    closing.join()
    assert session.closed.is_set()


def test_a_version_without_requests_is_freed_at_once() -> None:
    servable, session = make()
    assert servable.take()
    servable.give_back()
    servable.close()
    assert session.closed.is_set()
    assert not servable.take()
