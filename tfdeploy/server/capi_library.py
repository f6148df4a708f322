"""TensorFlow's shared library and the C functions used of it, without importing tensorflow.

Declarations: tensorflow/c/{c_api,tf_tensor,tf_status,tf_tstring,tf_buffer}.h.
"""

import ctypes
import functools
import glob
import importlib.util
import os
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from typing import Any, Final

from tfdeploy.server.threads import use_own_pools


class CApiUnavailable(Exception):
    """TensorFlow is not installed, or its library can't be used."""


class Output(ctypes.Structure):
    """TF_Output: one output of one operation."""

    _fields_ = (("operation", c_void_p), ("index", c_int))


class Buffer(ctypes.Structure):
    """TF_Buffer: bytes that TensorFlow owns."""

    _fields_ = (("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p))


Deallocator: Final = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_void_p)

_Signatures = dict[str, tuple[Any, list[Any]]]

# These may take long: Python's lock is given up while they run.
_SLOW: Final[_Signatures] = {
    "TF_LoadSessionFromSavedModel": (
        c_void_p,
        [c_void_p, c_void_p, c_char_p, c_void_p, c_int, c_void_p, c_void_p, c_void_p],
    ),
    "TF_CloseSession": (None, [c_void_p, c_void_p]),
    "TF_DeleteSession": (None, [c_void_p, c_void_p]),
    "TF_DeleteGraph": (None, [c_void_p]),
    "TF_SessionRun": (
        None,
        [
            *(c_void_p, c_void_p, c_void_p, c_void_p, c_int),
            *(c_void_p, c_void_p, c_int, c_void_p, c_int, c_void_p, c_void_p),
        ],
    ),
}
# Giving the lock up for each of these would let another thread in a dozen times a request.
_QUICK: Final[_Signatures] = {
    "TF_NewStatus": (c_void_p, []),
    "TF_DeleteStatus": (None, [c_void_p]),
    "TF_GetCode": (c_int, [c_void_p]),
    "TF_Message": (c_char_p, [c_void_p]),
    "TF_NewBuffer": (POINTER(Buffer), []),
    "TF_NewBufferFromString": (c_void_p, [c_char_p, c_size_t]),
    "TF_DeleteBuffer": (None, [c_void_p]),
    "TF_NewGraph": (c_void_p, []),
    "TF_GraphOperationByName": (c_void_p, [c_void_p, c_char_p]),
    "TF_OperationNumOutputs": (c_int, [c_void_p]),
    "TF_NewSessionOptions": (c_void_p, []),
    "TF_DeleteSessionOptions": (None, [c_void_p]),
    "TF_SetConfig": (None, [c_void_p, c_char_p, c_size_t, c_void_p]),
    "TF_AllocateTensor": (c_void_p, [c_int, POINTER(c_int64), c_int, c_size_t]),
    "TF_NewTensor": (
        c_void_p,
        [c_int, POINTER(c_int64), c_int, c_void_p, c_size_t, Deallocator, c_void_p],
    ),
    "TF_DeleteTensor": (None, [c_void_p]),
    "TF_TensorType": (c_int, [c_void_p]),
    "TF_NumDims": (c_int, [c_void_p]),
    "TF_Dim": (c_int64, [c_void_p, c_int]),
    "TF_TensorByteSize": (c_size_t, [c_void_p]),
    "TF_TensorData": (c_void_p, [c_void_p]),
    "TF_StringInit": (None, [c_void_p]),
    "TF_StringCopy": (None, [c_void_p, c_char_p, c_size_t]),
    "TF_StringDealloc": (None, [c_void_p]),
    "TF_StringGetDataPointer": (c_void_p, [c_void_p]),
    "TF_StringGetSize": (c_size_t, [c_void_p]),
}


def _library_path() -> str:
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or spec.origin is None:
        raise CApiUnavailable("the package tensorflow is not installed")
    folder = os.path.dirname(spec.origin)
    found = sorted(glob.glob(os.path.join(folder, "libtensorflow_cc*")))
    if not found:
        raise CApiUnavailable(f"no libtensorflow_cc in {folder}")
    return found[0]


class Library:
    """The C functions, as attributes by their names.

    Attributes:
        handle: The library itself, for functions that have no C name.
    """

    def __init__(self, path: str) -> None:
        # RTLD_LOCAL, ctypes' default: with RTLD_GLOBAL its BoringSSL clashes with Python's ssl.
        self.handle = ctypes.CDLL(path)
        for handle, functions in ((self.handle, _SLOW), (ctypes.PyDLL(path), _QUICK)):
            for name, (result, arguments) in functions.items():
                function = getattr(handle, name)
                function.restype, function.argtypes = result, arguments
                setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name} isn't declared")


@functools.cache
def load_library() -> Library:
    """The library with typed functions; loaded once.

    Raises:
        CApiUnavailable: with the reason.
    """
    use_own_pools()
    try:
        return Library(_library_path())
    except (OSError, AttributeError) as error:
        raise CApiUnavailable(str(error)) from None
