"""Wait until what is wanted is AVAILABLE, and say precisely why when it won't be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tfdeploy.client.label import get_label_version
from tfdeploy.client.status import Unreachable, VersionStatus, get_status
from tfdeploy.errors import TfdeployError
from tfdeploy.plan import ObservedService, WaitAvailable
from tfdeploy.runtimes import Runtime
from tfdeploy.serverlog import Cause, cause_of, why_ended, why_failed

POLL_SECONDS = 0.1
# A container that starts again and again never stays down long enough to be seen as exited.
RESTARTS_THAT_MEAN_FAILURE = 2


@dataclass(frozen=True)
class Deadline:
    """How long a wait may take, and the clock; a test gives its own."""

    seconds: float
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def wait_available(
    step: WaitAvailable,
    runtime: Runtime,
    tell: Callable[[dict[str, str]], None],
    deadline: Deadline,
    called: str = "",
) -> None:
    """Poll until every wanted version of a service answers, then every label.

    A reload's OK is not enough: it waits for new model names only, not for new versions of
    known models (tensorflow_serving/model_servers/server_core.cc).

    Args:
        step: what is waited for.
        runtime: where the service runs.
        tell: takes the states, whenever they change.
        deadline: how long, by which clock.
        called: the stack, as commands name it; empty for one that is gone after a failure, with
            all that its servers wrote.

    Raises:
        TfdeployError: TFD410 with the server's own reason, TFD412 when time runs out.
    """
    end = deadline.now() + deadline.seconds
    restarts = _look(step, runtime).restarts
    told: dict[str, str] = {}
    while True:
        service = _look(step, runtime)
        states = _states(step, service)
        shown = {what: status.state for what, status in states.items()}
        if shown != told:
            tell(shown)
            told = shown
        if all(status.available for status in states.values()) and _labels_answer(step, service):
            return
        _give_up_if_hopeless(step, runtime, service, states, restarts, called)
        if deadline.now() > end:
            raise _too_late(step, runtime, shown, deadline.seconds, called)
        deadline.sleep(POLL_SECONDS)


def _look(step: WaitAvailable, runtime: Runtime) -> ObservedService:
    if step.beside:
        return runtime.look(step.service, beside=True)
    return runtime.look(step.service)


def _log(step: WaitAvailable, runtime: Runtime) -> Iterator[str]:
    if step.beside:
        return runtime.logs(step.service, tail=300, follow=False, beside=True)
    return runtime.logs(step.service, tail=300, follow=False)


def _states(step: WaitAvailable, service: ObservedService) -> dict[str, VersionStatus]:
    """``"digits 3"`` → its state; closed ports mean that the first load goes on."""
    alive = service.state in ("running", "starting", "unhealthy")
    loading = "LOADING" if alive else service.state.upper()
    states = {}
    for model, numbers in step.versions.items():
        found: dict[int, VersionStatus] = {}
        try:
            if service.rest_url:
                found = {one.version: one for one in get_status(service.rest_url, model)}
        except Unreachable:
            pass
        for number in numbers:
            blank = VersionStatus(number, loading, "", "")
            states[f"{model} {number}"] = found.get(number, blank)
    return states


def _labels_answer(step: WaitAvailable, service: ObservedService) -> bool:
    """Labels move when the server takes the config, which no status shows: metadata does."""
    try:
        return all(
            get_label_version(service.rest_url, model, label) == number
            for model, labels in step.labels.items()
            for label, number in labels.items()
        )
    except Unreachable:
        return False


def _give_up_if_hopeless(
    step: WaitAvailable,
    runtime: Runtime,
    service: ObservedService,
    states: dict[str, VersionStatus],
    restarts: int,
    called: str,
) -> None:
    for what, status in states.items():
        if status.failed:
            raise _failed_to_load(step, service, what, status, called)
    died = service.state in ("exited", "absent")
    if died or service.restarts >= restarts + RESTARTS_THAT_MEAN_FAILURE:
        raise _died(step, runtime, service, called)


def _failed_to_load(
    step: WaitAvailable, service: ObservedService, what: str, status: VersionStatus, called: str
) -> TfdeployError:
    model = what.split()[0]
    cause = cause_of(status.error_message)
    return TfdeployError(
        "TFD410",
        cause.explain(f"{what} on service '{step.service}' failed to load: {status.error_message}"),
        where=f"{service.rest_url}/v1/models/{model}: {status.error_code}",
        hint=f"{cause.hint or 'mend the model.'} The server doesn't try a number again "
        "that failed, so this one is burned: "
        f"`tfdeploy versions {called or 'STACK'} {model}` shows the next free one.",
    )


def _died(
    step: WaitAvailable, runtime: Runtime, service: ObservedService, called: str
) -> TfdeployError:
    lines = list(_log(step, runtime))
    cause = why_ended(lines, service.ending, runtime.name)
    why = cause.why or service.detail or "it ended without a reason in its log"
    how = "keeps restarting" if service.state not in ("exited", "absent") else "ended"
    look = "`tfdeploy inspect` on the model's folder shows what it holds."
    whole = f" The whole log: `tfdeploy logs {called} {step.service}`." if called else ""
    return TfdeployError(
        "TFD410",
        cause.explain(f"Service '{step.service}' {how}: {why}"),
        where=f"the log of service '{step.service}'{_last(lines, cause)}",
        hint=f"{cause.hint or look}{whole}",
    )


def _last(lines: list[str], cause: Cause) -> str:
    """The last line, where the log has no line that is known to explain a failure."""
    if not lines:
        return ", which is empty"
    return "" if cause.why else f": {lines[-1].strip()}"


def _too_late(
    step: WaitAvailable, runtime: Runtime, shown: dict[str, str], seconds: float, called: str
) -> TfdeployError:
    missing = [f"{what} ({state})" for what, state in shown.items() if state != "AVAILABLE"]
    labels = ", ".join(f"{m}:{label}" for m, names in step.labels.items() for label in names)
    lines = list(_log(step, runtime))
    cause = why_failed(lines, runtime=runtime.name)
    why = f". {cause.explain(cause.why)}" if cause else "."
    look = f"; `tfdeploy logs {called} {step.service}`" if called else ""
    longer = "give it longer with --timeout SECONDS"
    return TfdeployError(
        "TFD412",
        f"Not AVAILABLE on service '{step.service}' after {seconds:g} s: "
        f"{', '.join(missing) or f'labels {labels}'}{why}",
        where=f"the log of service '{step.service}'{_last(lines, cause)}",
        hint=f"{cause.hint} Or {longer}{look}." if cause.hint else f"{longer}{look}.",
    )
