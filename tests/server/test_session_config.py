"""What TensorFlow's session gets of the flags and of the session config file, byte for byte."""

import struct
from pathlib import Path
from typing import Any

import pytest

from tfdeploy import wire
from tfdeploy.server.flags import Flags
from tfdeploy.server.session_config import apply_mixed_precision, session_config
from tfdeploy.server.status import ServingError

pytestmark = pytest.mark.timeout(10)


def file_with(folder: Path, text: str) -> Flags:
    path = folder / "session.config"
    path.write_text(text)
    return Flags(tensorflow_session_config_file=str(path))


def test_gpu_fraction_and_growth_are_in_the_bytes(tmp_path: Path) -> None:
    path = file_with(tmp_path, "gpu_options { allow_growth: true }").tensorflow_session_config_file
    flags = Flags(tensorflow_session_config_file=path, per_process_gpu_memory_fraction=0.25)
    # ConfigProto.gpu_options is 6; in GPUOptions the fraction is double 1, allow_growth bool 4.
    gpu_options = b"\x09" + struct.pack("<d", 0.25) + b"\x20\x01"
    assert session_config(flags).SerializeToString() == b"\x32\x0b" + gpu_options


def test_fraction_is_a_32_bit_float_widened() -> None:
    config = session_config(Flags(per_process_gpu_memory_fraction=0.1))
    assert config.gpu_options.per_process_gpu_memory_fraction == 0.10000000149011612


def test_flags_overwrite_three_fields_of_the_file_and_no_others(tmp_path: Path) -> None:
    text = """
        intra_op_parallelism_threads: 7
        inter_op_parallelism_threads: 8
        gpu_options { per_process_gpu_memory_fraction: 0.5 visible_device_list: "1" }
        device_count { key: "CPU" value: 2 }
    """
    config = session_config(file_with(tmp_path, text))
    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (0, 0)
    assert config.gpu_options.per_process_gpu_memory_fraction == 0
    assert config.gpu_options.visible_device_list == "1"
    assert config.device_count["CPU"] == 2


@pytest.mark.parametrize(
    ("flags", "threads"),
    [
        ({"session": 3}, (3, 3)),
        ({"intra_op": 2}, (2, 0)),
        ({"inter_op": 2}, (0, 2)),
        ({"session": 3, "intra_op": 1}, (1, 0)),
        ({"session": -1}, (-1, -1)),
        ({"session": 2**32 + 5}, (5, 5)),
    ],
)
def test_parallelism(flags: dict[str, int], threads: tuple[int, int]) -> None:
    chosen: dict[str, Any] = {f"tensorflow_{k}_parallelism": v for k, v in flags.items()}
    config = session_config(Flags(**chosen))
    found = (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads)
    assert found == threads


def test_parallelism_may_not_be_said_in_all_ways() -> None:
    flags = Flags(
        tensorflow_session_parallelism=1,
        tensorflow_intra_op_parallelism=1,
        tensorflow_inter_op_parallelism=1,
    )
    with pytest.raises(ServingError, match="You cannot configure all"):
        session_config(flags)


WHOLE = """
    session_inter_op_thread_pool { num_threads: 2 global_name: "x" }
    graph_options {
      optimizer_options { opt_level: L0 global_jit_level: ON_2 cpu_global_jit: true }
      rewrite_options {
        memory_optimization: HEURISTICS
        auto_parallel { enable: true }
        optimizers: "pruning"
        custom_optimizers { name: "c" parameter_map { key: "k" value { list { s: "a" } } } }
        inter_optimizer_verifier_config { structure_verifier: ON }
      }
    }
    rpc_options { compression_algorithm: "gzip" }
    cluster_def { job { name: "j" tasks { key: 1 value: "h:1" } } }
    pluggable_device_options { experimental { virtual_devices { memory_limit_mb: [1, 2.5] } } }
    experimental {
      executor_type: "SINGLE_THREADED_EXECUTOR"
      mlir_bridge_rollout: MLIR_BRIDGE_ROLLOUT_DISABLED
      coordination_config { coordinated_job_list { name: "j" num_tasks: 2 } }
    }
"""


def test_every_part_of_config_proto_is_known(tmp_path: Path) -> None:
    config = session_config(file_with(tmp_path, WHOLE))
    again = wire.ConfigProto.FromString(config.SerializeToString())
    assert again.graph_options.rewrite_options.custom_optimizers[0].name == "c"
    assert again.graph_options.optimizer_options.opt_level == -1
    assert again.experimental.coordination_config.coordinated_job_list[0].num_tasks == 2


def test_unknown_field_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="Invalid protobuf file"):
        session_config(file_with(tmp_path, "allow_growth: true"))


@pytest.mark.parametrize(("choice", "value"), [("bfloat16", 1), ("float16", 0), ("", 0)])
def test_mixed_precision(choice: str, value: int) -> None:
    config = wire.ConfigProto()
    apply_mixed_precision(config, choice)
    assert config.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 == value
