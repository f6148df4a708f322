"""The measuring process: real TensorFlow and a real model, on the CPU with a meter of our own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfdeploy.exporting.gpu_memory import measure
from tfdeploy.exporting.tensorflow_import import import_tensorflow
from tfdeploy.gpu.profiling import Measured


@dataclass
class Steps:
    """A pool in which loading takes 100 bytes and every run 7 more at its most."""

    held: int = 50
    peak: int = 0
    asked: list[str] = field(default_factory=list)

    def now(self) -> int:
        self.asked.append("now")
        # The second question comes after loading.
        self.held = 150 if len(self.asked) > 1 else 50
        return self.held

    def most(self) -> int:
        self.asked.append("most")
        return self.held + 7

    def begin(self) -> None:
        self.asked.append("begin")


def test_a_model_is_loaded_and_run_with_every_batch(half_versions: Path) -> None:
    said: list[Any] = []
    meter = Steps()
    measure(import_tensorflow(), half_versions / "1", [1, 4], meter, said.append)
    assert said == [
        {"event": "loaded", "weights_bytes": 100},
        {"event": "ran", "rows": 1, "activation_bytes": 7},
        {"event": "ran", "rows": 4, "activation_bytes": 7},
    ]
    assert meter.asked == ["now", "now", *(["now", "begin", "most"] * 2)]


def test_the_process_says_plainly_that_there_is_no_gpu(half_versions: Path) -> None:
    words = [sys.executable, "-m", "tfdeploy.exporting.gpu_memory"]
    done = subprocess.run(
        [*words, str(half_versions / "1"), "100", "1"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    measured = Measured()
    for line in done.stdout.splitlines():
        measured.hear(line)
    assert measured.why_not == "TensorFlow sees no GPU"
