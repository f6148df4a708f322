"""What `plan` and `up` have in common: everything up to the plan, and nothing after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.plan import ObservedStack, Plan, check_change, make_plan
from tfdeploy.render import RenderedStack
from tfdeploy.render.folder import template_lookup
from tfdeploy.runtimes import Choice
from tfdeploy.stack import StackFile, check_models, check_stack, resolve_wanted


@dataclass(frozen=True)
class Prepared:
    """A plan with all that it was made from."""

    plan: Plan
    rendered: RenderedStack
    observed: ObservedStack


def prepare(file: StackFile, choice: Choice, templates: Path | None) -> Prepared:
    """Check everything, then render, observe and plan.

    Raises:
        TfdeployError: every problem of the stack file, the models and the runtime at once.
    """
    problems = check_stack(file)
    raise_all([*problems, *check_models(file)] if problems else [])
    rendered = choice.runtime.render(template_lookup(file, templates))
    problems, observed = _on_the_runtime(choice, rendered)
    raise_all([*check_models(file), *problems])
    wanted = resolve_wanted(file)
    plan = make_plan(file.stack, rendered, wanted, observed, choice.runtime.name)
    raise_all(check_change(file, plan.steps, wanted, observed))
    return Prepared(plan, rendered, observed)


def _on_the_runtime(
    choice: Choice, rendered: RenderedStack
) -> tuple[list[TfdeployError], ObservedStack]:
    """What is there, and every reason why a change would fail; an engine that is down is one."""
    try:
        observed = choice.runtime.observe()
        return choice.runtime.check(rendered, observed), observed
    except TfdeployError as error:
        return [error], ObservedStack({}, {})
