"""Log lines on stderr in TensorFlow's form: `2026-01-31 12:00:00.123456: I file.py:42] text`.

Other programs read them by the text after `] `, so the texts are the real server's.
"""

import os
import sys
import threading
from datetime import datetime
from typing import Final

_lock: Final = threading.Lock()


def _least_level() -> int:
    # TF_CPP_MIN_LOG_LEVEL hides INFO at 1, WARNING at 2, ERROR at 3, for the real server too.
    try:
        return int(os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0"))
    except ValueError:
        return 0


def _write(level: str, text: str) -> None:
    if "IWE".index(level) < _least_level():
        return
    caller = sys._getframe(2)
    file = os.path.basename(caller.f_code.co_filename)
    stamp = datetime.now().isoformat(" ", "microseconds")
    line = f"{stamp}: {level} {file}:{caller.f_lineno}] {text}\n"
    with _lock:
        sys.stderr.buffer.write(line.encode("utf-8", "surrogateescape"))
        sys.stderr.buffer.flush()


def info(text: str) -> None:
    """What the server does."""
    _write("I", text)


def warning(text: str) -> None:
    """Something is odd, and the server goes on."""
    _write("W", text)


def error(text: str) -> None:
    """Something failed, and the server goes on without it."""
    _write("E", text)
