"""make_plan: what is wanted against what is there. Pure: it touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace

from tfdeploy.plan.beside import (
    DrainOld,
    StartBeside,
    StopGateway,
    StopOther,
    SwitchService,
    clear_other,
    gateway_steps,
)
from tfdeploy.plan.checking import Checks, checks_before
from tfdeploy.plan.observed import ObservedService, ObservedStack
from tfdeploy.plan.steps import (
    CheckAnswers,
    Plan,
    RecreateService,
    Reload,
    StartService,
    Step,
    StopService,
    WaitAvailable,
    WriteFiles,
)
from tfdeploy.plan.transition import moved_model, transition_config
from tfdeploy.render import HEALTHCHECK, MODELS_CONFIG, RenderedService, RenderedStack
from tfdeploy.stack import Stack, Wanted

_NO_CHECKS = Checks()


def make_plan(
    stack: Stack,
    rendered: RenderedStack,
    wanted: Wanted,
    observed: ObservedStack,
    runtime: str,
    unsure: Collection[str] = (),
    checks: Checks = _NO_CHECKS,
    crowded: Collection[str] = (),
    started_in: Callable[[str], float | None] = lambda _: None,
) -> Plan:
    """The ordered changes, each with its cause.

    New services start together and are waited for together; running ones are changed one by
    one, so that a change that fails leaves the others as they were.

    Args:
        unsure: services whose models.config is written and perhaps not taken, as a change was
            cut short between the two.
        checks: what versions are asked before requests move to them.
        crowded: services whose old and new versions don't fit into their GPU share together; with
            ``strategy: recreate`` they are stopped first.
        started_in: how many seconds a service's last start took; None where nobody knows.
    """
    maker = _Maker(stack, rendered, wanted, observed, unsure, checks, crowded, started_in)
    return Plan(stack.stack, runtime, tuple(maker.steps()))


class _Maker:
    def __init__(
        self,
        stack: Stack,
        rendered: RenderedStack,
        wanted: Wanted,
        observed: ObservedStack,
        unsure: Collection[str],
        checks: Checks,
        crowded: Collection[str],
        started_in: Callable[[str], float | None],
    ) -> None:
        self.stack = stack
        self.rendered = rendered
        self.wanted = wanted
        self.observed = observed
        self.unsure = unsure
        self.checks = checks
        self.crowded = crowded
        self.started_in = started_in

    def steps(self) -> Iterator[Step]:
        """Files first, then what starts, what changes, and last what goes."""
        changing = {name: self._change(name) for name in self.rendered.services}
        yield from self._write(
            name for name, steps in changing.items() if any(isinstance(s, Reload) for s in steps)
        )
        starts = {n: s for n, s in changing.items() if s and isinstance(s[0], StartService)}
        yield from (steps[0] for steps in starts.values())
        yield from (step for steps in starts.values() for step in steps[1:])
        # Its routes lead to what has just been started, and no more to what will be stopped.
        gateway = list(gateway_steps(self.rendered.gateway, self.observed.gateway))
        last = [step for step in gateway if isinstance(step, StopGateway)]
        yield from (step for step in gateway if step not in last)
        yield from (step for n, steps in changing.items() if n not in starts for step in steps)
        yield from last
        for name, service in self.observed.services.items():
            if name not in self.rendered.services and service.state != "absent":
                yield StopService("the stack file no longer has it", name)

    def _write(self, reloaded: Iterable[str]) -> Iterator[Step]:
        # A reload writes its own models.config when its turn comes, and the health check asks for
        # a new model only when it serves: a long load would make the container unhealthy.
        later = {f"{name}/{file}" for name in reloaded for file in (MODELS_CONFIG, HEALTHCHECK)}
        texts = {
            name: text
            for name, text in self.rendered.files.items()
            if name not in later and self.observed.files.get(name) != text
        }
        removed = tuple(sorted(set(self.observed.files) - set(self.rendered.files)))
        if texts or removed:
            there = bool(self.observed.files)
            cause = "the stack file says otherwise" if there else "nothing is rendered yet"
            yield WriteFiles(cause, texts, removed)

    def _change(self, name: str) -> list[Step]:
        wanted, now = self.rendered.services[name], self.observed.service(name)
        if now.state in ("absent", "exited"):
            why = "it isn't running" if now.state == "absent" else f"it ended ({now.detail})"
            return [StartService(why, name), self._wait(name, "it is new"), *self._clear(now)]
        if now.server_hash != wanted.server_hash:
            asked = self._checks_after(wanted, now)
            return self._replace(now, "image, flags, ports, mounts or GPU differ", asked)
        if name in self.crowded and self.stack.services[name].strategy == "recreate":
            why = "old and new versions don't fit into its GPU share together"
            return self._replace(now, why, self._checks_after(wanted, now))
        if now.models_hash != wanted.models_hash:
            return [
                *self._clear(now),
                *self._reload(wanted, now, "models, versions or labels differ"),
            ]
        if now.state == "unhealthy":
            return self._replace(now, "it is unhealthy")
        missing = self._missing(now)
        if missing and now.state == "starting":
            return [self._wait(name, "it is still loading")]
        if missing:
            return [*self._clear(now), *self._reload(wanted, now, f"{missing} isn't AVAILABLE")]
        if name in self.unsure:
            why = "an earlier change of it was cut short"
            return [*self._clear(now), *self._reload(wanted, now, why)]
        return self._clear(now)

    @property
    def _drain_seconds(self) -> float:
        return self.stack.gateway.drain_seconds if self.stack.gateway else 0.0

    def _clear(self, now: ObservedService) -> list[Step]:
        return clear_other(now, self._drain_seconds)

    def _replace(
        self, now: ObservedService, why: str, asked: Iterable[CheckAnswers] = ()
    ) -> list[Step]:
        """Another server for a service: beside the old one where a gateway can switch.

        Args:
            now: the service as it is.
            why: the cause.
            asked: what the new server has to answer before clients come to it.
        """
        name = now.name
        if not self.stack.goes_beside(name):
            why = f"{why}; {self._gap(now)}"
            recreate = RecreateService(why, name)
            return [*self._clear(now), recreate, self._wait(name, "it is new"), *asked]
        drain = self._drain_seconds
        return [
            *self._clear(now),
            StartBeside(why, name),
            self._wait(name, "it is new", beside=True),
            *(replace(one, beside=True) for one in asked),
            SwitchService("it serves all that is wanted", name, drain),
            DrainOld("it may still be answering", name, drain),
            StopOther("nothing asks it any more", name),
        ]

    def _gap(self, now: ObservedService) -> str:
        """How long nobody answers, and what keeps it from being none."""
        seconds = self.started_in(now.name)
        away = "it is away until its models are loaded"
        if seconds is not None:
            away += f", about {max(1, round(seconds))} s as at its last start"
        service = self.stack.services[now.name]
        if self.stack.gateway is None or service.strategy == "recreate":
            return away
        return f"{away}, because two servers can't publish one port"

    def _missing(self, now: ObservedService) -> str:
        """The first wanted version that doesn't answer, in words."""
        for model, numbers in self.wanted[now.name].items():
            for number in numbers:
                if number not in now.available(model):
                    return f"{model} {number}"
        return ""

    def _reload(self, wanted: RenderedService, now: ObservedService, why: str) -> list[Step]:
        before = self.observed.files.get(f"{now.name}/{MODELS_CONFIG}", "")
        versions = self.wanted[now.name]
        moved = moved_model(before, wanted.models_config, versions, now)
        if moved:
            cause = f"{moved} has another base path, and loaded versions aren't loaded again"
            return self._replace(now, cause)
        asked = checks_before(before, wanted.models_config, versions, now, self.checks)
        held: dict[str, set[int]] = {}
        for one in asked:
            if one.requests:
                held.setdefault(one.model, set()).add(one.version)
        first = transition_config(before, wanted.models_config, versions, now, held)
        steps: list[Step] = []
        if first is not None:
            cause = "what is new loads before anything old goes or a label moves"
            steps.append(Reload(cause, now.name, first, ", old and new side by side"))
            next_one = (
                "they are asked next"
                if any(not one.skipped for one in asked)
                else "the old ones go next"
            )
            steps.append(WaitAvailable(next_one, now.name, versions))
        steps += asked
        steps.append(Reload(why, now.name, wanted.models_config))
        steps.append(self._wait(now.name, "a reload loads in the background"))
        check = f"{now.name}/{HEALTHCHECK}"
        text = self.rendered.files.get(check)
        if text is not None and self.observed.files.get(check) != text:
            steps.append(WriteFiles("it asks for what serves now", {check: text}))
        return steps

    def _checks_after(self, wanted: RenderedService, now: ObservedService) -> list[CheckAnswers]:
        """What moves along with a new server can be asked only when it is up."""
        before = self.observed.files.get(f"{now.name}/{MODELS_CONFIG}", "")
        versions = self.wanted[now.name]
        asked = checks_before(before, wanted.models_config, versions, now, self.checks)
        # The version before may be gone, and nothing is left to compare with.
        return [replace(one, before=None) for one in asked if one.requests or one.skipped]

    def _wait(self, name: str, cause: str, *, beside: bool = False) -> Step:
        models = self.stack.services[name].models
        labels = {model: served.labels for model, served in models.items() if served.labels}
        return WaitAvailable(cause, name, self.wanted[name], labels, beside)
