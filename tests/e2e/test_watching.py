"""Look at containers, wait for them, compare their versions, and take them down in peace."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

BOTH = {"half": {"versions": {"specific": [1, 2]}, "labels": {"stable": 1}}}


def test_containers_are_watched_waited_for_compared_and_drained(
    box: Any, eventually: Callable[..., None]
) -> None:
    box.give("half", 2, 3)
    box.write({"serving": {"models": BOTH}})
    box.ok("up")
    box.ok("wait", "--for", "half=2", "--for", "half@stable=1")
    assert box.ask("half", 2.0) == 3.0

    found = json.loads(box.ok("status", "--json"))
    assert found["services"]["serving"]["memory_bytes"] > 50 * 2**20
    assert found["services"]["serving"]["restarts"] == 0
    (counted,) = found["requests"]
    assert counted["answered"] == 1
    assert counted["p99_ms"] > 0

    requests = box.root / "requests.json"
    requests.write_text("[1.0, 2.0]")
    compared = box.run("compare", "half", "1", "2", "--requests", str(requests), "--json")
    assert json.loads(compared.stdout)["outputs"][0]["largest"] == 1.0

    # What a crash, or the engine after a reboot, does: restart: unless-stopped brings it back.
    os.kill(box.inspect()["State"]["Pid"], signal.SIGKILL)
    eventually(lambda: box.inspect()["RestartCount"] == 1)
    box.ok("wait", "--timeout", "120")
    status = box.ok("status")
    assert "1 restart, " in status
    assert "all as wanted" in status

    pruned = json.loads(box.ok("prune", "--keep", "1", "--yes", "--json"))
    assert pruned["deleted"] == []
    assert {one["version"] for one in pruned["kept"]} == {1, 2, 3}

    down = json.loads(box.ok("down", "--json"))
    assert (down["stopped"], down["drained"], down["not_drained"]) == (["serving"], ["serving"], {})
    assert box.containers() == {}
    gone = box.run("wait", "--timeout", "100")
    assert (gone.returncode, "TFD450" in gone.stderr) == (5, True)
