"""`make demo`: the main job from end to end, with the very commands that a user types."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from stacks.demo.digits import write_png
from tfdeploy import __version__
from tfdeploy.runtimes.docker import engine_error, image_error
from tfdeploy.stack.schema import DEFAULT_IMAGE

SCRATCH = Path(".demo")
IMAGE_FILE = SCRATCH / "digit.png"
STACK = "digits-demo"


def tfdeploy(*words: str, keep: bool = False, check: bool = True) -> str:
    """Show and run one command; with ``keep`` its output is returned, too."""
    print(f"\n$ tfdeploy {shlex.join(words)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "tfdeploy", *words],
        stdout=subprocess.PIPE if keep else None,
        text=True,
        check=False,
    )
    if keep:
        print(done.stdout, end="", flush=True)
    if check and done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


def image() -> list[str]:
    """The official image where it can be had, else the local one when it was built."""
    local = f"tfdeploy-server:{__version__}"
    if engine_error() is None and image_error(DEFAULT_IMAGE) and image_error(local) is None:
        return ["--image", local]
    return []


def main() -> int:
    """Run the walk; the exit code says whether the digit was recognised."""
    os.environ["TFDEPLOY_STACKS_DIR"] = str(SCRATCH / "stacks")
    runtime = os.environ.get("RUNTIME")
    on = ["--runtime", runtime] if runtime else []
    if (SCRATCH / "stacks" / STACK / "stack.yaml").exists():
        tfdeploy("down", STACK, check=False)
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir()
    print(f"everything goes to {SCRATCH}/; export TFDEPLOY_STACKS_DIR={SCRATCH}/stacks")
    models = str(SCRATCH / "models")
    source = "stacks.demo.digits:model"
    tfdeploy("export", source, "--name", "digits", "--to", models, "--image", "--scale", "1/255")
    tfdeploy("new", STACK, *image())
    tfdeploy("add-model", STACK, "digits", "--label", "stable=1")
    try:
        tfdeploy("up", STACK, *on)
        return ask()
    finally:
        tfdeploy("status", STACK, check=False)
        tfdeploy("down", STACK)


def ask() -> int:
    """Send a digit that the model hasn't seen, and compare."""
    digit = write_png(IMAGE_FILE)
    tfdeploy("predict", STACK, "digits", "--image", str(IMAGE_FILE))
    words = ("predict", STACK, "digits", "--image", str(IMAGE_FILE), "--label", "stable", "--json")
    answer = json.loads(tfdeploy(*words, keep=True))
    (scores,) = answer["predictions"]
    best = max(range(len(scores)), key=scores.__getitem__)
    print(f"\nthe image shows a {digit}; the model says {best} with a score of {scores[best]:.3f}")
    return 0 if best == digit else 1


if __name__ == "__main__":
    sys.exit(main())
