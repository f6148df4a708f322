"""apply_plan: step by step, and back again when one fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from tfdeploy.apply.gpu import check_gpu
from tfdeploy.apply.reporter import Reporter
from tfdeploy.apply.wait import Deadline, wait_available
from tfdeploy.client.reload import reload_config
from tfdeploy.client.rest import Unreachable
from tfdeploy.errors import TfdeployError
from tfdeploy.files import save_text, writing
from tfdeploy.plan import (
    CheckAnswers,
    DrainOld,
    ObservedService,
    ObservedStack,
    Plan,
    RecreateGateway,
    RecreateService,
    Reload,
    ReloadGateway,
    StartBeside,
    StartGateway,
    StartService,
    Step,
    StopGateway,
    StopOther,
    StopService,
    SwitchService,
    WaitAvailable,
    WriteFiles,
    transition_config,
)
from tfdeploy.render import MODELS_CONFIG, RenderedStack
from tfdeploy.runtimes import Runtime
from tfdeploy.serverlog import Ending

KEPT_LOG_LINES = 10_000

KeepLog = Callable[[str, Sequence[str], Ending | None], None]


def apply_plan(
    plan: Plan,
    *,
    runtime: Runtime,
    rendered: RenderedStack,
    before: ObservedStack,
    reporter: Reporter,
    timeout_seconds: float,
    called: str = "",
    keep_log: KeepLog | None = None,
) -> None:
    """Walk the steps in order. When one fails, files and services go back to ``before``.

    Args:
        timeout_seconds: how long each wait may take.
        called: the stack, as commands name it; empty for one that is gone when this fails.
        keep_log: takes the service, the last lines and the end of a new server that failed, before
            it is removed.

    Raises:
        TfdeployError: TFD410 to TFD413 when a change failed, TFD430 and TFD431 when a version
            didn't pass its check, TFD414 on ^C.
    """
    deadline = Deadline(timeout_seconds)
    walker = _Walker(runtime, rendered, before, reporter, deadline, called, keep_log)
    try:
        for step in plan.steps:
            walker.take(step)
    except KeyboardInterrupt as error:
        walker.take_back("interrupted")
        now = "what ran before runs as before" if before.services else "nothing runs"
        raise TfdeployError(
            "TFD414",
            f"Interrupted; {now}.",
            where=f"stack {plan.stack}, step: {walker.current or 'none'}",
            hint=f"`tfdeploy up {called or plan.stack}` starts over.",
        ) from error
    except Exception as error:
        walker.take_back(str(error))
        raise


class _Walker:
    def __init__(
        self,
        runtime: Runtime,
        rendered: RenderedStack,
        before: ObservedStack,
        reporter: Reporter,
        deadline: Deadline,
        called: str,
        keep_log: KeepLog | None,
    ) -> None:
        self._runtime = runtime
        self._rendered = rendered
        self._before = before
        self._reporter = reporter
        self._deadline = deadline
        self._called = called
        self._keep_log = keep_log
        self._touched: list[Step] = []
        self.current: Step | None = None

    def take(self, step: Step) -> None:
        """Do one step; what changes the world is noted before it is done."""
        self.current = step
        self._reporter.begin(step)
        began = time.monotonic()
        if not isinstance(step, WaitAvailable | CheckAnswers):
            self._touched.append(step)
        self._do(step)
        self._reporter.end(step, time.monotonic() - began)

    def _do(self, step: Step) -> None:
        match step:
            case WriteFiles():
                self._write(step.texts, step.removed)
            case StartService():
                self._runtime.start(self._rendered.services[step.service])
            case RecreateService():
                self._runtime.recreate(self._rendered.services[step.service])
            case StopService():
                self._runtime.stop(step.service)
            case Reload():
                self._write({f"{step.service}/{MODELS_CONFIG}": step.models_config})
                self._push(step.service, step.models_config)
            case WaitAvailable():
                wait_available(
                    step,
                    self._runtime,
                    lambda states: self._reporter.models(step.service, states),
                    self._deadline,
                    self._called,
                )
                self._check_gpu(step)
            case CheckAnswers():
                # It compares with numpy, which most changes do without.
                from tfdeploy.apply.gate import check_answers

                url = self._runtime.look(step.service, beside=step.beside).rest_url
                check_answers(step, url, self._deadline.seconds)
            case _:
                self._do_behind_gateway(step)

    def _do_behind_gateway(self, step: Step) -> None:
        gateway = self._rendered.gateway
        match step:
            case StartBeside():
                self._runtime.start_beside(self._rendered.services[step.service])
            case SwitchService():
                self._runtime.switch(step.service)
            case DrainOld():
                self._deadline.sleep(step.drain_seconds)
            case StopOther():
                self._runtime.stop_other(step.service)
            case StartGateway() if gateway is not None:
                self._runtime.start_gateway(gateway)
            case ReloadGateway() if gateway is not None:
                self._runtime.reload_gateway(gateway)
            case RecreateGateway() if gateway is not None:
                self._runtime.recreate_gateway(gateway)
            case StopGateway():
                self._runtime.stop_gateway()

    def _check_gpu(self, step: WaitAvailable) -> None:
        """Of a server that this walk started: TensorFlow takes its device once and for all."""
        rendered = self._rendered.services.get(step.service)
        if rendered is not None and self._started(step.service):
            check_gpu(rendered, self._runtime, self._reporter.note, beside=step.beside)

    def _started(self, service: str) -> bool:
        """Whether this walk started a server of the service."""
        starting = StartService | RecreateService | StartBeside
        return any(isinstance(one, starting) and one.service == service for one in self._touched)

    def _keep_failed_log(self) -> None:
        """What the server wrote that failed to start, while it is there."""
        step = self.current
        if self._keep_log is None or not isinstance(step, WaitAvailable | CheckAnswers):
            return
        if not self._started(step.service):
            return
        beside = {"beside": True} if step.beside else {}
        lines = self._runtime.logs(step.service, tail=KEPT_LOG_LINES, follow=False, **beside)
        ending = self._runtime.look(step.service, **beside).ending
        self._keep_log(step.service, list(lines), ending)

    def _write(self, texts: Mapping[str, str], removed: Iterable[str] = ()) -> None:
        folder = self._runtime.files_dir
        for name, text in texts.items():
            save_text(folder / name, text)
        for name in removed:
            _remove(folder, folder / name)

    def _push(self, service: str, models_config: str) -> None:
        """The answer of the gRPC reload is immediate; the file that is polled says the same."""
        address = self._runtime.look(service).grpc_address
        # Unreachable, or too slow to answer: the poll of the file brings it, and the wait that
        # follows has the deadline.
        with suppress(Unreachable):
            reload_config(address, models_config, timeout_seconds=self._deadline.seconds)

    def take_back(self, why: str) -> None:
        """Old files, old services; what was new is stopped. Never raises: the cause is told."""
        self._reporter.failed(why)
        # Here, too: a log that can't be kept must not keep the old services from coming back.
        with suppress(Exception):
            self._keep_failed_log()
        new = set(self._rendered.files) - set(self._before.files)
        self._try("the files", lambda: self._write(self._before.files, new))
        fresh = not any(
            service.state not in ("absent", "exited") for service in self._before.services.values()
        )
        for step in reversed(self._touched):
            self._try(f"'{step}'", partial(self._undo, step, fresh))
        if fresh and self._touched:
            self._try("the services", self._runtime.down)

    def _try(self, what: str, undo: Callable[[], object]) -> None:
        try:
            undo()
        except (TfdeployError, Unreachable) as error:
            self._reporter.failed(f"taking back {what}: {error}")

    def _undo(self, step: Step, fresh: bool) -> None:
        match step:
            case StartService() if not fresh:
                self._runtime.stop(step.service)
            case RecreateService() | StopService():
                self._runtime.revert(self._before.service(step.service))
                self._wait_again(step.service)
            case Reload():
                self._reload_again(step)
            case _:
                self._undo_behind_gateway(step)

    def _undo_behind_gateway(self, step: Step) -> None:
        """Back through the slots: the old server is there and answers before the new one goes."""
        match step:
            case StopOther():
                self._bring_back(self._before.service(step.service))
            case SwitchService() if self._is_switched(step.service):
                self._runtime.switch(step.service)
                self._deadline.sleep(step.drain_seconds)
            case StartBeside():
                self._runtime.stop_other(step.service)
                self._push_again(step.service)
            case StartGateway():
                self._runtime.stop_gateway()
            case ReloadGateway():
                self._runtime.revert_gateway(started_anew=False)
            case RecreateGateway() | StopGateway():
                self._runtime.revert_gateway(started_anew=True)

    def _is_switched(self, service: str) -> bool:
        return self._runtime.look(service).slot != self._before.service(service).slot

    def _bring_back(self, before: ObservedService) -> None:
        # Left over from a change that was cut short, it wasn't what answered.
        if not self._is_switched(before.name):
            return
        self._runtime.bring_back(before)
        step = WaitAvailable(
            "it is brought back", before.name, self._versions_before(before.name), beside=True
        )
        wait_available(step, self._runtime, lambda _: None, self._deadline)

    def _push_again(self, service: str) -> None:
        """The old server may have taken the new file by its own poll; the old one is back."""
        text = self._before.files.get(f"{service}/{MODELS_CONFIG}")
        if text and text != self._rendered.files.get(f"{service}/{MODELS_CONFIG}"):
            self._push(service, text)

    def _reload_again(self, step: Reload) -> None:
        """The config that was in force; it takes a reload of its own to load what was dropped."""
        text = self._before.files.get(f"{step.service}/{MODELS_CONFIG}")
        if not text:
            return
        versions = self._versions_before(step.service)
        now = self._runtime.observe().service(step.service)
        first = transition_config(step.models_config, text, versions, now)
        if first is not None:
            self._push(step.service, first)
            self._wait_again(step.service)
        self._push(step.service, text)

    def _versions_before(self, service: str) -> dict[str, tuple[int, ...]]:
        before = self._before.service(service)
        return {model: tuple(sorted(before.available(model))) for model in before.versions}

    def _wait_again(self, service: str) -> None:
        """What ran before answers again before the failure is reported."""
        step = WaitAvailable("it is brought back", service, self._versions_before(service))
        wait_available(step, self._runtime, lambda _: None, self._deadline)


def _remove(folder: Path, path: Path) -> None:
    with writing(path):
        path.unlink(missing_ok=True)
        if path.parent != folder and path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
