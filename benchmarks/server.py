"""How fast the embedded server is, beside a real one, a naive one and the bare session calls.

    python benchmarks/server.py [--only rest,grpc,batching,startup] [--server-binary PATH] [--check]

Every server is started once and kept; in each round all that are compared are loaded in turn, one
at a time, so that a machine that slows down slows all of them. Each server's answers are compared
with TensorFlow's before it is loaded. REST is loaded by wrk, gRPC by a client of our own.
docs/performance.md says how to read what comes out.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run as a file, this folder stands in for the one above it
    sys.path[0] = str(Path(__file__).parents[1])

from benchmarks.serving import figures, starting, tables
from benchmarks.serving.cases import (
    HEAVY,
    NAMES,
    ROOT,
    Case,
    WrongAnswer,
    load_cases,
    models_folder,
)
from benchmarks.serving.loads import BareLoop, LoadFailed, Served, Target, measure
from benchmarks.serving.servers import KINDS, Server, ServerFailed

SERVERS = {
    "rest": ("bare", "embedded", "embedded-2", "naive", "real"),
    "grpc": ("bare", "floor", "embedded", "embedded-2", "real"),
    "batching": ("embedded-alone", "embedded", "embedded-batching", "real", "real-batching"),
}
PARTS = (*SERVERS, "startup")
BATCHED = ("mlp", HEAVY)
BATCHING_CONCURRENCY = 32
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"


def words(allowed: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """A type for argparse: some of these words, with commas between them."""

    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        if unknown := set(chosen) - set(allowed):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not in {','.join(allowed)}")
        return chosen

    return parse


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def parser() -> argparse.ArgumentParser:
    every = tuple(dict.fromkeys(name for names in SERVERS.values() for name in names))
    made = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    made.add_argument("--only", type=words(PARTS), default=PARTS, help=",".join(PARTS))
    made.add_argument("--models", type=words(NAMES), default=NAMES, help=",".join(NAMES))
    made.add_argument("--servers", type=words(every), default=every, help=",".join(every))
    made.add_argument("--concurrency", type=numbers, default=(1, 8, 32), help="1,8,32")
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--seconds", type=int, default=2, help="of one load; MobileNetV2 twice that")
    made.add_argument("--start-rounds", type=int, default=starting.ROUNDS)
    made.add_argument("--server-binary", metavar="PATH", help="a real tensorflow_model_server")
    made.add_argument("--json", type=Path, metavar="FILE", help="write everything as data")
    made.add_argument("--check", action="store_true", help="exit 1 when a stated limit is missed")
    made.add_argument(
        "--markdown", type=Path, metavar="FILE",
        help="measure nothing: put the figures of a --json file into docs/performance.md",
    )  # fmt: skip
    return made


def check_tools(options: argparse.Namespace) -> None:
    """End with what to install when something is missing."""
    servers = chosen_servers(options)
    if {"rest", "batching"} & set(options.only) and not shutil.which("wrk"):
        sys.exit("wrk isn't there, which loads REST: apt-get install wrk, or --only grpc,startup")
    missing = [name for name in ("starlette", "uvicorn") if not importlib.util.find_spec(name)]
    if "naive" in servers and missing:
        sys.exit(
            f"{' and '.join(missing)}: not installed, and the naive server needs it: "
            "pip install 'tfdeploy-serving[bench]', or leave it out with --servers"
        )
    if options.server_binary and not shutil.which(options.server_binary):
        sys.exit(f"--server-binary: {options.server_binary} is no program")


def targets_of(part: str, options: argparse.Namespace) -> list[str]:
    """The servers of a part; real ones only when there is one."""
    named = [name for name in SERVERS.get(part, ()) if name in options.servers]
    return [name for name in named if options.server_binary or not name.startswith("real")]


def chosen_servers(options: argparse.Namespace) -> list[str]:
    return list(dict.fromkeys(name for part in options.only for name in targets_of(part, options)))


def keys_of(options: argparse.Namespace) -> list[figures.Key]:
    """All that is compared, in the order in which it is measured."""
    keys = [
        figures.Key(part, case, concurrency)
        for part in ("rest", "grpc")
        for case in options.models
        for concurrency in options.concurrency
    ]
    keys += [
        figures.Key("batching", case, BATCHING_CONCURRENCY)
        for case in BATCHED
        if case in options.models
    ]
    return [key for key in keys if key.part in options.only and targets_of(key.part, options)]


@contextlib.contextmanager
def running(
    options: argparse.Namespace, folder: Path, cases: list[Case]
) -> Iterator[tuple[dict[str, Target], list[Server]]]:
    """All servers that are asked for, started and proven to answer right."""
    names = list(dict.fromkeys(case.model for case in cases))
    targets: dict[str, Target] = {}
    servers = []
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in chosen_servers(options):
            say(f"starting {name}")
            if name == BareLoop.name:
                loop = BareLoop(folder, names, work / "bare.log")
                stack.callback(loop.stop)
                targets[name] = loop
                continue
            server = Server(KINDS[name], options.server_binary or "", folder, names, work)
            stack.callback(server.stop)
            server.check(cases)
            servers.append(server)
            targets[name] = Served(server, work)
        yield targets, servers


def load_all(
    options: argparse.Namespace, targets: dict[str, Target], cases: dict[str, Case]
) -> figures.Samples:
    """Every round of everything; before the first a short one warms up and is thrown away."""
    samples: figures.Samples = {}
    for number in range(-1, options.rounds):
        for key in keys_of(options):
            turn = f"round {number + 1} of {options.rounds}" if number >= 0 else "warm-up"
            say(f"{turn}: {key.part} {key.case} {key.concurrency}")
            case = cases[key.case]
            seconds = options.seconds * (2 if key.case == HEAVY else 1) if number >= 0 else 1

            def load(
                target: Target, key: figures.Key = key, case: Case = case, seconds: int = seconds
            ) -> figures.Sample:
                return target.load(key.part, case, key.concurrency, seconds)

            kept = samples.setdefault(key, {}) if number >= 0 else {}
            measure([targets[name] for name in targets_of(key.part, options)], load, kept, number)
    return samples


def say(text: str) -> None:
    """Progress goes to stderr."""
    print(text, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    packages = ("tensorflow", "grpcio", "uvloop", "starlette", "uvicorn", "orjson")
    found = {name: _version(name) for name in packages}
    cores = len(os.sched_getaffinity(0))
    cpu = named[0] if named else platform.machine()
    return {"cpu": cpu, "cores": cores, "python": platform.python_version(), **found}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure what the options ask for; all of it as plain data."""
    folder = models_folder()
    cases = load_cases(folder)
    rows: list[dict[str, Any]] = []
    memory: list[dict[str, Any]] = []
    start: list[dict[str, Any]] = []
    if "startup" in options.only:
        say("start-up")
        light = cases["half_plus_two"]
        start = starting.measure(folder, light, options.server_binary, options.start_rounds)
    if keys_of(options):
        chosen = [cases[name] for name in options.models]
        with running(options, folder, chosen) as (targets, servers):
            rows = figures.rows_of(load_all(options, targets, cases))
            memory = [{"server": one.name, **asdict(one.memory())} for one in servers]
    verdicts = figures.verdicts_of(rows) + (starting.verdicts_of(start) if start else [])
    return {
        "machine": machine(),
        "options": {"rounds": options.rounds, "seconds": options.seconds},
        "rows": rows,
        "memory": memory,
        "startup": start,
        "limits": [asdict(verdict) for verdict in verdicts],
    }


