"""What the Docker SDK raises, in our words."""

from __future__ import annotations

import docker.errors
import pytest
import requests

from tfdeploy.errors import TfdeployError
from tfdeploy.runtimes.engine import asking


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
