"""make_plan: what is wanted against what is there. Pure: it touches nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from tfdeploy.plan.observed import ObservedService, ObservedStack
from tfdeploy.plan.steps import (
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


def make_plan(
    stack: Stack,
    rendered: RenderedStack,
    wanted: Wanted,
    observed: ObservedStack,
    runtime: str,
    unsure: Collection[str] = (),
) -> Plan:
    """The ordered changes, each with its cause.

    New services start together and are waited for together; running ones are changed one by
    one, so that a change that fails leaves the others as they were.

    Args:
        unsure: services whose models.config is written and perhaps not taken, as a change was
            cut short between the two.
    """
    maker = _Maker(stack, rendered, wanted, observed, unsure)
    return Plan(stack.stack, runtime, tuple(maker.steps()))


class _Maker:
    def __init__(
        self,
        stack: Stack,
        rendered: RenderedStack,
        wanted: Wanted,
        observed: ObservedStack,
        unsure: Collection[str],
    ) -> None:
        self.stack = stack
        self.rendered = rendered
        self.wanted = wanted
        self.observed = observed
        self.unsure = unsure

    def steps(self) -> Iterator[Step]:
        """Files first, then what starts, what changes, and last what goes."""
        changing = {name: self._change(name) for name in self.rendered.services}
        yield from self._write(
            name for name, steps in changing.items() if any(isinstance(s, Reload) for s in steps)
        )
        starts = {n: s for n, s in changing.items() if s and isinstance(s[0], StartService)}
        yield from (steps[0] for steps in starts.values())
        yield from (step for steps in starts.values() for step in steps[1:])
        yield from (step for n, steps in changing.items() if n not in starts for step in steps)
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
            return [StartService(why, name), self._wait(name, "it is new")]
        if now.server_hash != wanted.server_hash:
            why = "image, flags, ports, mounts or GPU differ"
            return [RecreateService(why, name), self._wait(name, "it is new")]
        if now.models_hash != wanted.models_hash:
            return self._reload(wanted, now, "models, versions or labels differ")
        if now.state == "unhealthy":
            return [RecreateService("it is unhealthy", name), self._wait(name, "it is new")]
        missing = self._missing(now)
        if missing and now.state == "starting":
            return [self._wait(name, "it is still loading")]
        if missing:
            return self._reload(wanted, now, f"{missing} isn't AVAILABLE")
        if name in self.unsure:
            return self._reload(wanted, now, "an earlier change of it was cut short")
        return []

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
            return [RecreateService(cause, now.name), self._wait(now.name, "it is new")]
        first = transition_config(before, wanted.models_config, versions, now)
        steps: list[Step] = []
        if first is not None:
            cause = "what is new loads before anything old goes or a label moves"
            steps.append(Reload(cause, now.name, first, ", old and new side by side"))
            steps.append(WaitAvailable("the old ones go next", now.name, versions))
        steps.append(Reload(why, now.name, wanted.models_config))
        steps.append(self._wait(now.name, "a reload loads in the background"))
        check = f"{now.name}/{HEALTHCHECK}"
        text = self.rendered.files.get(check)
        if text is not None and self.observed.files.get(check) != text:
            steps.append(WriteFiles("it asks for what serves now", {check: text}))
        return steps

    def _wait(self, name: str, cause: str) -> Step:
        models = self.stack.services[name].models
        labels = {model: served.labels for model, served in models.items() if served.labels}
        return WaitAvailable(cause, name, self.wanted[name], labels)
