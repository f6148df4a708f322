"""Import TensorFlow late, quietly, and with one clear error where it is missing."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from tfdeploy.errors import TfdeployError

# Level 3 keeps fatal errors; the hint about oneDNN's rounding isn't news to anybody who exports.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "NONE"}


def import_tensorflow(
    load: Callable[[str], Any] = importlib.import_module, name: str = "tensorflow"
) -> Any:
    """TensorFlow, on the CPU where it wasn't in use before, with Keras on top of it.

    Exporting needs no GPU, and TensorFlow would take the whole memory of one that serves.

    Raises:
        TfdeployError: TFD106 when it isn't installed or can't be loaded.
    """
    was_there = name in sys.modules
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with _stderr_kept_for_errors():
            tensorflow = load(name)
    except ImportError as error:
        raise TfdeployError(
            "TFD106",
            "Exporting needs TensorFlow, and it isn't there.",
            where=str(error).splitlines()[0],
            hint="pip install 'tfdeploy-serving[export]'",
        ) from error
    tensorflow.get_logger().setLevel("ERROR")
    if not was_there:
        with contextlib.suppress(RuntimeError, ValueError):
            tensorflow.config.set_visible_devices([], "GPU")
    return tensorflow


@contextlib.contextmanager
def _stderr_kept_for_errors() -> Iterator[None]:
    """Hold back what C++ code writes; show it when the body fails.

    TensorFlow writes about missing GPUs before it has read its log level.
    """
    try:
        real = os.dup(2)
    except OSError:
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
