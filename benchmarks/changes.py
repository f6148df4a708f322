"""What it takes to change a running stack: lost requests, and time.

`load` makes every change of a table with the real command line while another process asks at a
steady rate, and counts what was answered rightly, wrongly or not at all. `available` compares
`add-model --up` with a config written by hand and the server's own poll. `idle` times `plan` and
`up` with nothing to do for stacks of 1, 10 and 100 services, whose servers only tell their state.
Exit 1 when a request was lost or a command failed.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from changing import available, idle
from changing.box import Box, write_templates
from changing.figures import TABLES, aligned, load_line, markdown
from changing.running import Client, faults, run_changes
from changing.table import (
    FIRST,
    FIRST_BEHIND_GATEWAY,
    Change,
    changes,
    changes_behind_gateway,
    first_stack,
    gateway_stack,
    publish_first,
)
from soak.server import free_ports


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", nargs="*", metavar="load|available|idle", help="which figures; all by default"
    )
    parser.add_argument("--runtime", choices=("process", "docker"), default="process")
    parser.add_argument("--image", help="the servers' image on the docker runtime")
    parser.add_argument("--other-image", help="one to change to, behind the gateway")
    parser.add_argument("--gateway-image", help="the gateway's image on the docker runtime")
    parser.add_argument("--server-binary", help="another server, such as tensorflow_model_server")
    parser.add_argument("--rate", type=float, default=125, help="requests a second, of all kinds")
    parser.add_argument("--settle", type=float, default=3, help="seconds after each change")
    parser.add_argument("--rounds", type=int, default=5, help="of what is timed")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--markdown", action="store_true", help="print tables for a page")
    options = parser.parse_args()
    unknown = sorted(set(options.what) - set(PARTS))
    if unknown:
        parser.error(f"no such figures: {', '.join(unknown)}")
    return options


def take_load(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Run the tables, each on a stack of its own."""
    ports = free_ports(3)
    plain, entry = ports[:2], ports[2:] * 2
    image, runtime = options.image, options.runtime
    stack = first_stack(image, runtime, *plain)
    rows = _run_table(options, work / "load", stack, plain, changes(), FIRST)
    stack = gateway_stack(image, runtime, options.gateway_image, entry[0])
    behind = changes_behind_gateway(options.other_image)
    found = _run_table(options, work / "gateway", stack, entry, behind, FIRST_BEHIND_GATEWAY)
    rows += [{**row, "name": f"behind a gateway: {row['name']}"} for row in found]
    return {"runtime": runtime, "rate": options.rate, "rows": rows, "faults": faults(rows)}


def _run_table(
    options: argparse.Namespace,
    root: Path,
    stack: dict[str, Any],
    ports: list[int],
    table: list[Change],
    first: dict[str, int],
) -> list[dict[str, Any]]:
    box = Box(root, root.parent / "templates", f"changes-{secrets.token_hex(3)}", stack)
    publish_first(box)
    words = ("--server-binary", options.server_binary) if options.server_binary else ()
    try:
        box.up(*words)
        with Client(*ports, options.rate) as client:
            return run_changes(box, client, table, first, options.settle, _tell)
    finally:
        box.down()


def _tell(row: Mapping[str, Any]) -> None:
    print(" ".join(load_line(row)), file=sys.stderr, flush=True)


def take_available(options: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """Time how long a new model takes."""
    root, templates = work / "available", work / "templates"
    return available.measure(root, templates, options.rounds, options.server_binary)


def take_idle(options: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """Time what has nothing to do."""
    return idle.measure(work, work / "templates", options.rounds)


PARTS: Mapping[str, Callable[[argparse.Namespace, Path], Any]] = {
    "load": take_load,
    "available": take_available,
    "idle": take_idle,
}


def main() -> int:
    """Take the figures; exit 1 when a request was lost."""
    options = parse_options()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="changes-") as folder:
        work = Path(folder)
        write_templates(work / "templates")
        for what in options.what or PARTS:
            figures[what] = PARTS[what](options, work)
            table = TABLES[what](figures[what])
            print(markdown(table) if options.markdown else aligned(table), end="\n\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    found = figures.get("load", {}).get("faults", [])
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
