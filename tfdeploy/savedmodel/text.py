"""SavedModels in protobuf's text format, ``saved_model.pbtxt``, turned into the binary one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfdeploy.savedmodel.wire import WireError

# The parts that a description doesn't need, as TensorFlow prints them: indented by two.
_PASSED_OVER = (b"graph_def", b"object_graph_def", b"collection_def", b"saver_def")


def read_text(file: Path) -> bytes:
    """What the file says, without its graph, on the wire.

    Raises:
        WireError: the text isn't UTF-8, or no SavedModel.
        OSError: the file can't be read.
    """
    from google.protobuf import text_format

    from tfdeploy import wire

    try:
        text = _without_graph(file.read_bytes()).decode("utf-8")
        model: Any = wire.parse_text(wire.SavedModel, text, allow_unknown=True)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise WireError(str(error)) from error
    return bytes(model.SerializeToString())


def _without_graph(text: bytes) -> bytes:
    """The text without what takes protobuf's reader, in Python, seconds for each MB.

    Newlines inside strings are written as escapes, so a line that is an indented brace alone
    ends the block. Text laid out in another way is left whole.
    """
    for name in _PASSED_OVER:
        opening = b"\n  " + name + b" {\n"
        while (start := text.find(opening)) >= 0:
            end = text.find(b"\n  }\n", start + len(opening) - 1)
            if end < 0:
                break
            text = text[:start] + text[end + len(b"\n  }") :]
    return text
