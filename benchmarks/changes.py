"""What it takes to change a running stack: lost requests, and time.

`load` makes every change of a table with the real command line while another process asks at a
steady rate, and counts what was answered rightly, wrongly or not at all. `available` compares
`add-model --up` with a config written by hand and the server's own poll. `idle` times `plan` and
`up` with nothing to do for stacks of 1, 10 and 100 services. Exit 1 when a request was lost.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from changing.box import Box, write_templates
from changing.idle import idle as measure_idle
from changing.running import Client, counted, faults, run_changes
from changing.table import FIRST, SERVICE, changes, first_stack, publish_first


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help="load, available, idle; all of them by default")
    parser.add_argument("--runtime", choices=("process", "docker"), default="process")
    parser.add_argument("--image", help="for the docker runtime; the one that is built by default")
    parser.add_argument("--rate", type=float, default=125, help="requests a second, of all kinds")
    parser.add_argument("--settle", type=float, default=3, help="seconds after each change")
    parser.add_argument("--rounds", type=int, default=5, help="of what is timed")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--markdown", action="store_true", help="print tables for a page")
    return parser.parse_args()


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def load(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Run the table."""
    name = f"changes-{secrets.token_hex(3)}"
    box = Box(work / "box", work / "templates", name, first_stack(options.image, options.runtime))
    publish_first(box)
    try:
        service = box.up()[SERVICE]
        ports = _port(service["rest"]), _port(service["grpc"])
        with Client(*ports, options.rate) as client:
            rows = run_changes(box, client, changes(), FIRST, options.settle, _print_row)
    finally:
        box.down()
    return {"runtime": options.runtime, "rate": options.rate, "rows": rows, "faults": faults(rows)}


def _print_row(row: dict[str, Any]) -> None:
    counts = " ".join(f"{counted(row, what):6}" for what in ("right", "wrong", "failed", "unsent"))
    print(f"{row['name']:48}{row['command_seconds']:7.2f} s {counts}", flush=True)


def idle(options: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """Time what has nothing to do."""
    return measure_idle(work, work / "templates", options.rounds)


PARTS: dict[str, Callable[[argparse.Namespace, Path], Any]] = {"load": load, "idle": idle}


def print_figures(figures, markdown):
    print(json.dumps({k: v for k, v in figures.items() if k != "load"}, indent=1))


def main() -> int:
    """Take the figures; exit 1 when a request was lost."""
    options = parse_options()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="changes-") as folder:
        work = Path(folder)
        write_templates(work / "templates")
        for what in options.what or PARTS:
            figures[what] = PARTS[what](options, work)
    print_figures(figures, options.markdown)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return 1 if figures.get("load", {}).get("faults") else 0


if __name__ == "__main__":
    sys.exit(main())
