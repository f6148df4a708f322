"""The body of a `:predict` request, read the fast way where it is plainly right."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from tfdeploy.server.json_arrays import NumericBody, read_numeric_body, read_numeric_inputs
from tfdeploy.server.json_predict import Body, Inputs, is_row_format, read_body, read_inputs
from tfdeploy.server.signature import Signature

# Value by value a larger body takes longer than other requests should have to wait.
_MOST_INLINE_BYTES: Final = 2**16

T = TypeVar("T")


class PredictBody:
    """A request body; its tensors are read once the signature is known.

    Attributes:
        signature_name: What it asks for, or the default.
    """

    __slots__ = ("_fast", "_raw", "_slow", "signature_name")

    def __init__(self, raw: bytes, fast: NumericBody | None, slow: Body | None) -> None:
        self._raw = raw
        self._fast = fast
        self._slow = slow
        found = fast or slow
        self.signature_name = found.signature_name if found else ""

    async def read(self, signature: Signature) -> tuple[Inputs, bool]:
        """The tensors, and whether they came in row format.

        The parser's memory is free after this, so nothing may be awaited between `parse_predict`
        and this.

        Raises:
            ServingError: INVALID_ARGUMENT, or UNIMPLEMENTED for a dtype without a JSON form.
        """
        fast, self._fast = self._fast, None
        if fast is not None and signature.inputs:
            inputs = read_numeric_inputs(fast, signature.inputs)
            if inputs is not None:
                return inputs, fast.is_row_format
        del fast
        return await in_thread_if_large(self._raw, lambda: self._read_slowly(signature))

    def _read_slowly(self, signature: Signature) -> tuple[Inputs, bool]:
        body = self._slow or read_body(self._raw)
        return read_inputs(body, signature), is_row_format(body.document)


async def parse_predict(raw: bytes) -> PredictBody:
    """Parse a body.

    Raises:
        ServingError: INVALID_ARGUMENT, it is no JSON object.
    """
    fast = read_numeric_body(raw)
    slow = await in_thread_if_large(raw, lambda: read_body(raw)) if fast is None else None
    return PredictBody(raw, fast, slow)


async def in_thread_if_large(raw: bytes, work: Callable[[], T]) -> T:
    """Do something with a body, in a thread when that may take long."""
    if len(raw) <= _MOST_INLINE_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(None, work)
