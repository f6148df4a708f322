"""How many threads work inside one op, where nobody said.

TensorFlow's own answer is "one for each core, one pool for the whole process". A small dense layer
on a few rows takes less time than waking another thread, and it is asked for two hundred times a
second for each client, so small models get one thread. For that every session needs a pool of its
own, which is what TF_OVERRIDE_GLOBAL_THREADPOOL says (tensorflow/core/common_runtime/
local_device.cc).
"""

import os
from typing import Final

from tfdeploy import wire

OWN_POOLS: Final = "TF_OVERRIDE_GLOBAL_THREADPOOL"
_MOST_SMALL_BYTES: Final = 4 * 2**20
# Ops that compute much on few weights.
_HEAVY: Final = (b"Conv", b"MatMulV", b"BatchMatMul", b"Einsum", b"While", b"XlaCallModule")


def use_own_pools() -> None:
    """Let each session have threads of its own. Call it before TensorFlow makes the first one."""
    os.environ.setdefault(OWN_POOLS, "1")


def config_for(config: bytes, path: str, workers: int) -> bytes:
    """The ConfigProto that one version is loaded with.

    Args:
        config: A serialized ConfigProto, from flags and files.
        path: The version's folder.
        workers: Processes that serve the same models on this machine.
    """
    parsed = wire.ConfigProto.FromString(config)
    if parsed.intra_op_parallelism_threads or os.environ.get(OWN_POOLS) != "1":
        return config
    if is_small(path):
        parsed.intra_op_parallelism_threads = 1
    elif workers > 1:
        parsed.intra_op_parallelism_threads = max(1, (os.cpu_count() or 1) // workers)
    serialized: bytes = parsed.SerializeToString()
    return serialized


def is_small(path: str) -> bool:
    """Whether a model is so small that one thread does an op faster than several."""
    size = 0
    for folder, _, files in os.walk(path, followlinks=True):
        size += sum(_size(os.path.join(folder, name)) for name in files)
        if size > _MOST_SMALL_BYTES:
            return False
    try:
        with open(os.path.join(path, "saved_model.pb"), "rb") as file:
            graph = file.read()
    except OSError:
        return False
    return not any(word in graph for word in _HEAVY)


def _size(file: str) -> int:
    try:
        return os.path.getsize(file)
    except OSError:  # a link to nowhere among a model's files is nobody's business
        return 0
