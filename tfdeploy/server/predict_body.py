"""The body of a `:predict` request, read the fast way where it is plainly right."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from tfdeploy.server.json_arrays import NumericBody, read_numeric_inputs
from tfdeploy.server.json_predict import Body, Inputs, is_row_format, read_body, read_inputs
from tfdeploy.server.signature import Signature

# Value by value a larger body takes longer than other requests should have to wait.
_MOST_INLINE_BYTES: Final = 2**16
_SWITCH_SECONDS: Final = 0.0005
_USUAL_SWITCH_SECONDS: Final = 0.005

# One at a time: value by value a body takes many times its size, and Python's lock lets only one
# be read anyway.
_reader: Final = ThreadPoolExecutor(1, thread_name_prefix="read")

T = TypeVar("T")
PredictBody = NumericBody | Body


async def parse_slowly(raw: bytes) -> Body:
    """Parse a body that `read_numeric_body` leaves alone.

    Raises:
        ServingError: INVALID_ARGUMENT, it is no JSON object.
    """
    return await in_thread_if_large(raw, lambda: read_body(raw))


def read_quickly(body: PredictBody, signature: Signature) -> tuple[Inputs, bool] | None:
    """The tensors, and whether they came in row format; None when that has to be looked into."""
    if type(body) is not NumericBody or not signature.inputs:
        return None
    inputs = read_numeric_inputs(body, signature.inputs)
    return None if inputs is None else (inputs, body.is_row_format)


async def read_slowly(raw: bytes, parsed: Body | None, signature: Signature) -> tuple[Inputs, bool]:
    """The same, value by value.

    Args:
        raw: The body.
        parsed: What `parse_slowly` made of it, if it was asked already.
        signature: What the tensors are for.

    Raises:
        ServingError: INVALID_ARGUMENT, or UNIMPLEMENTED for a dtype without a JSON form.
    """
    return await in_thread_if_large(raw, lambda: _read_slowly(raw, parsed, signature))


def _read_slowly(raw: bytes, parsed: Body | None, signature: Signature) -> tuple[Inputs, bool]:
    body = parsed or read_body(raw)
    return read_inputs(body, signature), is_row_format(body.document)


async def in_thread_if_large(raw: bytes, work: Callable[[], T]) -> T:
    """Do something with a body, in a thread when that may take long."""
    if len(raw) <= _MOST_INLINE_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_reader, _yielding, work)


def _yielding(work: Callable[[], T]) -> T:
    """Do work that often hands Python's lock to the event loop.

    Always handing it over as often would cost gRPC, with threads of its own, a fifth.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        return work()
    finally:
        sys.setswitchinterval(max(before, _USUAL_SWITCH_SECONDS))
