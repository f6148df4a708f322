"""The embedded server under the mixed load, for a minute; SOAK_SECONDS makes it more or less."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
_MORE_SECONDS = 200


@pytest.mark.timeout(SECONDS + _MORE_SECONDS + 30)
def test_no_wrong_answer_no_lost_request_no_leak(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    argv = [sys.executable, str(ROOT / "benchmarks" / "mixed_load.py"), f"--seconds={SECONDS:g}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(
        [*argv, f"--json={file}"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=SECONDS + _MORE_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert file.exists(), printed
    summary = json.loads(file.read_text())
    assert summary["reasons"] == [], printed
    assert process.returncode == 0
    assert summary["requests"] > 20 * SECONDS
    assert {"new versions", "configs written"} <= summary["changes"].keys()
    untried = [kind for kind, outcomes in summary["kinds"].items() if not sum(outcomes.values())]
    assert untried == []
