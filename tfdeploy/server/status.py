"""What can go wrong, in one table: error kind, HTTP status, gRPC code.

gRPC codes are `Code`'s own numbers (tensorflow_serving/model_servers/grpc_status_util.cc); the HTTP
column is tensorflow_serving/model_servers/http_server.cc: ToHTTPStatusCode.
"""

from typing import Final, Never

from tfdeploy.wire import Code

HTTP_STATUS: Final = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}

_LONGEST_GRPC_MESSAGE: Final = 1024


class ServingError(Exception):
    """An error that a client or the operator is meant to see.

    Attributes:
        code: The kind of error.
        message: Its text. Bytes of the request that are not UTF-8 are kept as surrogate escapes.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def http_status(self) -> int:
        """The status line's number."""
        return HTTP_STATUS[self.code]

    @property
    def grpc_details(self) -> str:
        """The text as gRPC carries it: cut, and valid UTF-8."""
        text = self.message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        if len(text) > _LONGEST_GRPC_MESSAGE:
            text = text[:_LONGEST_GRPC_MESSAGE] + "...TRUNCATED"
        return text

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


def invalid(message: str) -> Never:
    """Raise INVALID_ARGUMENT, by far the most frequent error."""
    raise ServingError(Code.INVALID_ARGUMENT, message)


def as_serving_error(error: BaseException) -> ServingError:
    """Any exception as something that can be sent to a client without leaking its insides."""
    if isinstance(error, ServingError):
        return error
    if isinstance(error, MemoryError):
        return ServingError(Code.RESOURCE_EXHAUSTED, "The server ran out of memory.")
    return ServingError(Code.INTERNAL, f"Unexpected {type(error).__name__} in the server.")
