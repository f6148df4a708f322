"""Switching XLA compilation off for the whole process, as the real server does by default.

Source: tensorflow_serving/model_servers/main.cc, which calls tensorflow::DisableXlaCompilation
(tensorflow/compiler/jit/flags.h) unless one of two flags is set. It has no C function, so its C++
name is looked up in TensorFlow's library.
"""

from typing import Final

from tfdeploy.server import log
from tfdeploy.server.capi_library import CApiUnavailable, load_library

_DISABLE: Final = "_ZN10tensorflow21DisableXlaCompilationEv"


def disable_xla_compilation() -> bool:
    """Make functions with `jit_compile` fail with `XLA compilation disabled`.

    There is no way back. Call it after the engine is there.

    Returns:
        Whether this TensorFlow can do that; if not, the functions run.
    """
    try:
        disable = getattr(load_library().handle, _DISABLE)
    except (CApiUnavailable, AttributeError):
        log.warning("XLA can't be switched off in this TensorFlow: jit_compile functions run.")
        return False
    disable.restype, disable.argtypes = None, []
    disable()
    return True
