"""The body of a `:predict` request, read the fast way where it is plainly right."""

from tfdeploy.server.json_arrays import read_numeric_body, read_numeric_inputs
from tfdeploy.server.json_predict import Inputs, is_row_format, read_body, read_inputs
from tfdeploy.server.signature import Signature


class PredictBody:
    """A request body, parsed; its tensors are read once the signature is known.

    Attributes:
        signature_name: What it asks for, or the default.
    """

    __slots__ = ("_fast", "_raw", "_slow", "signature_name")

    def __init__(self, raw: bytes) -> None:
        """Parse a body.

        Raises:
            ServingError: INVALID_ARGUMENT, it is no JSON object.
        """
        self._raw = raw
        self._fast = read_numeric_body(raw)
        self._slow = read_body(raw) if self._fast is None else None
        found = self._fast or self._slow
        self.signature_name = found.signature_name if found else ""

    def read(self, signature: Signature) -> tuple[Inputs, bool]:
        """The tensors, and whether they came in row format.

        The parser's memory is free after this, so it must be called before the next body is parsed.

        Raises:
            ServingError: INVALID_ARGUMENT, or UNIMPLEMENTED for a dtype without a JSON form.
        """
        fast, self._fast = self._fast, None
        if fast is not None and signature.inputs:
            inputs = read_numeric_inputs(fast, signature.inputs)
            if inputs is not None:
                return inputs, fast.is_row_format
        body = self._slow or read_body(self._raw)
        return read_inputs(body, signature), is_row_format(body.document)
