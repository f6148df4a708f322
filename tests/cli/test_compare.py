"""compare: two versions that serve, asked the same."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import WriteStack
from tests.conftest import Cli

STACK = """\
stack: s
runtime: process
services:
  one:
    models:
      half: {versions: {specific: [1, 2]}}
"""


def test_two_versions_are_compared(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(STACK)
    assert "Service 'one' isn't up" in cli("compare", "s", "half", "1", "2").stderr
    cli("up", "s").succeeded()
    # y = 0.5 * x + version: 1 apart, whatever is asked.
    requests = cli.cwd / "requests.jsonl"
    requests.write_text("[0.0, 2.0]\n[4.0]\n")
    words = ("compare", "s", "half", "1", "2", "--requests", "requests.jsonl")
    found = cli(*words, "--json").succeeded().document
    (output,) = found["outputs"]
    assert (output["values"], output["unequal"], output["largest"]) == (3, 3, 1.0)
    assert output["mean"] == 1.0
    assert (found["old"]["measured"], found["new"]["measured"]) == (5, 5)
    assert found["new"]["median_ms"] > 0
    assert cli(*words, "--tolerance", "1").exit_code == 0
    far = cli(*words, "--tolerance", "0.5")
    assert far.exit_code == 1
    assert "half 1 and 2, 2 requests: NOT the same within 0.5" in far.stdout
    # Half of what is expected is allowed: of 2 and 3, not of 1.
    assert "1 beyond the tolerance; 'y' differs by up to 1 at [0] (1 and 2)" in far.stdout

    missing = cli("compare", "s", "half", "2", "3", "--requests", "-", stdin="[1.0]")
    assert missing.exit_code == 6
    assert "Version 3 of 'half' doesn't serve." in missing.stderr
    assert "tfdeploy canary s half 3" in missing.stderr
    assert cli("compare", "s", "half", "2", "1").exit_code == 2
    assert cli(*words, "--tolerance", "-1").exit_code == 2

    samples = {"samples": {"serving_default": [{"x": 6.0}, {"x": 8.0}]}}
    (half / "2" / "tfdeploy.json").write_text(json.dumps(samples))
    same = cli("compare", "s", "half", "2", "2", "--tolerance", "0", "--rounds", "1")
    assert same.succeeded().stdout.startswith("half 2 and 2, 2 requests: the same answers\n")
