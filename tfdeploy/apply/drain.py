"""Let requests in flight finish before a stack is taken down.

TensorFlow Serving has no handler for SIGTERM: it ends at once, and whoever waits for an answer gets
none (model_servers/main.cc). What it does have is unloading: a model that its config no longer
names takes no new requests, and stays until the last request that uses it has ended
(core/basic_manager.cc, ServingMap). So every server is first told to serve nothing. Only when each
version has ended, or time is up, it is stopped. It is the same for the embedded server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tfdeploy.apply.reporter import Reporter
from tfdeploy.apply.wait import POLL_SECONDS, Deadline
from tfdeploy.client.reload import reload_config
from tfdeploy.client.rest import Unreachable
from tfdeploy.client.status import get_status
from tfdeploy.errors import TfdeployError
from tfdeploy.files import save_text
from tfdeploy.plan import DrainService, ObservedService, ObservedStack
from tfdeploy.render import MODELS_CONFIG
from tfdeploy.runtimes import Runtime

NOTHING = "# Nothing is served: the stack is being taken down.\nmodel_config_list {}\n"
# A version ends when its last request has been computed; the answer is still to be written.
ANSWER_SECONDS = 0.3
RELOAD_SECONDS = 5.0


@dataclass(frozen=True)
class Drained:
    """How a drain ended.

    Attributes:
        services: those whose requests have all ended.
        left: service → what kept it from that, in words.
    """

    services: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


@contextmanager
def drained(
    runtime: Runtime, observed: ObservedStack, reporter: Reporter, deadline: Deadline
) -> Iterator[Drained]:
    """Take no new requests, wait for those in flight, and have the body stop the services.

    The files are as they were afterwards. Where the body or the wait is cut short, the servers are
    told to serve again what they served.

    Args:
        runtime: where the services run.
        observed: the stack as it is.
        reporter: is told the states of the versions.
        deadline: how long requests in flight may take; 0 s drains nothing.
    """
    services = {
        f"{one.name}/{MODELS_CONFIG}": one
        for one in observed.services.values()
        # A container whose first health check is still to come may have clients already.
        if one.state in ("running", "unhealthy") or (one.state == "starting" and one.versions)
    }
    before = {name: observed.files[name] for name in services if name in observed.files}
    found = Drained()
    try:
        if deadline.seconds > 0:
            _drain(runtime, {name: services[name] for name in before}, found, reporter, deadline)
        yield found
    except BaseException:
        _put_back(runtime, before)
        for name, text in before.items():
            with suppress(Unreachable, TfdeployError):
                reload_config(services[name].grpc_address, text, timeout_seconds=RELOAD_SECONDS)
        raise
    _put_back(runtime, before)


def _drain(
    runtime: Runtime,
    files: Mapping[str, ObservedService],
    found: Drained,
    reporter: Reporter,
    deadline: Deadline,
) -> None:
    end = deadline.now() + deadline.seconds
    waiting = []
    for name, service in files.items():
        if why := _unload(runtime, service, name):
            found.left[service.name] = why
        else:
            waiting.append(service)
    for service in waiting:
        step = DrainService("requests in flight finish first", service.name)
        began = deadline.now()
        reporter.begin(step)
        if why := _wait_for_the_last(service, reporter, deadline, end):
            found.left[service.name] = why
        else:
            found.services.append(service.name)
        reporter.end(step, deadline.now() - began)
    if found.services:
        deadline.sleep(ANSWER_SECONDS)


def _unload(runtime: Runtime, service: ObservedService, name: str) -> str:
    """Tell a server to serve nothing; why that failed, or nothing."""
    try:
        # The server polls the file, and would load again what only a reload took away.
        save_text(runtime.files_dir / name, NOTHING)
        reload_config(service.grpc_address, NOTHING, timeout_seconds=RELOAD_SECONDS)
    except TfdeployError as error:
        return error.message
    except Unreachable as error:
        return f"it doesn't answer: {error.reason}"
    return ""


def _wait_for_the_last(
    service: ObservedService, reporter: Reporter, deadline: Deadline, end: float
) -> str:
    told: dict[str, str] = {}
    while True:
        try:
            states = _states(service)
        except (Unreachable, TfdeployError):
            return "it ended meanwhile"
        if states != told:
            reporter.models(service.name, states)
            told = states
        if all(state == "END" for state in states.values()):
            return ""
        if deadline.now() >= end:
            busy = ", ".join(what for what, state in states.items() if state != "END")
            return f"requests to {busy} were still in flight after {deadline.seconds:g} s"
        deadline.sleep(POLL_SECONDS)


def _states(service: ObservedService) -> dict[str, str]:
    """``"digits 3"`` → its state, of every version that was loaded when the drain began."""
    return {
        f"{model} {one.version}": one.state
        for model in service.versions
        for one in get_status(service.rest_url, model)
        if one.version in service.available(model) or one.state != "END"
    }


def _put_back(runtime: Runtime, before: Mapping[str, str]) -> None:
    for name, text in before.items():
        # A full disk mustn't keep a stack from going down; `up` writes the file anew.
        with suppress(TfdeployError):
            save_text(runtime.files_dir / name, text)
