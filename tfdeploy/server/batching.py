"""Batching: the parameters, and what they forbid for one request.

Source: tensorflow_serving/servables/tensorflow/bundle_factory_util.h,
batching/batching_session.cc, batching/batching_util.cc. Requests are not joined with each other
yet: each runs as a batch of its own, padded to an allowed size like a batch that timed out.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from tfdeploy.server.status import ServingError, invalid
from tfdeploy.server.tensor import Tensor
from tfdeploy.wire import Code

_DEFAULT_MAX_BATCH_SIZE: Final = 1000


Part = tuple[dict[str, Tensor], int]


class Batching(NamedTuple):
    """The part of BatchingParameters that a single request can feel."""

    max_batch_size: int
    allowed_batch_sizes: tuple[int, ...]
    max_execution_batch_size: int


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
        execution = _value(parameters, "max_execution_batch_size", largest)
        if execution > largest:
            invalid(
                "max_batch_size should be greater than or equal to max_execution_batch_size; "
                f"got {largest} and {execution}"
            )


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
    execution = largest
    if _splits(parameters):
        execution = _value(parameters, "max_execution_batch_size", largest)
    return Batching(largest, allowed, execution)


def rows_of(feeds: Mapping[str, Tensor]) -> int:
    """The 0th dimension that all inputs share.

    Raises:
        ServingError: INVALID_ARGUMENT when there is none.
    """
    sizes = set()
    for tensor in feeds.values():
        if tensor.array.ndim == 0:
            invalid("Batching Run() input tensors must have at least one dimension")
        sizes.add(tensor.array.shape[0])
    if len(sizes) > 1:
        invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop() if sizes else 0


def check_task(batching: Batching, rows: int) -> None:
    """Refuse a request with more rows than a batch may have."""
    # A negative size is a huge one in the original, where it is unsigned.
    if 0 <= batching.max_batch_size < rows:
        invalid(
            f"Task size {rows} is larger than maximum input batch size {batching.max_batch_size}"
        )


def allowed_size(batching: Batching, rows: int) -> int:
    """The number of rows that a batch is padded to."""
    return next((size for size in batching.allowed_batch_sizes if size >= rows), rows)


def split(batching: Batching, feeds: Mapping[str, Tensor], rows: int) -> Iterator[Part]:
    """Cut a request into parts that may be executed at once, with the rows of each."""
    size = batching.max_execution_batch_size
    if rows <= size or size <= 0:
        yield dict(feeds), rows
        return
    for start in range(0, rows, size):
        part = {
            name: Tensor(tensor.dtype, tensor.array[start : start + size])
            for name, tensor in feeds.items()
        }
        yield part, min(size, rows - start)


def pad(tensor: Tensor, rows: int) -> Tensor:
    """Repeat the first row until there are `rows` of them."""
    array = tensor.array
    missing = rows - array.shape[0]
    if missing <= 0 or array.shape[0] == 0:
        return tensor
    padded = np.concatenate([array, np.repeat(array[:1], missing, axis=0)])
    return Tensor(tensor.dtype, padded)


def cut(outputs: list[Tensor], padded: int, rows: int) -> list[Tensor]:
    """Drop the padding from what came back.

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
    return [Tensor(tensor.dtype, tensor.array[:rows]) for tensor in outputs]


def join(parts: list[list[Tensor]]) -> list[Tensor]:
    """The outputs of all parts of a request, row after row."""
    if len(parts) == 1:
        return parts[0]
    return [
        Tensor(pieces[0].dtype, np.concatenate([piece.array for piece in pieces]))
        for pieces in zip(*parts, strict=True)
    ]
