"""The session's ConfigProto, from flags and the session config file.

Source: tensorflow_serving/model_servers/server.cc: BuildAndStart. Three fields always come from the
flags, even from their defaults, whatever the file says.
"""

from tfdeploy import wire
from tfdeploy.server.config_files import load_text_proto
from tfdeploy.server.flags import Flags
from tfdeploy.server.status import invalid


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


def _as_int32(number: int) -> int:
    # The flags are int64, ConfigProto's fields int32, and the original casts.
    return (number + 2**31) % 2**32 - 2**31


def session_config(flags: Flags) -> bytes:
    """A serialized ConfigProto.

    Raises:
        ServingError: the flags contradict each other, or the file is wrong.
    """
    intra, inter = _parallelism(flags)
    config = wire.ConfigProto()
    if flags.tensorflow_session_config_file:
        config = load_text_proto(
            flags.tensorflow_session_config_file, wire.ConfigProto, "tensorflow.ConfigProto"
        )
    config.intra_op_parallelism_threads = _as_int32(intra)
    config.inter_op_parallelism_threads = _as_int32(inter)
    fraction = flags.per_process_gpu_memory_fraction
    config.gpu_options.per_process_gpu_memory_fraction = fraction
    serialized: bytes = config.SerializeToString()
    return serialized
