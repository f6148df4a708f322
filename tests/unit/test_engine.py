"""What the Docker SDK raises, in our words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import docker.errors
import pytest
import requests

from tfdeploy.errors import TfdeployError
from tfdeploy.runtimes.engine import (
    LABEL_ONE_OFF,
    LABEL_PROJECT,
    LABEL_SERVICE,
    asking,
    is_elsewhere,
    project_containers,
)


def told(error: Exception) -> TfdeployError:
    with pytest.raises(TfdeployError) as caught, asking():
        raise error
    return caught.value


def answer(status: int, explanation: str) -> docker.errors.APIError:
    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("m", response, explanation)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("status", [404, 409, 500])
def test_an_engine_that_answers_is_there(status: int) -> None:
    error = told(answer(status, "No such container: abc"))
    assert error.code == "TFD413"
    assert error.message == "Docker answered: No such container: abc."
    assert "start Docker" not in error.hint


@pytest.mark.parametrize(
    "error", [answer(503, "no engine"), ConnectionRefusedError(111, "Connection refused")]
)
def test_an_engine_that_isnt_there_is_to_be_started(error: Exception) -> None:
    assert told(error).code == "TFD401"


class Engine:
    """As much of an engine as a look at containers needs; notes which ones it was asked for."""

    def __init__(self, *services: str) -> None:
        self.containers = self
        self.asked_for: list[str] = []
        self._labels = [
            {LABEL_PROJECT: "p", LABEL_ONE_OFF: "False", LABEL_SERVICE: name} for name in services
        ]

    def list(self, all: bool, filters: dict[str, list[str]], ignore_removed: bool) -> list[Seen]:
        """As the SDK does: one request for the list, and one for each container in it."""
        wanted = dict(label.split("=", 1) for label in filters["label"])
        found = [Seen(labels) for labels in self._labels if wanted.items() <= labels.items()]
        self.asked_for += [one.labels[LABEL_SERVICE] for one in found]
        return found


@dataclass(frozen=True)
class Seen:
    labels: dict[str, str]
    attrs: dict[str, str] = field(default_factory=dict)


def test_a_look_at_one_service_asks_the_engine_for_its_container_alone() -> None:
    engine = Engine(*(f"s{number}" for number in range(100)))
    found = project_containers(cast(Any, engine), "p", "s7")
    assert [one.labels[LABEL_SERVICE] for one in found] == ["s7"]
    assert engine.asked_for == ["s7"]
    assert len(project_containers(cast(Any, engine), "p")) == 100


@pytest.mark.parametrize(
    ("address", "elsewhere"),
    [
        ("", False),
        ("unix:///run/user/1000/docker.sock", False),
        ("npipe:////./pipe/docker_engine", False),
        ("http+docker://localhost", False),
        ("tcp://127.0.0.1:2375", False),
        ("https://[::1]:2376", False),
        ("tcp://box.lan:2376", True),
        ("http://10.0.0.7:2375", True),
        ("ssh://me@box", True),
        ("http+docker://ssh", True),
    ],
)
def test_whose_engine_it_is(address: str, elsewhere: bool) -> None:
    assert is_elsewhere(address) == elsewhere
