"""Labels move on a stack of containers: asked first, without a restart, and back."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.e2e.test_changes import break_variables, same_run
from tfdeploy.runtimes.containers import host_address

MODEL = {
    "versions": {"specific": [1]},
    "labels": {"stable": 1},
    "checks": [{"request": [2.0], "expected": [3.0], "tolerance": 0.1}],
}


def stable(box: Any) -> float:
    """What the label answers to 2.0."""
    url = f"http://{host_address(box.inspect(), 8501)}/v1/models/half/labels/stable:predict"
    with urllib.request.urlopen(url, b'{"instances": [2.0]}', timeout=10) as reply:
        return float(json.load(reply)["predictions"][0])


def test_a_label_moves_when_its_version_has_answered_and_goes_back(box: Any) -> None:
    box.give("half", 2, 3)
    box.write({"serving": {"models": {"half": MODEL}}})
    box.ok("up")
    before, text = box.inspect(), (box.folder / "stack.yaml").read_text()

    bad = box.run("promote", "half", "3", "--timeout", "60")
    assert bad.returncode == 5, bad.stdout + bad.stderr
    assert "output 'y' differs by up to 1 at [0] (3 and 4)" in bad.stderr
    assert stable(box) == 2.0
    assert (box.folder / "stack.yaml").read_text() == text

    assert "check serving: half 2 answers 1 request" in box.ok("canary", "half", "2")
    assert stable(box) == 2.0
    box.ok("promote", "half", "2")
    assert stable(box) == 3.0
    assert "it pointed there before" in box.ok("rollback", "half")
    assert stable(box) == 2.0
    assert same_run(before, box.inspect())

    break_variables(box.root / "models" / "half" / "3")
    burned = box.run("promote", "half", "3", "--no-checks", "--timeout", "60")
    assert burned.returncode == 5, burned.stdout + burned.stderr
    assert "[TFD410]" in burned.stderr
    assert stable(box) == 2.0
    assert "half 3 is burned" in box.ok("versions", "half")
