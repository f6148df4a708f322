"""Batching: the parameters, and the arithmetic of one batch.

Source: tensorflow_serving/servables/tensorflow/bundle_factory_util.h,
batching/batching_session.cc, batching/batching_util.cc. `batch_queue` collects the tasks.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.tensor import Array, Tensor
from tfdeploy.wire import Code

_DEFAULT_MAX_BATCH_SIZE: Final = 1000
_DEFAULT_MAX_ENQUEUED: Final = 10

Feeds = Sequence[Tensor]


class Batching(NamedTuple):
    """BatchingParameters with their defaults filled in.

    Attributes:
        max_batch_size: Rows that one request may have.
        max_execution_batch_size: Rows that one run may have.
        timeout_seconds: How long a batch that isn't full waits for more.
        max_enqueued_batches: Batches that may wait in one queue.
        num_batch_threads: Batches that run at once, over all models.
        allowed_batch_sizes: A batch is padded up to the next of these.
        pads_variable_length: Inner dimensions are padded to the largest of the batch.
        splits: A request may be cut over several batches.
    """

    max_batch_size: int
    max_execution_batch_size: int
    timeout_seconds: float = 0.0
    max_enqueued_batches: int = _DEFAULT_MAX_ENQUEUED
    num_batch_threads: int = 1
    allowed_batch_sizes: tuple[int, ...] = ()
    pads_variable_length: bool = False
    splits: bool = False


def _value(parameters: Any, name: str, default: int) -> int:
    return getattr(parameters, name).value if parameters.HasField(name) else default


def validate_batching_parameters(parameters: Any) -> None:
    """Refuse what the real server refuses at start-up, or dies of while loading.

    Raises:
        ServingError: INVALID_ARGUMENT. Where the real server crashes the text is this server's own.
    """
    threads = _value(parameters, "num_batch_threads", 1)
    if threads <= 0:
        invalid(f"num_batch_threads must be positive; was {threads}")
    largest = _value(parameters, "max_batch_size", _DEFAULT_MAX_BATCH_SIZE)
    if largest == 0:
        invalid("max_batch_size must be positive; was 0")
    timeout = _value(parameters, "batch_timeout_micros", 0)
    if timeout < 0:
        invalid(f"batch_timeout_micros must be non-negative; was {timeout}")
    if _splits(parameters):
        _validate_splitting(parameters, largest)


def _validate_splitting(parameters: Any, largest: int) -> None:
    execution = _value(parameters, "max_execution_batch_size", largest)
    if execution > largest:
        invalid(
            "max_batch_size should be greater than or equal to max_execution_batch_size; "
            f"got {largest} and {execution}"
        )
    if _value(parameters, "max_enqueued_batches", _DEFAULT_MAX_ENQUEUED) <= 0:
        invalid("max_enqueued_batches must be positive where large batches are split")


def _splits(parameters: Any) -> bool:
    return bool(parameters.enable_large_batch_splitting.value)


def read_batching(parameters: Any) -> Batching:
    """What a model is loaded with.

    Raises:
        ServingError: INVALID_ARGUMENT, which fails the load of the model.
    """
    validate_batching_parameters(parameters)
    largest = _value(parameters, "max_batch_size", _DEFAULT_MAX_BATCH_SIZE)
    allowed = tuple(parameters.allowed_batch_sizes)
    if allowed and allowed[-1] != largest:
        invalid(
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
            f"{allowed[-1]}; expected {largest}"
        )
    return Batching(
        max_batch_size=largest,
        max_execution_batch_size=_execution_size(parameters, largest),
        timeout_seconds=_value(parameters, "batch_timeout_micros", 0) / 1e6,
        max_enqueued_batches=max(
            _value(parameters, "max_enqueued_batches", _DEFAULT_MAX_ENQUEUED), 1
        ),
        num_batch_threads=batch_threads(parameters),
        allowed_batch_sizes=allowed,
        pads_variable_length=parameters.pad_variable_length_inputs,
        splits=_splits(parameters),
    )


def batch_threads(parameters: Any) -> int:
    """How many batches may run at once."""
    return _value(parameters, "num_batch_threads", os.cpu_count() or 1)


def _execution_size(parameters: Any, largest: int) -> int:
    if not _splits(parameters):
        return largest
    # Without a max_batch_size the original takes 0 here, not the default of the other field.
    unset = _value(parameters, "max_batch_size", 0)
    return _value(parameters, "max_execution_batch_size", unset)


def rows_of(feeds: Feeds) -> int:
    """The 0th dimension that all inputs share.

    Raises:
        ServingError: INVALID_ARGUMENT when there is none.
    """
    sizes = set()
    for tensor in feeds:
        if tensor.array.ndim == 0:
            invalid("Batching Run() input tensors must have at least one dimension")
        sizes.add(tensor.array.shape[0])
    if len(sizes) > 1:
        invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop() if sizes else 0


def check_task(batching: Batching, rows: int) -> None:
    """Refuse a request with more rows than a batch may have.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    # A negative size is a huge one in the original, where it is unsigned.
    if 0 <= batching.max_batch_size < rows:
        invalid(
            f"Task size {rows} is larger than maximum input batch size {batching.max_batch_size}"
        )


