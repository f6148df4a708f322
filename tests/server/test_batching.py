"""What batching forbids, pads and splits."""

from typing import Any

import numpy as np
import pytest

from tfdeploy import wire
from tfdeploy.server.batching import (
    allowed_size,
    check_task,
    cut,
    merge,
    read_batching,
    rows_of,
)
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor, join_pieces

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
    assert rows_of([tensor(1, 2), tensor(3, 4)]) == 2
    with pytest.raises(ServingError, match="equal 0th-dimension size"):
        rows_of([tensor(1), tensor(3, 4)])
    with pytest.raises(ServingError, match="at least one dimension"):
        rows_of([Tensor(1, np.array(1.0, np.float32))])


def merged(text: str, *tasks: list[Tensor]) -> tuple[list[list[Any]], int]:
    rows = sum(task[0].array.shape[0] for task in tasks)
    feeds, padded = merge(read_batching(parameters(text)), ["x"] * len(tasks[0]), tasks, rows)
    return [join_pieces(pieces).array.tolist() for pieces in feeds], padded


def test_padding_repeats_the_first_row_of_the_last_task_and_is_cut_off_again() -> None:
    text = "max_batch_size { value: 4 } allowed_batch_sizes: 4"
    feeds, padded = merged(text, [tensor(1, 2)], [tensor(3)])
    assert (feeds, padded) == ([[1, 2, 3, 3]], 4)
    parts = list(cut([tensor(5, 6, 7, 8)], 4, [2, 1]))
    assert [part[0].array.tolist() for part in parts] == [[5, 6], [7]]


def test_inner_dimensions_are_padded_with_the_first_element_where_asked() -> None:
    narrow, wide = (Tensor(1, np.array([row], np.float32)) for row in ([1, 2], [3, 4, 5]))
    text = "pad_variable_length_inputs: true"
    assert merged(text, [narrow], [wide])[0] == [[[1, 2, 1], [3, 4, 5]]]
    with pytest.raises(ServingError, match="'x' from different tasks have different shapes"):
        merged("", [narrow], [wide])


@pytest.mark.parametrize("output", [np.array(1.0), np.array([1.0, 2.0])])
def test_outputs_need_a_row_for_each_input_row(output: Any) -> None:
    with pytest.raises(ServingError, match="dimension"):
        cut([Tensor(2, output)], 4, [3])


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("max_batch_size { value: 8 }", 8),
        ("max_batch_size { value: 8 } max_execution_batch_size { value: 2 }", 2),
        ("", 0),  # so that every request is refused, as by the original
    ],
)
def test_execution_size_of_split_batches(text: str, size: int) -> None:
    splitting = read_batching(parameters(text + " enable_large_batch_splitting { value: true }"))
    assert splitting.max_execution_batch_size == size
    assert read_batching(parameters("")).max_execution_batch_size == 1000
