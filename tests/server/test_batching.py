"""What batching forbids, pads and splits."""

from typing import Any

import numpy as np
import pytest

from tfdeploy import wire
from tfdeploy.server.batching import (
    allowed_size,
    check_task,
    cut,
    join,
    pad,
    read_batching,
    rows_of,
    split,
)
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor

pytestmark = pytest.mark.timeout(10)


def parameters(text: str) -> Any:
    return wire.parse_text(wire.BatchingParameters, text)


def tensor(*values: float) -> Tensor:
    return Tensor(wire.DataType.DT_FLOAT, np.array(values, np.float32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
        (
            "max_batch_size { value: 4 } allowed_batch_sizes: [2, 3]",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 3; "
            "expected 4",
        ),
        (
            "allowed_batch_sizes: 8",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; "
            "expected 1000",
        ),
    ],
)
def test_refused_parameters(text: str, message: str) -> None:
    with pytest.raises(ServingError) as caught:
        read_batching(parameters(text))
    assert caught.value.message == message


def test_sizes() -> None:
    batching = read_batching(parameters("max_batch_size { value: 4 } allowed_batch_sizes: [2, 4]"))
    assert [allowed_size(batching, rows) for rows in (1, 2, 3, 4)] == [2, 2, 4, 4]
    check_task(batching, 4)
    with pytest.raises(ServingError, match="Task size 5 is larger than maximum input batch size 4"):
        check_task(batching, 5)


def test_rows_must_agree() -> None:
    assert rows_of({"a": tensor(1, 2), "b": tensor(3, 4)}) == 2
    with pytest.raises(ServingError, match="equal 0th-dimension size"):
        rows_of({"a": tensor(1), "b": tensor(3, 4)})
    with pytest.raises(ServingError, match="at least one dimension"):
        rows_of({"a": Tensor(1, np.array(1.0, np.float32))})


def test_padding_repeats_the_first_row_and_is_cut_off_again() -> None:
    padded = pad(tensor(1, 2, 3), 4)
    assert padded.array.tolist() == [1, 2, 3, 1]
    assert cut([padded], 4, 3)[0].array.tolist() == [1, 2, 3]


@pytest.mark.parametrize("output", [np.array(1.0), np.array([1.0, 2.0])])
def test_outputs_need_a_row_for_each_input_row(output: Any) -> None:
    with pytest.raises(ServingError, match="dimension"):
        cut([Tensor(2, output)], 4, 3)


def test_large_requests_are_split_and_joined() -> None:
    text = "max_batch_size { value: 8 } enable_large_batch_splitting { value: true }"
    batching = read_batching(parameters(text + " max_execution_batch_size { value: 2 }"))
    parts = list(split(batching, {"x": tensor(1, 2, 3, 4, 5)}, 5))
    assert [rows for _, rows in parts] == [2, 2, 1]
    assert join([[part["x"]] for part, _ in parts])[0].array.tolist() == [1, 2, 3, 4, 5]
