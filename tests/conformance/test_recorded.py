"""The server answers as the real `tensorflow_model_server` was recorded to answer."""

import pytest
from recordings import cases
from replaying import Replayer


@pytest.mark.timeout(240)
@pytest.mark.parametrize("case_id", cases())
def test_recorded(case_id: str, replayer: Replayer) -> None:
    problem = replayer.result(case_id)
    assert problem is None, problem
