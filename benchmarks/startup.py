"""How long the command line takes to start, beside a bare ``python -c pass``.

Each round runs every command once, in turn, so that a machine that slows down slows all of
them. Printed: the median of the whole process, user plus system CPU time and wall time, and its
ratio to the bare interpreter's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import tfdeploy.cli": [sys.executable, "-c", "import tfdeploy.cli"],
    "tfdeploy --version": [str(BIN / "tfdeploy"), "--version"],
    "tfdeploy --help": [str(BIN / "tfdeploy"), "--help"],
    "tfdeploy up --help": [str(BIN / "tfdeploy"), "up", "--help"],
    "tfdeploy explain TFD401": [str(BIN / "tfdeploy"), "explain", "TFD401"],
}
LIMITS = {"tfdeploy --version": 8.0, "tfdeploy --help": 14.0}


def run(argv: list[str]) -> tuple[float, float]:
    """CPU and wall time of one process, in seconds."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=quiet)
    _, _, used = os.wait4(pid, 0)
    return used.ru_utime + used.ru_stime, time.perf_counter() - began


def measure(rounds: int) -> dict[str, tuple[float, float]]:
    """Command → median CPU and wall time, in seconds."""
    for argv in COMMANDS.values():
        run(argv)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, argv in COMMANDS.items():
            times[name].append(run(argv))
    return {
        name: (statistics.median(cpu for cpu, _ in all_), statistics.median(w for _, w in all_))
        for name, all_ in times.items()
    }


def main() -> int:
    """Print the table; exit 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rounds)
    bare_cpu, bare_wall = figures["python -c pass"]
    rows = [
        {
            "command": name,
            "cpu_ms": round(cpu * 1000, 1),
            "cpu_ratio": round(cpu / bare_cpu, 1) if bare_cpu else None,
            "wall_ms": round(wall * 1000, 1),
            "wall_ratio": round(wall / bare_wall, 1),
            "limit": LIMITS.get(name),
        }
        for name, (cpu, wall) in figures.items()
    ]
    if options.json:
        print(json.dumps({"rounds": options.rounds, "rows": rows}, indent=2))
    else:
        print(f"median of {options.rounds} rounds, whole processes, {sys.executable}")
        print(f"{'command':28}{'CPU ms':>8}{'ratio':>7}{'wall ms':>9}{'ratio':>7}{'limit':>7}")
        for row in rows:
            limit = row["limit"] or ""
            print(
                f"{row['command']:28}{row['cpu_ms']:8}{row['cpu_ratio']:7}"
                f"{row['wall_ms']:9}{row['wall_ratio']:7}{limit:>7}"
            )
    missed = [row for row in rows if row["limit"] and row["wall_ratio"] > row["limit"]]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
