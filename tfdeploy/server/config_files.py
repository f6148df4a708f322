"""Reading protobuf text files with the real server's errors.

Source: tensorflow_serving/util/proto_util.h: ParseProtoTextFile, which maps the file into memory,
so an empty file is an error of its own.
"""

import os
from typing import Any

from google.protobuf import text_format

from tfdeploy.server import log
from tfdeploy.server.status import ServingError, invalid
from tfdeploy.wire import Code, parse_text


def load_text_proto(path: str, cls: Any, full_name: str) -> Any:
    """The message in a text file.

    Args:
        path: The file.
        cls: Its message class.
        full_name: Its name in log lines, such as `tensorflow.serving.ModelServerConfig`.

    Raises:
        ServingError: NOT_FOUND or INVALID_ARGUMENT.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except FileNotFoundError:
        raise ServingError(Code.NOT_FOUND, f"{path}; No such file or directory") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ServingError(Code.FAILED_PRECONDITION, f"{path}; {reason}") from None
    if not raw:
        invalid(f"{path}; Invalid argument")
    try:
        return parse_text(cls, raw.decode("utf-8"))
    except (text_format.ParseError, UnicodeDecodeError) as error:
        log.error(f"Error parsing text-format {full_name}: {error}")
        invalid(f"Invalid protobuf file: '{path}'")
