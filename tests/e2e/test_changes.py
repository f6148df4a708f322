"""A stack that is up, changed: what is restarted, what isn't, and what is taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def same_run(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a container was neither replaced nor restarted."""
    return (
        before["Id"] == after["Id"]
        and before["State"]["StartedAt"] == after["State"]["StartedAt"]
        and after["RestartCount"] == 0
    )


def break_variables(version: Path) -> None:
    """Whole to look at from outside; only loading it shows that it isn't."""
    for path in (version / "variables").glob("variables.data-*"):
        path.write_bytes(b"\0")


def test_models_are_added_and_removed_without_a_restart(box: Any) -> None:
    box.ok("up")
    before = box.inspect()
    box.give("other", 3)
    assert "no restart" in box.ok("add-model", "other", "--label", "stable=3", "--up")
    assert box.ask("other", 2.0) == 4.0
    assert box.ask("half", 2.0) == 2.0

    box.give("half", 2)
    box.ok("up")
    assert box.ask("half", 2.0) == 3.0
    assert "up to date" in box.ok("plan")

    box.ok("remove-model", "other", "--up")
    assert same_run(before, box.inspect())


def test_a_changed_flag_recreates_only_its_service(box: Any) -> None:
    box.write({"left": {"models": {"half": {}}}, "right": {"models": {"half": {}}}})
    box.ok("up")
    left, right = box.inspect("left"), box.inspect("right")

    flags = {"file_system_poll_wait_seconds": 2}
    box.edit(lambda stack: stack["services"]["left"].update(flags=flags))
    said = box.ok("up")
    assert "recreate left" in said
    assert "recreate right" not in said
    assert box.inspect("left")["Id"] != left["Id"]
    assert "--file_system_poll_wait_seconds=2" in box.inspect("left")["Args"]
    assert same_run(right, box.inspect("right"))

    box.edit(lambda stack: stack["services"].pop("left"))
    assert "stop left" in box.ok("up")
    assert list(box.containers()) == ["right"]
    assert same_run(right, box.inspect("right"))


def test_a_broken_new_model_is_named_and_the_old_one_goes_on(box: Any) -> None:
    box.ok("up")
    config = box.folder / "rendered" / "serving" / "models.config"
    before, text = box.inspect(), config.read_text()
    break_variables(box.give("broken", 1) / "1")

    done = box.run("add-model", "broken", "--up", "--timeout", "60")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "[TFD411]" in done.stderr
    assert "broken" in done.stderr
    assert box.ask("half", 2.0) == 2.0
    assert config.read_text() == text
    assert same_run(before, box.inspect())


def test_a_broken_model_in_a_recreated_service_brings_the_old_container_back(box: Any) -> None:
    box.ok("up")
    break_variables(box.give("broken", 1) / "1")

    def change(stack: Any) -> None:
        service = stack["services"]["serving"]
        service["models"]["broken"] = {}
        service["flags"] = {"file_system_poll_wait_seconds": 2}

    box.edit(change)
    done = box.run("up", "--timeout", "60")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "broken" in done.stderr
    assert "--file_system_poll_wait_seconds=2" not in box.inspect()["Args"]
    assert box.ask("half", 2.0) == 2.0


def test_an_interrupted_change_brings_back_what_ran(box: Any) -> None:
    box.ok("up")
    flags = {"file_system_poll_wait_seconds": 2}
    box.edit(lambda stack: stack["services"]["serving"].update(flags=flags))
    assert box.interrupt("up", "one", at="recreate serving ...") == 130
    assert "--file_system_poll_wait_seconds=2" not in box.inspect()["Args"]
    assert box.ask("half", 2.0) == 2.0

    box.edit(lambda stack: stack["services"]["serving"].pop("flags"))
    assert "up to date" in box.ok("plan")


def test_a_first_up_that_fails_leaves_nothing_behind(box: Any) -> None:
    break_variables(box.root / "models" / "half" / "1")
    done = box.run("up", "--timeout", "60")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "half" in done.stderr
    assert box.containers() == {}
    assert box.client.networks.list(names=[box.name]) == []


def test_a_service_that_lost_its_container_is_started_again(
    box: Any, eventually: Callable[..., None]
) -> None:
    box.ok("up")
    box.containers()["serving"].stop(timeout=1)
    assert "exited" in box.run("status").stdout
    assert "start serving" in box.ok("up")
    box.containers()["serving"].remove(force=True)
    assert "start serving" in box.ok("up")
    assert box.ask("half", 2.0) == 2.0
