"""`python -m tfdeploy.server`: the command line of the stand-in server."""

import asyncio
import contextlib
import ctypes
import importlib.metadata
import io
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from tfdeploy.server.flags import BadFlagValue, parse_flags, render_usage

_FAILED = 255
# malloc.h: M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
_MALLOC_OPTIONS = ((-8, 2), (-3, 2**18), (-1, 2**20))


def _library_version() -> str:
    try:
        return importlib.metadata.version("tensorflow")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _own_version() -> str:
    try:
        return importlib.metadata.version("tfdeploy-serving")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _run(main: Coroutine[Any, Any, int]) -> int:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def _start(words: list[str]) -> int:
    program = "tensorflow_model_server"
    try:
        flags, unknown = parse_flags(words)
    except BadFlagValue:
        print(render_usage(program), flush=True)
        return _FAILED
    if unknown[:1] == ["--help"]:
        print(render_usage(program), flush=True)
        return _FAILED
    if flags.version:
        print(f"TensorFlow ModelServer: tfdeploy {_own_version()}")
        print(f"TensorFlow Library: {_library_version()}", flush=True)
        return 0
    if unknown:
        print(f"unknown argument: {unknown[0]}\n{render_usage(program)}", flush=True)

    # Imported late: the command line is answered without them.
    from tfdeploy.server.serving import serve
    from tfdeploy.server.startup import Models
    from tfdeploy.server.status import ServingError
    from tfdeploy.server.workers import serve_with_workers

    try:
        if flags.workers > 1:
            return serve_with_workers(flags, _run)
        number = _run(serve(flags, Models(flags)))
    except ServingError as error:
        print(f"Failed to start server. Error: {error}", flush=True)
        return _FAILED
    return 128 + number


def _keep_heap_small() -> None:
    """Let glibc give large bodies' memory back; left alone it keeps what a busy minute took."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _MALLOC_OPTIONS:
            mallopt(option, value)


def main() -> None:
    """Run the server, and end the process at once: TensorFlow's threads need no goodbye."""
    _keep_heap_small()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")  # words needn't be UTF-8
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = _start(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
