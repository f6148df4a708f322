"""How long ``tfdeploy inspect`` takes on a graph of 50 MB, beside the ways that import more.

The model is made here, on the wire: some 190,000 nodes, the list of ops, one signature. Each
round runs every command once, in turn, so that a machine that slows down slows all of them.
Printed: the median of the whole process, user plus system CPU time and wall time, and its ratio to
the bare interpreter's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent
LIMIT_SECONDS = 0.2
SIZE = 50 * 10**6
OPS = ("Const", "MatMul", "Placeholder", "ReadVariableOp", "Relu", "StatefulPartitionedCall")
WITH_TENSORFLOW = """
import sys
import tensorflow
from tensorflow.core.protobuf import saved_model_pb2
saved_model_pb2.SavedModel.FromString(open(sys.argv[1], "rb").read())
"""


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value % (1 << 64))


def block(field: int, data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def node(index: int) -> bytes:
    """A NodeDef of some 250 bytes: a name, an op, two inputs, two attributes."""
    name = f"model/block_{index // 100}/layer_{index}/"
    attributes = block(5, block(1, "T") + block(2, number(6, 1)))
    attributes += block(5, block(1, "_output_shapes") + block(2, block(2, b"shape" * 21)))
    inputs = block(3, f"{name}before") + block(3, f"{name}weights")
    return block(1, f"{name}MatMul") + block(2, "MatMul") + inputs + attributes


def tensor(alias: str) -> bytes:
    shape = block(2, number(1, -1)) + block(2, number(1, 224))
    return block(1, alias) + block(2, block(1, f"{alias}:0") + number(2, 1) + block(3, shape))


def write_model(folder: Path) -> Path:
    """Write folder/1/saved_model.pb of 50 MB."""
    ops = block(2, b"".join(block(1, block(1, op)) for op in OPS))
    info = ops + block(4, "serve") + block(5, "2.21.0")
    nodes, size = [], 0
    while size < SIZE:
        nodes.append(block(1, node(len(nodes))))
        size += len(nodes[-1])
    call = block(1, tensor("x")) + block(2, tensor("y")) + block(3, "tensorflow/serving/predict")
    signature = block(5, block(1, "serving_default") + block(2, call))
    graph = block(1, info) + block(2, b"".join(nodes)) + signature
    file = folder / "1" / "saved_model.pb"
    file.parent.mkdir(parents=True)
    file.write_bytes(number(1, 1) + block(2, graph))
    print(f"{len(nodes)} nodes, {file.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    return file


def run(argv: list[str]) -> tuple[float, float]:
    """CPU and wall time of one process, in seconds."""
    quiet = [
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
    ]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(argv)} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - began


def commands(file: Path, with_tensorflow: bool) -> dict[str, list[str]]:
    base_path = str(file.parent.parent)
    found = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "tfdeploy --version": [str(BIN / "tfdeploy"), "--version"],
        "tfdeploy inspect": [str(BIN / "tfdeploy"), "inspect", base_path],
        "tfdeploy inspect --json": [str(BIN / "tfdeploy"), "inspect", base_path, "--json"],
    }
    if with_tensorflow:
        found["import tensorflow, parse"] = [sys.executable, "-c", WITH_TENSORFLOW, str(file)]
    return found


def measure(argvs: dict[str, list[str]], rounds: int) -> dict[str, tuple[float, float]]:
    """Command → median CPU and wall time, in seconds."""
    for argv in argvs.values():
        run(argv)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in argvs}
    for _ in range(rounds):
        for name, argv in argvs.items():
            times[name].append(run(argv))
    return {
        name: (statistics.median(cpu for cpu, _ in all_), statistics.median(w for _, w in all_))
        for name, all_ in times.items()
    }


def main() -> int:
    """Print the table; exit 1 when inspect takes longer than its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-tensorflow", action="store_true", help="leave out its import")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = write_model(Path(folder) / "model")
        figures = measure(commands(file, not options.no_tensorflow), options.rounds)
    bare_cpu, bare_wall = figures["python -c pass"]
    rows = [
        {
            "command": name,
            "cpu_ms": round(cpu * 1000, 1),
            "cpu_ratio": round(cpu / bare_cpu, 1) if bare_cpu else None,
            "wall_ms": round(wall * 1000, 1),
            "wall_ratio": round(wall / bare_wall, 1),
        }
        for name, (cpu, wall) in figures.items()
    ]
    if options.json:
        print(json.dumps({"rounds": options.rounds, "rows": rows}, indent=2))
    else:
        print(f"median of {options.rounds} rounds, whole processes, {sys.executable}")
        print(f"{'command':28}{'CPU ms':>8}{'ratio':>7}{'wall ms':>9}{'ratio':>7}")
        for row in rows:
            print(
                f"{row['command']:28}{row['cpu_ms']:8}{row['cpu_ratio']:7}"
                f"{row['wall_ms']:9}{row['wall_ratio']:7}"
            )
    return 1 if figures["tfdeploy inspect"][1] > LIMIT_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