def write_page(found: dict[str, Any]) -> None:
    """Put the tables between the two marks of docs/performance.md."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    filled = tables.report(found, tables.markdown, "### ")
    PAGE.write_text(f"{before}{BEGIN}{filled}{END}{after}", encoding="utf-8")


def exit_code(found: dict[str, Any], check: bool) -> int:
    """1 when a request failed, or with ``check`` a limit was missed."""
    failed = [row for row in found["rows"] if row["failed"]]
    for row in failed:
        where = f"{row['part']}, {row['case']}, {row['concurrency']} clients, {row['server']}"
        say(f"!!! {row['failed']} FAILED REQUESTS: {where}. Its figures mean nothing.")
    missed = [one for one in found["limits"] if not one["met"]]
    for one in missed:
        say(f"missed: {one['what']} is {one['measured']}, {one['limit']} is asked for")
    return 1 if failed or (check and missed) else 0


def main() -> int:
    """Print the tables; exit 1 as `exit_code` says, and 2 when a server can't be measured."""
    options = parser().parse_args()
    if options.markdown:
        write_page(json.loads(options.markdown.read_text(encoding="utf-8")))
        return 0
    check_tools(options)
    # A SIGTERM must end the servers as ^C does.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        found = run(options)
    except (ServerFailed, LoadFailed, WrongAnswer) as error:
        say(f"failed: {error}")
        return 2
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(tables.report(found, tables.plain, ""))
    return exit_code(found, options.check)


if __name__ == "__main__":
    sys.exit(main())
