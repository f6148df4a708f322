"""What `plan`, `up` and `status` have in common: everything up to the plan, nothing after it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.journal.folder import last_start_seconds, unsure_services
from tfdeploy.plan import Checks, ObservedStack, Plan, check_change, crowded_services, make_plan
from tfdeploy.render import RenderedStack
from tfdeploy.render.folder import template_lookup
from tfdeploy.runtimes import Choice, remembered_templates
from tfdeploy.stack import StackFile, check_models, check_stack, resolve_wanted
from tfdeploy.stack.checks import check_requests


@dataclass(frozen=True)
class Prepared:
    """A plan with all that it was made from."""

    plan: Plan
    rendered: RenderedStack
    observed: ObservedStack
    templates: Path | None = None


@dataclass(frozen=True)
class Examined:
    """How far the way to a plan leads.

    Attributes:
        problems: every reason why `up` would refuse; without any there is a plan.
        prepared: None where there are problems.
    """

    problems: tuple[TfdeployError, ...]
    prepared: Prepared | None = None


def prepare(
    file: StackFile, choice: Choice, templates: Path | None, skip_checks: str = ""
) -> Prepared:
    """Check everything, then render, observe and plan.

    Args:
        file: the stack as it is wanted.
        choice: where it runs.
        templates: a folder of templates that replace the bundled ones.
        skip_checks: why versions aren't asked before labels move to them; empty where they are.

    Raises:
        TfdeployError: every problem of the stack file, the models and the runtime at once.
    """
    found = examine(file, choice, templates, skip_checks=skip_checks)
    raise_all(found.problems)
    assert found.prepared is not None
    return found.prepared


def examine(
    file: StackFile,
    choice: Choice,
    templates: Path | None = None,
    observed: ObservedStack | None = None,
    skip_checks: str = "",
) -> Examined:
    """As `prepare`, with the problems as a result.

    Args:
        file: the stack.
        choice: where it runs.
        templates: a folder of templates; without one that which the stack was brought up with.
        observed: what is there, where somebody has looked already.
        skip_checks: as for `prepare`.
    """
    templates = templates or remembered_templates(file)
    if problems := check_stack(file):
        return Examined((*problems, *check_models(file)))
    try:
        rendered = choice.runtime.render(template_lookup(file, templates))
    except TfdeployError as error:
        return Examined((*error.all(), *check_models(file)))
    problems, observed = _on_the_runtime(choice, rendered, observed)
    if problems := [*check_models(file), *problems]:
        return Examined(tuple(problems))
    wanted = resolve_wanted(file)
    unsure = unsure_services(file.folder)
    checks = Checks(partial(check_requests, file), skip_checks)
    name = choice.runtime.name
    crowded = crowded_services(file, wanted, observed)
    started_in = partial(last_start_seconds, file.folder)
    plan = make_plan(
        file.stack, rendered, wanted, observed, name, unsure, checks, crowded, started_in
    )
    if problems := check_change(file, plan.steps, crowded):
        return Examined(tuple(problems))
    return Examined((), Prepared(plan, rendered, observed, templates))


def _on_the_runtime(
    choice: Choice, rendered: RenderedStack, observed: ObservedStack | None
) -> tuple[list[TfdeployError], ObservedStack]:
    """What is there, and every reason why a change would fail; an engine that is down is one."""
    try:
        observed = observed or choice.runtime.observe()
        return choice.runtime.check(rendered, observed), observed
    except TfdeployError as error:
        return error.all(), ObservedStack({}, {})
