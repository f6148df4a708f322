"""The session's ConfigProto, from flags and the session config file.

Source: tensorflow_serving/model_servers/server.cc: BuildAndStart. Three fields always come from the
flags, even from their defaults, whatever the file says. Memory growth has no flag: it comes from
the file, or from TF_FORCE_GPU_ALLOW_GROWTH, which TensorFlow reads by itself.
"""

import ctypes
from typing import Any, Final

from tfdeploy import wire
from tfdeploy.server import log
from tfdeploy.server.config_files import load_text_proto
from tfdeploy.server.flags import Flags
from tfdeploy.server.status import invalid

_ON: Final = 1  # RewriterConfig.Toggle
_BFLOAT16: Final = "bfloat16"


def _parallelism(flags: Flags) -> tuple[int, int]:
    both, intra, inter = (
        flags.tensorflow_session_parallelism,
        flags.tensorflow_intra_op_parallelism,
        flags.tensorflow_inter_op_parallelism,
    )
    if both > 0 and intra > 0 and inter > 0:
        invalid(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, "
            "server_options.tensorflow_inter_op_parallelism) separately. "
            "You cannot configure all."
        )
    return (intra, inter) if intra > 0 or inter > 0 else (both, both)


def _int32(value: int) -> int:
    """As C++ narrows the 64-bit flag to the field."""
    return ctypes.c_int32(value).value


def session_config(flags: Flags) -> Any:
    """A ConfigProto.

    Raises:
        ServingError: the flags contradict each other, or the file is wrong.
    """
    config = wire.ConfigProto()
    if flags.tensorflow_session_config_file:
        config = load_text_proto(
            flags.tensorflow_session_config_file, wire.ConfigProto, "tensorflow.ConfigProto"
        )
    # The flag is a 32-bit float, the field a 64-bit one.
    fraction = ctypes.c_float(flags.per_process_gpu_memory_fraction).value
    config.gpu_options.per_process_gpu_memory_fraction = fraction
    intra, inter = _parallelism(flags)
    config.intra_op_parallelism_threads = _int32(intra)
    config.inter_op_parallelism_threads = _int32(inter)
    return config


def apply_mixed_precision(config: Any, choice: str) -> None:
    """Let TensorFlow's graph rewriter compute in bfloat16 where oneDNN can.

    Source: tensorflow_serving/servables/tensorflow/saved_model_bundle_factory.cc.

    Args:
        config: A ConfigProto, changed in place.
        choice: The flag; only `bfloat16` has an effect.
    """
    if choice == _BFLOAT16:
        log.info("Running inference with bfloat16 auto mixed precision")
        config.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 = _ON
    elif choice:
        log.warning(f"{choice} auto mixed precision is not supported. Valid option: {_BFLOAT16}")
