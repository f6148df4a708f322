"""How long `tfdeploy lint` takes on a folder of a thousand set-ups.

Written here: Compose files with their config files, stacks, `docker run` scripts and config files
alone, every fifth of them with a mistake. Each round runs the whole command as users run it.
Printed: files, findings, the fastest and the median wall time, and the time for each file beyond
the start of the command. Ends with 1 when the median is above the limit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LIMIT_SECONDS = 60.0

COMPOSE = """\
services:
  serving:
    image: tensorflow/serving:2.20.0
    init: true
    ports: ["127.0.0.1:{port}:8501"]
    volumes: ["./models:/models:ro", "./config:/config:ro"]
    command:
      - --model_config_file=/config/models.config
      - --model_config_file_poll_wait_seconds=30
      - --enable_batching=true
      - --batching_parameters_file=/config/batching.config
      - {flag}
  web:
    image: nginx:1.27
"""
MODELS = """\
model_config_list {{
  config {{
    name: "model_{number}"
    base_path: "/models/model_{number}"
    {platform}
  }}
}}
"""
BATCHING = "max_batch_size { value: 64 }\nbatch_timeout_micros { value: 1000 }\n"
STACK = """\
stack: stack-{number}
image: tensorflow/serving:2.20.0
services:
  one:
    models: {{a: {{}}, b: {{versions: {{specific: [1, 2]}}, labels: {{stable: 1}}}}}}
    flags: {{{flag}: 60000}}
"""
RUN = """\
#!/bin/bash
MODEL_DIR="$(pwd)/models"
docker run -d --init --rm -p 127.0.0.1:{port}:8501 \\
  -v "$MODEL_DIR:/models" -e MODEL_NAME=m \\
  tensorflow/serving:2.20.0 {flag}
"""


def write_compose(folder: Path, number: int, broken: bool) -> None:
    """A Compose file, its models.config and its batching file: three files."""
    (folder / "config").mkdir(parents=True)
    flag = "--rest_api_timeout_in_ms 6000" if broken else "--rest_api_timeout_in_ms=6000"
    (folder / "docker-compose.yml").write_text(COMPOSE.format(port=20000 + number, flag=flag))
    platform = "" if broken else 'model_platform: "tensorflow"'
    (folder / "config/models.config").write_text(MODELS.format(number=number, platform=platform))
    (folder / "config/batching.config").write_text(BATCHING)


def write_stack(folder: Path, number: int, broken: bool) -> None:
    """A stack of tfdeploy's own."""
    folder.mkdir(parents=True)
    flag = "rest_api_timeout" if broken else "rest_api_timeout_in_ms"
    (folder / "stack.yaml").write_text(STACK.format(number=number, flag=flag))


def write_script(folder: Path, number: int, broken: bool) -> None:
    """A script with a `docker run` line."""
    folder.mkdir(parents=True)
    flag = "-enable_batching" if broken else "--enable_batching"
    (folder / "run.sh").write_text(RUN.format(port=30000 + number, flag=flag))


def write_models(folder: Path, number: int, broken: bool) -> None:
    """A models.config that nothing names."""
    folder.mkdir(parents=True)
    platform = "" if broken else 'model_platform: "tensorflow"'
    (folder / "models.config").write_text(MODELS.format(number=number, platform=platform))


WRITERS: tuple[Callable[[Path, int, bool], None], ...] = (
    write_compose,
    write_stack,
    write_script,
    write_models,
)


def write_all(root: Path, count: int) -> None:
    """``count`` set-ups, one kind after the other."""
    for number in range(count):
        write = WRITERS[number % len(WRITERS)]
        kind = write.__name__.removeprefix("write_")
        write(root / f"kind-{kind}" / f"{kind}-{number}", number, number % 5 == 0)


def seconds_of(*words: str) -> tuple[float, str]:
    """The wall time of one command, and what it printed."""
    argv = [sys.executable, "-m", "tfdeploy", *words]
    started = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return time.perf_counter() - started, done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set-ups", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tfdeploy-lint-") as folder:
        write_all(Path(folder), options.set_ups)
        start, _ = seconds_of("explain", "TFD255")
        runs = [seconds_of("lint", folder, "--json") for _ in range(options.rounds)]
    told = json.loads(runs[-1][1])
    times = [seconds for seconds, _ in runs]
    median, files = statistics.median(times), len(told["files"])
    print(f"{options.set_ups} set-ups, {files} files, {len(told['findings'])} findings")
    print(f"fastest {min(times):.2f} s, median {median:.2f} s, limit {LIMIT_SECONDS:.0f} s")
    print(f"{(median - start) / files * 1000:.2f} ms for each file, {start:.2f} s to start")
    return 0 if median <= LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
