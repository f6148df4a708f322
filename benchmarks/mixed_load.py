"""A server under a mixed load: no wrong answer, no leak, no lost request.

Several models, REST and gRPC, in many client threads; versions change every few seconds, the
config is rewritten, some clients send nonsense, dawdle or hang up. Every answer is checked by its
content, and must come from a version that was there between the request's start and its end.
Exit 1 when anything was lost or wrong, when memory, open files or threads grew, or when the server
did not end on SIGTERM. What follows `--` goes to the server as flags.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from soak.changes import Changer, ConfigChanger, FolderChanger, World
from soak.configs import Config
from soak.load import Clients, Load, take_all
from soak.observation import Judge
from soak.server import Operator, ServerProcess, server_command
from soak.summary import render_summary, summarize
from soak.timeline import Timeline
from soak.watching import Watcher

HERE = Path(__file__).resolve().parent
_LINE_SECONDS = 5.0
# Requests of all sizes fit, and wait for others to join.
_BATCHING = """
max_batch_size { value: 2000000 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 4 }
"""
# Several workers may differ about what is there for a moment.
_WORKERS_SETTLE_SECONDS = 2.5


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long the load goes on")
    parser.add_argument("--rate", type=float, default=300, help="requests a second, at most")
    parser.add_argument("--clients", type=int, default=2, help="client processes")
    parser.add_argument("--workers", type=int, help="the server's flag of this name")
    parser.add_argument("--settle", type=float, help="seconds in which workers may differ")
    parser.add_argument("--batching", action="store_true", help="batching on, with a timeout")
    parser.add_argument("--server-binary", help="another server, such as tensorflow_model_server")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--json", type=Path, help="write the summary to this file")
    parser.add_argument("flags", nargs="*", help="more flags for the server, after --")
    options = parser.parse_args()
    if options.settle is None:
        options.settle = _WORKERS_SETTLE_SECONDS if (options.workers or 1) > 1 else 0.0
    return options


def _server_flags(options: argparse.Namespace, work: Path) -> list[str]:
    flags = [f"--workers={options.workers}"] if options.workers else []
    if options.batching:
        file = work / "batching.config"
        file.write_text(_BATCHING)
        flags += ["--enable_batching", f"--batching_parameters_file={file}"]
    return [*flags, *options.flags]


class Run:
    """One run, from the models to the summary."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        """Write the models, start the server, and wait until it serves."""
        self._options = options
        self._timeline = Timeline()
        self._judge = Judge(self._timeline)
        templates, models = work / "templates", work / "models"
        argv = [sys.executable, "-m", "soak.models", str(templates)]
        subprocess.run(argv, cwd=HERE, check=True)
        self._world = World(templates, models, self._timeline, options.settle)
        config = Config(models)
        config.save(work / "models.config")
        flags = _server_flags(options, work)
        self.server = ServerProcess(work, server_command(options.server_binary), flags)
        self.server.wait_ready(list(self._world.folders))
        self._world.begin()
        operator = Operator(self.server.grpc_port)
        self._changers: list[Changer] = [
            FolderChanger(self._world, operator, options.seed + 1),
            ConfigChanger(self._world, operator, options.seed + 2, config, self.server.config_file),
        ]
        self._load = Load(
            self.server.rest_port,
            self.server.grpc_port,
            templates / "weights.npz",
            options.rate,
            options.clients,
            options.seed,
        )

    def go(self) -> dict[str, Any]:
        """Load the server, watch it, stop it; the summary."""
        watcher = Watcher(self.server.process.pid)
        began = time.monotonic()
        clients = Clients(self._load)
        for changer in self._changers:
            changer.start()
        self._watch(watcher, clients, began)
        seconds = time.monotonic() - began
        for changer in self._changers:
            changer.stop()
        clients.stop()
        while not clients.is_done():
            self._take(clients, 0.1)
        self._take(clients, 0.1)
        stop_seconds, exit_code = self.server.stop()
        ending = {
            "stop_seconds": round(stop_seconds, 3),
            "exit_code": exit_code,
            "alarms": self.server.alarms(),
            "seed": self._options.seed,
        }
        return summarize(self._judge, watcher.samples, seconds, self._world.counts, ending)

    def _watch(self, watcher: Watcher, clients: Clients, began: float) -> None:
        next_sample = next_line = time.monotonic()
        while (now := time.monotonic()) < began + self._options.seconds:
            self._take(clients, 0.1)
            if self.server.process.poll() is not None or clients.dead():
                text = f"clients ended with {clients.dead()}, the server with "
                text += f"{self.server.process.poll()}:\n{self.server.log_end()}"
                self._judge.add_failure("run", "wrong", text)
                return
            if now >= next_sample:
                next_sample = now + 1.0
                watcher.sample()
            if now >= next_line:
                next_line = now + _LINE_SECONDS
                self._print_line(watcher, now - began)

    def _take(self, clients: Clients, wait_seconds: float) -> None:
        for observation in take_all(clients.observations, wait_seconds):
            self._judge.add(observation)
        for changer in self._changers:
            while changer.failures:
                self._judge.add(changer.failures.pop())

    def _print_line(self, watcher: Watcher, seconds: float) -> None:
        last = watcher.samples[-1]
        judge = self._judge
        print(
            f"{seconds:6.0f} s {judge.total():8} requests {judge.total('lost'):4} lost "
            f"{judge.total('wrong'):4} wrong  RSS {last.rss_bytes / 1e6:7.1f} MB "
            f"own {last.own_bytes / 1e6:7.1f} MB  {last.files:3} files {last.threads:3} threads  "
            f"{sum(self._world.counts.values())} changes",
            flush=True,
        )


def main() -> int:
    """Run the load; exit 1 when the server failed."""
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="mixed-load-") as folder:
        run = Run(options, Path(folder))
        try:
            summary = run.go()
        finally:
            if run.server.process.poll() is None:
                run.server.kill()
    print(render_summary(summary))
    if options.json:
        options.json.write_text(json.dumps(summary, indent=2) + "\n", "utf-8")
    return 1 if summary["reasons"] else 0


if __name__ == "__main__":
    sys.exit(main())
