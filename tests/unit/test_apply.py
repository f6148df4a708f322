"""A plan is walked step by step, and back again when one fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tfdeploy.apply import apply_plan
from tfdeploy.apply.wait import Deadline, wait_available
from tfdeploy.errors import Exit, TfdeployError
from tfdeploy.plan import (
    ObservedService,
    ObservedStack,
    Plan,
    RecreateService,
    Reload,
    StartService,
    Step,
    StopService,
    WaitAvailable,
    WriteFiles,
)
from tfdeploy.render import RenderedService, RenderedStack, Templates, render_stack
from tfdeploy.serverlog import Ending
from tfdeploy.stack import parse_stack

TEXT = "stack: s\nservices: {a: {models: {m: {}}}, b: {models: {m: {}}}}\n"
RENDERED = render_stack(
    parse_stack(TEXT, Path("/somewhere/stacks/s/stack.yaml")), templates=Templates()
)
FAILURE = TfdeployError("TFD413", "it broke", where="w", hint="h")
OLD = {"a/models.config": "# old\n", "gone.config": "gone"}


@dataclass
class FakeRuntime:
    """Writes down what it is asked; fails where it is told to."""

    files_dir: Path
    fails: dict[str, BaseException] = field(default_factory=dict)
    states: dict[str, ObservedService] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    calls: list[str] = field(default_factory=list)
    name: str = "fake"

    def _call(self, words: str) -> None:
        self.calls.append(words)
        if words in self.fails:
            raise self.fails[words]

    def render(self, templates: Templates) -> RenderedStack:
        return RENDERED

    def check(self, rendered: RenderedStack, observed: ObservedStack) -> list[TfdeployError]:
        return []

    def observe(self) -> ObservedStack:
        return ObservedStack({}, self.states)

    def look(self, service: str) -> ObservedService:
        # Nobody listens at the address: a reload that nobody answers is left to the file's poll.
        return self.states.get(
            service, ObservedService(service, "running", grpc_address="127.0.0.1:1")
        )

    def memory_bytes(self, service: str) -> int | None:
        return None

    def start(self, service: RenderedService) -> None:
        self._call(f"start {service.name}")

    def recreate(self, service: RenderedService) -> None:
        self._call(f"recreate {service.name}")

    def stop(self, service: str) -> None:
        self._call(f"stop {service}")

    def revert(self, before: ObservedService) -> None:
        self._call(f"revert {before.name} {before.state}")

    def down(self) -> list[str]:
        self._call("down")
        return []

    def logs(self, service: str, *, tail: int, follow: bool) -> Iterator[str]:
        return iter(self.log)


@dataclass
class Told:
    """Keeps what it is told."""

    lines: list[str] = field(default_factory=list)

    def begin(self, step: Step) -> None:
        self.lines.append(f"begin {step.kind}")

    def models(self, service: str, states: dict[str, str]) -> None:
        self.lines.append(f"{service} {states}")

    def end(self, step: Step, seconds: float) -> None:
        self.lines.append(f"end {step.kind}")

    def note(self, message: str) -> None:
        self.lines.append(f"note {message}")

    def failed(self, message: str) -> None:
        self.lines.append(f"failed {message}")


RUNNING = ObservedStack(OLD, {name: ObservedService(name, "running") for name in ("a", "b", "old")})
FRESH = ObservedStack({}, {})
WRITE = WriteFiles("c", {"a/models.config": "# new\n", "new/x.config": "new"}, ("gone.config",))
WAIT = WaitAvailable("c", "a", {"m": ()})


def runtime(folder: Path, before: ObservedStack, **fails: BaseException) -> FakeRuntime:
    for name, text in before.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return FakeRuntime(folder, {name.replace("_", " "): error for name, error in fails.items()})


def walk(where: FakeRuntime, before: ObservedStack, *steps: Step) -> Told:
    told = Told()
    try:
        apply_plan(
            Plan("s", "fake", steps),
            runtime=where,
            rendered=RENDERED,
            before=before,
            reporter=told,
            timeout_seconds=5,
        )
    except TfdeployError as error:
        told.lines.append(f"raised {error.code}")
    return told


def files(folder: Path) -> dict[str, str]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in found}


# --- success ---


def test_steps_are_taken_in_order_and_told(tmp_path: Path) -> None:
    where = runtime(tmp_path, RUNNING)
    steps = [WRITE, StartService("c", "a"), RecreateService("c", "b"), StopService("c", "old")]
    told = walk(where, RUNNING, *steps, WAIT)
    assert where.calls == ["start a", "recreate b", "stop old"]
    kinds = ("write", "start", "recreate", "stop", "wait")
    begun = [line for line in told.lines if line.startswith(("begin", "end"))]
    assert begun == [f"{word} {kind}" for kind in kinds for word in ("begin", "end")]
    assert files(tmp_path) == {"a/models.config": "# new\n", "new/x.config": "new"}


def test_an_empty_plan_touches_nothing(tmp_path: Path) -> None:
    where = runtime(tmp_path, RUNNING)
    assert walk(where, RUNNING).lines == []
    assert (where.calls, files(tmp_path)) == ([], OLD)


def test_a_reload_writes_its_config_even_when_nobody_answers(tmp_path: Path) -> None:
    where = runtime(tmp_path, RUNNING)
    told = walk(where, RUNNING, Reload("c", "a", "model_config_list {}\n"))
    assert files(tmp_path)["a/models.config"] == "model_config_list {}\n"
    assert told.lines == ["begin reload", "end reload"]


def test_the_last_file_of_a_service_takes_its_folder_along(tmp_path: Path) -> None:
    where = runtime(tmp_path, RUNNING)
    walk(where, RUNNING, WriteFiles("c", {}, ("a/models.config", "never/was.config")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gone.config"]


# --- failure ---


def test_a_failure_is_taken_back_in_reverse_order_with_the_old_files(tmp_path: Path) -> None:
    where = runtime(tmp_path, RUNNING, stop_old=FAILURE)
    steps = [WRITE, StartService("c", "a"), RecreateService("c", "b"), StopService("c", "old")]
    told = walk(where, RUNNING, *steps, WAIT)
    assert where.calls == [
        "start a",
        "recreate b",
        "stop old",
        "revert old running",
        "revert b running",
        "stop a",
    ]
    assert told.lines[-1] == "raised TFD413"
    assert "failed it broke" in told.lines
    assert files(tmp_path).items() >= OLD.items()


def test_files_that_the_stack_newly_renders_go_again(tmp_path: Path) -> None:
    where = runtime(tmp_path, FRESH, start_a=FAILURE)
    walk(where, FRESH, WriteFiles("c", RENDERED.files), StartService("c", "a"))
    assert files(tmp_path) == {}


def test_a_fresh_stack_that_fails_is_taken_down_whole(tmp_path: Path) -> None:
    where = runtime(tmp_path, FRESH, start_b=FAILURE)
    told = walk(where, FRESH, StartService("c", "a"), StartService("c", "b"), WAIT)
    assert where.calls == ["start a", "start b", "down"]
    assert told.lines[-1] == "raised TFD413"


@pytest.mark.parametrize("state", ["absent", "exited"])
def test_services_that_dont_run_make_no_stack_that_runs(tmp_path: Path, state: str) -> None:
    before = ObservedStack({}, {"a": ObservedService("a", state)})  # type: ignore[arg-type]
    where = runtime(tmp_path, before, start_a=FAILURE)
    walk(where, before, StartService("c", "a"))
    assert where.calls == ["start a", "down"]


def test_a_failed_reload_puts_the_old_config_back(tmp_path: Path) -> None:
    before = ObservedStack({"a/models.config": "model_config_list {}\n"}, RUNNING.services)
    where = runtime(tmp_path, before, recreate_b=FAILURE)
    new = RENDERED.services["a"].models_config
    walk(where, before, Reload("c", "a", new), RecreateService("c", "b"))
    assert files(tmp_path) == dict(before.files)


def test_a_config_that_cant_be_read_is_refused_and_taken_back(tmp_path: Path) -> None:
    where = runtime(tmp_path, RUNNING)
    told = walk(where, RUNNING, Reload("c", "a", "{broken"))
    assert told.lines[-1] == "raised TFD411"
    assert files(tmp_path) == OLD


def test_a_failure_while_taking_back_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    other = TfdeployError("TFD413", "that broke, too", where="w", hint="h")
    where = runtime(tmp_path, RUNNING, stop_old=FAILURE, revert_b_running=other)
    steps = [StartService("c", "a"), RecreateService("c", "b"), StopService("c", "old")]
    told = walk(where, RUNNING, *steps)
    assert where.calls[-2:] == ["revert b running", "stop a"]
    assert "failed taking back 'recreate b': that broke, too" in told.lines
    assert told.lines[-1] == "raised TFD413"


def test_a_down_that_fails_doesnt_hide_the_cause(tmp_path: Path) -> None:
    other = TfdeployError("TFD401", "gone", where="w", hint="h")
    where = runtime(tmp_path, FRESH, start_a=FAILURE, down=other)
    told = walk(where, FRESH, StartService("c", "a"))
    assert told.lines[-2:] == ["failed taking back the services: gone", "raised TFD413"]


def test_files_that_cant_be_put_back_dont_hide_the_cause(tmp_path: Path) -> None:
    where = runtime(tmp_path, FRESH, recreate_b=FAILURE)
    (tmp_path / "a").write_text("a file where a folder should be")
    told = walk(where, RUNNING, RecreateService("c", "b"))
    assert where.calls == ["recreate b", "revert b running"]
    assert any(line.startswith("failed taking back the files: Can't write") for line in told.lines)
    assert told.lines[-1] == "raised TFD413"


@pytest.mark.parametrize("before", [FRESH, RUNNING])
def test_an_interrupt_is_taken_back_and_told(tmp_path: Path, before: ObservedStack) -> None:
    where = runtime(tmp_path, before, start_b=KeyboardInterrupt())
    with pytest.raises(TfdeployError) as caught:
        apply_plan(
            Plan("s", "fake", (WRITE, StartService("c", "a"), StartService("c", "b"))),
            runtime=where,
            rendered=RENDERED,
            before=before,
            reporter=Told(),
            timeout_seconds=5,
        )
    assert (caught.value.code, caught.value.exit_code) == ("TFD414", Exit.INTERRUPTED)
    assert caught.value.where == "stack s, step: start b"
    undone = ["down"] if before is FRESH else ["stop b", "stop a"]
    assert where.calls == ["start a", "start b", *undone]


# --- waiting ---


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    time: float = 0.0

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, lambda: self.time, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def kept(folder: Path, *steps: Step) -> list[tuple[str, list[str], Ending | None]]:
    told: list[tuple[str, list[str], Ending | None]] = []
    gone = {"a": ObservedService("a", "exited", ending=Ending(132))}
    with pytest.raises(TfdeployError) as caught:
        apply_plan(
            Plan("s", "fake", steps),
            runtime=FakeRuntime(folder, states=gone, log=("its last line",)),
            rendered=RENDERED,
            before=FRESH,
            reporter=Told(),
            timeout_seconds=5,
            called="folder",
            keep_log=lambda service, lines, ending: told.append((service, [*lines], ending)),
        )
    assert "`tfdeploy logs folder a`" in caught.value.hint
    return told


def test_the_log_of_a_server_that_failed_to_start_is_kept_before_it_goes(tmp_path: Path) -> None:
    wait = WaitAvailable("c", "a", {"m": (1,)})
    start = StartService("c", "a")
    assert kept(tmp_path, start, wait) == [("a", ["its last line"], Ending(132))]
    # One that ran before is still there to be asked.
    assert kept(tmp_path, wait) == []


def waited(where: FakeRuntime, versions: dict[str, tuple[int, ...]]) -> TfdeployError:
    with pytest.raises(TfdeployError) as caught:
        step = WaitAvailable("c", "a", versions)
        wait_available(step, where, lambda _: None, Clock().deadline(30), "s")
    return caught.value


def test_waiting_for_nothing_is_over_at_once(tmp_path: Path) -> None:
    clock = Clock()
    wait_available(WAIT, FakeRuntime(tmp_path), lambda _: None, clock.deadline(30))
    assert clock.time == 0


def test_what_doesnt_come_in_time_is_named_with_its_state_and_the_logs_reason(
    tmp_path: Path,
) -> None:
    log = ("x", "W: Could not find base path /models/m for servable m", "the last line")
    error = waited(FakeRuntime(tmp_path, log=log), {"m": (1, 2)})
    assert error.code == "TFD412"
    assert "after 30 s: m 1 (LOADING), m 2 (LOADING)." in error.message
    assert "Could not find base path" in error.message
    assert "log of" in error.where


def test_a_service_that_ended_is_given_up_at_once(tmp_path: Path) -> None:
    states = {"a": ObservedService("a", "exited", detail="exit code 137")}
    error = waited(FakeRuntime(tmp_path, states=states), {"m": (1,)})
    assert (error.code, error.message) == ("TFD410", "Service 'a' ended: exit code 137")
    assert "empty" in error.where


def test_what_an_exit_code_means_and_how_to_mend_it_is_told(tmp_path: Path) -> None:
    gone = ObservedService("a", "exited", detail="exit code 132, signal 4", ending=Ending(132))
    error = waited(FakeRuntime(tmp_path, states={"a": gone}), {"m": (1,)})
    assert error.message.startswith("Service 'a' ended: exit code 132, signal 4. The server uses")
    assert "(`tfdeploy explain TFD491`)" in error.hint


def test_the_log_explains_more_than_an_exit_code(tmp_path: Path) -> None:
    gone = ObservedService("a", "exited", detail="exit code 255", ending=Ending(255))
    log = (
        "E x.cc:1] Servable: {name: m version: 1} cannot be loaded: NOT_FOUND: Could not find meta "
        "graph def matching supplied tags: { serve }. To inspect",
    )
    error = waited(FakeRuntime(tmp_path, states={"a": gone}, log=log), {"m": (1,)})
    assert error.message.startswith("Service 'a' ended: m 1: NOT_FOUND: Could not find meta graph")
    assert error.message.endswith("The SavedModel has no graph with just the tags 'serve'.")
    assert "(`tfdeploy explain TFD111`). The whole log: `tfdeploy logs s a`." in error.hint


def test_no_command_is_named_for_a_stack_that_is_gone_after_a_failure(tmp_path: Path) -> None:
    gone = FakeRuntime(tmp_path, states={"a": ObservedService("a", "exited")})
    step = WaitAvailable("c", "a", {"m": (1,)})
    for where in (gone, FakeRuntime(tmp_path)):
        with pytest.raises(TfdeployError) as caught:
            wait_available(step, where, lambda _: None, Clock().deadline(30))
        assert "tfdeploy logs" not in caught.value.hint


def test_a_service_that_keeps_restarting_is_given_up(tmp_path: Path) -> None:
    class Restarting(FakeRuntime):
        looks = 0

        def look(self, service: str) -> ObservedService:
            self.looks += 1
            return ObservedService(service, "starting", restarts=3 + self.looks // 2)

    error = waited(Restarting(tmp_path), {"m": (1,)})
    assert (error.code, "keeps restarting" in error.message) == ("TFD410", True)


def test_states_are_told_when_they_change_and_not_again(tmp_path: Path) -> None:
    told: list[dict[str, str]] = []
    step = WaitAvailable("c", "a", {"m": (1,)})
    with pytest.raises(TfdeployError):
        wait_available(step, FakeRuntime(tmp_path), told.append, Clock().deadline(3))
    assert told == [{"m 1": "LOADING"}]
