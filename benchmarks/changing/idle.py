"""`plan` and `up` with nothing to do, for stacks of 1, 10 and 100 services that all run."""

from __future__ import annotations

import stat
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from changing.box import ROOT, STACK, Box
from tfdeploy.plan import make_plan
from tfdeploy.render import render_stack
from tfdeploy.render.folder import template_lookup
from tfdeploy.runtimes import choose_runtime
from tfdeploy.stack import load_stack, resolve_wanted

SIZES = (1, 10, 100)
# Of each service: a model under its latest version, and one with two versions and a label.
MODELS = {"fresh": {}, "line": {"versions": {"specific": [1, 2]}, "labels": {"stable": 1}}}
# `help` is what any command costs that reads no stack.
COMMANDS = {
    "help": ("plan", "--help"),
    "render": ("render", STACK, "--check"),
    "plan": ("plan", STACK),
    "up": ("up", STACK),
}


def measure(work: Path, templates: Path, rounds: int) -> list[dict[str, Any]]:
    """For each number of services, medians in seconds of wall time.

    `help_s`, `render_s`, `plan_s` and `up_s` are whole commands; `rendering_s` (the Compose file
    and all configs), `observing_s` (all services over REST) and `planning_s` are parts alone.
    """
    return [_measure(work, templates, size, rounds) for size in SIZES]


def _measure(work: Path, templates: Path, size: int, rounds: int) -> dict[str, Any]:
    with _running(work / f"idle-{size}", templates, size) as box:
        box.run("render", STACK)
        times: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name, words in COMMANDS.items():
                times[name].append(_timed(box, *words))
            for name, seconds in _time_parts(box.path).items():
                times.setdefault(name, []).append(seconds)
    return {
        "services": size,
        "rounds": rounds,
        **{f"{name}_s": round(statistics.median(all_), 4) for name, all_ in times.items()},
    }


def _time_parts(path: Path) -> dict[str, float]:
    """What a plan is made of, called in this process: part → seconds."""
    file = load_stack(path)
    runtime = choose_runtime(file).runtime
    templates = template_lookup(file, None)
    rendered, wanted = runtime.render(templates), resolve_wanted(file)
    began = time.perf_counter()
    render_stack(file, templates=templates)
    done_rendering = time.perf_counter()
    observed = runtime.observe()
    done_observing = time.perf_counter()
    plan = make_plan(file.stack, rendered, wanted, observed, runtime.name)
    ended = time.perf_counter()
    if plan.steps:
        raise RuntimeError(str(plan))
    return {
        "rendering": done_rendering - began,
        "observing": done_observing - done_rendering,
        "planning": ended - done_observing,
    }


def _timed(box: Box, *words: str) -> float:
    began = time.perf_counter()
    ran = box.run(*words)
    seconds = time.perf_counter() - began
    changes_nothing = words[0] not in ("plan", "up") or "up to date" in ran.stdout + ran.stderr
    if ran.exit_code or not (changes_nothing or "--help" in words):
        raise RuntimeError(f"{' '.join(words)}: {ran.stdout}{ran.stderr}")
    return seconds


@contextmanager
def _running(root: Path, templates: Path, size: int) -> Iterator[Box]:
    services = {f"s{number:03}": {"models": MODELS} for number in range(size)}
    box = Box(root, templates, f"idle-{size}", {"runtime": "process", "services": services})
    box.publish("fresh", 1)
    box.publish("line", 1, 2)
    try:
        box.up("--server-binary", str(_write_server(root)))
        yield box
    finally:
        box.down()


def _write_server(root: Path) -> Path:
    """A program that is a server as far as a plan can see."""
    path = root / "tensorflow_model_server"
    server = ROOT / "benchmarks" / "changing" / "light_server.py"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {server} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