def allowed_size(batching: Batching, rows: int) -> int:
    """The number of rows that a batch is padded to."""
    return next((size for size in batching.allowed_batch_sizes if size >= rows), rows)


def rows_between(tensors: Feeds, start: int, stop: int) -> list[Tensor]:
    """Some rows of each tensor."""
    return [Tensor(tensor.dtype, tensor.array[start:stop]) for tensor in tensors]


def merge(
    batching: Batching, names: Sequence[str], tasks: Sequence[Feeds], rows: int
) -> tuple[list[list[Tensor]], int]:
    """The inputs of one run, made of those of several tasks.

    Args:
        batching: The rules.
        names: Tensor names, for the error text.
        tasks: The inputs of each task, each in the order of the names.
        rows: How many rows the tasks have together.

    Returns:
        For each input the pieces that lie behind each other, and the rows with the padding.

    Raises:
        ServingError: FAILED_PRECONDITION, the inner dimensions differ.
    """
    size = allowed_size(batching, rows)
    merged = []
    for name, pieces in zip(names, zip(*tasks, strict=True), strict=True):
        columns = _same_inner_shape(batching, name, pieces)
        last = columns[-1]
        if size > rows and last.array.shape[0]:
            # The original repeats the first row of the last task, and drops it from the result.
            filler = np.repeat(last.array[:1], size - rows, axis=0)
            columns.append(Tensor(last.dtype, filler))
        merged.append(columns)
    return merged, size if rows else rows


def _same_inner_shape(batching: Batching, name: str, pieces: Sequence[Tensor]) -> list[Tensor]:
    shapes = {piece.array.shape[1:] for piece in pieces}
    if len(shapes) == 1:
        return list(pieces)
    ranks = {len(shape) for shape in shapes}
    if not batching.pads_variable_length or len(ranks) > 1:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"Tensors with name '{name}' from different tasks have different shapes and padding "
            "is turned off. Set pad_variable_length_inputs to true, or ensure that all tensors "
            "with the same name have equal dimensions starting with the first dim."
            if len(ranks) == 1
            else f"Tensors with name '{name}' from different tasks should have the same rank",
        )
    largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    return [Tensor(piece.dtype, _pad_inner(piece.array, largest)) for piece in pieces]


def _pad_inner(array: Array, inner: tuple[int, ...]) -> Array:
    """Pad the inner dimensions at their ends with the array's own first element."""
    if array.shape[1:] == inner:
        return array
    empty = b"" if array.dtype == np.object_ else 0
    padded = np.full((array.shape[0], *inner), array.flat[0] if array.size else empty, array.dtype)
    padded[tuple(slice(size) for size in array.shape)] = array
    return padded


def cut(outputs: Feeds, padded: int, sizes: Sequence[int]) -> Iterator[list[Tensor]]:
    """What comes back for each task, the padding dropped.

    Args:
        outputs: Of the whole batch.
        padded: Rows that went in.
        sizes: Rows of each task.

    Raises:
        ServingError: FAILED_PRECONDITION when an output has no row for each input row.
    """
    for tensor in outputs:
        if tensor.array.ndim == 0:
            raise ServingError(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
        if tensor.array.shape[0] != padded:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                "dimension sizes of the input tensors",
            )
    stops = itertools.accumulate(sizes)
    return (rows_between(outputs, stop - size, stop) for stop, size in zip(stops, sizes))  # noqa: B905
