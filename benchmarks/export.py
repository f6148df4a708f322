"""What an export costs beside the bare save of the same model.

Each round runs every command once, in turn, as whole processes: the bare save (import TensorFlow,
load the .keras file, trace, tf.saved_model.save of the variables alone, as cheap as a save that
serves gets), Keras' own ``model.export``, a bare ``import tensorflow``, and ``tfdeploy export``
with and without its proof. The export may take 1.25 times the bare save plus one start of a fresh
TensorFlow.
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
LIMIT = 1.25
MAKE = """
import sys, keras
model = keras.applications.MobileNetV2(weights=None, input_shape=(224, 224, 3))
model.save(sys.argv[1])
"""
BARE = """
import sys, tensorflow as tf, keras
model = keras.saving.load_model(sys.argv[1], compile=False)
function = tf.function(lambda pixels: {"scores": model(pixels, training=False)})
spec = tf.TensorSpec([None, 224, 224, 3], tf.float32, name="pixels")
root = tf.Module()
root.variables_ = [one.value for one in model.variables]
tf.saved_model.save(root, sys.argv[2], signatures=function.get_concrete_function(spec))
"""
KERAS = """
import sys, keras
keras.saving.load_model(sys.argv[1], compile=False).export(sys.argv[2], verbose=False)
"""


def commands(model: str, to: str) -> dict[str, list[str]]:
    """Whole processes by name; every one writes below ``to``."""
    export = [str(BIN / "tfdeploy"), "export", model, "--name", "m", "--to"]
    return {
        "bare save": [sys.executable, "-c", BARE, model, f"{to}/bare"],
        "model.export": [sys.executable, "-c", KERAS, model, f"{to}/keras"],
        "import tensorflow": [sys.executable, "-c", "import tensorflow"],
        "export --no-verify": [*export, f"{to}/unproven", "--no-verify"],
        "export": [*export, f"{to}/proven"],
    }


def run(argv: list[str]) -> tuple[float, float]:
    """CPU time with all children, and wall time, of one process, in seconds."""
    quiet = [(os.POSIX_SPAWN_OPEN, n, "/dev/null", os.O_WRONLY, 0) for n in (1, 2)]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(argv)[:200]}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - began


def measure(rounds: int) -> dict[str, tuple[float, float]]:
    """Command to median CPU and wall time, in seconds."""
    times: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/mobilenet.keras"
        run([sys.executable, "-c", MAKE, model])
        for number in range(rounds):
            for name, argv in commands(model, f"{folder}/{number}").items():
                times.setdefault(name, []).append(run(argv))
    return {
        name: (statistics.median(cpu for cpu, _ in all_), statistics.median(w for _, w in all_))
        for name, all_ in times.items()
    }


def main() -> int:
    """Print the table; exit 1 when the limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rounds)
    bare, start = figures["bare save"][1], figures["import tensorflow"][1]
    allowed = {"export": LIMIT * bare + start, "export --no-verify": LIMIT * bare}
    rows = [
        {
            "command": name,
            "cpu_s": round(cpu, 2),
            "wall_s": round(wall, 2),
            "ratio_to_bare": round(wall / bare, 2),
            "allowed_s": round(allowed[name], 2) if name in allowed else None,
        }
        for name, (cpu, wall) in figures.items()
    ]
    if options.json:
        print(json.dumps({"rounds": options.rounds, "rows": rows}, indent=2))
    else:
        print(f"MobileNetV2, median of {options.rounds} rounds, whole processes, {sys.executable}")
        print(f"{'command':22}{'CPU s':>8}{'wall s':>8}{'ratio':>7}{'allowed s':>11}")
        for row in rows:
            limit = row["allowed_s"] or ""
            print(
                f"{row['command']:22}{row['cpu_s']:8}{row['wall_s']:8}"
                f"{row['ratio_to_bare']:7}{limit:>11}"
            )
    return 1 if any(row["allowed_s"] and row["wall_s"] > row["allowed_s"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
