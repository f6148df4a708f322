"""The gateway on Docker: a changed flag and a changed image, of which no client notices."""

from __future__ import annotations

from typing import Any

from tests.door import KEY, MINE, check_keys_and_sizes, check_the_limit
from tests.steady_load import steady_load
from tfdeploy.runtimes.containers import host_address

INSIDE = """
import urllib.request
print(urllib.request.urlopen("http://serving:8501/v1/models/half", timeout=10).status)
"""


def units(box: Any) -> set[str]:
    return set(box.containers())


def test_flag_and_image_change_lose_no_request(
    box: Any, gateway_image: str, other_image: str
) -> None:
    gateway = {"drain_seconds": 1, "image": gateway_image}
    box.write({"serving": {"models": {"half": {}}}}, gateway=gateway)
    # The load expects y = 0.5 * x + 1 at x = 2.
    box.ok("up")
    assert units(box) == {"serving_a", "gateway"}
    before = box.inspect("gateway")
    address = host_address(before, 8080)
    with steady_load(address) as counted:
        flags = {"file_system_poll_wait_seconds": 2}
        box.edit(lambda stack: stack["services"]["serving"].update(flags=flags))
        assert "switch serving" in box.ok("up")
        assert units(box) == {"serving_b", "gateway"}
        box.edit(lambda stack: stack.update(image=other_image))
        assert "switch serving" in box.ok("up")
        assert units(box) == {"serving_a", "gateway"}
        box.edit(lambda stack: stack["gateway"].update(body_limit="1MiB"))
        assert "reload gateway" in box.ok("up")
    assert counted["failures"] == []
    assert set(counted["counts"]) == {"rest kept", "rest fresh", "grpc"}
    assert box.inspect("gateway")["Id"] == before["Id"]
    assert box.inspect("serving_a")["Config"]["Image"] == other_image
    assert "up to date" in box.ok("plan")

    inside = box.client.containers.run(
        other_image, ["-c", INSIDE], entrypoint="python3", network=box.name, remove=True
    )
    assert inside.decode().strip() == "200"
    assert '"model":"half"' in box.ok("logs", "gateway", "--tail", "20")
    assert "stopped gateway, serving" in box.ok("down").replace(
        "serving, gateway", "gateway, serving"
    )
    assert units(box) == set()


def test_the_door(box: Any, gateway_image: str) -> None:
    gateway = {"image": gateway_image, "api_keys": "keys.txt", "body_limit": "2KiB"}
    box.write({"serving": {"models": {"half": {}}}}, gateway=gateway)
    (box.folder / "keys.txt").write_text(f"alice {KEY}\n")
    box.ok("up")
    at = f"http://{host_address(box.inspect('gateway'), 8080)}"
    check_keys_and_sizes(at)
    limits = {"body_limit": "64MiB", "concurrency": 1, "retry_after_seconds": 7}
    box.edit(lambda stack: stack["gateway"].update(limits))
    assert "reload gateway" in box.ok("up")
    check_the_limit(at, MINE)
