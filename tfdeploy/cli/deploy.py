"""up, down: change what runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import (
    DEFAULT_STACKS,
    AsJson,
    RuntimeOption,
    ServerBinary,
    StackArgument,
    StacksDir,
    TemplatesDir,
    Timeout,
    choose,
    examples,
    load_to_change,
    settle,
)

if TYPE_CHECKING:
    from tfdeploy.plan import ObservedStack
    from tfdeploy.runtimes import Choice
    from tfdeploy.stack import StackFile


@app.command(**examples("tfdeploy up vision", "tfdeploy up vision --runtime process --timeout 60"))
def up(
    stack: StackArgument,
    runtime: RuntimeOption = None,
    server_binary: ServerBinary = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop after the plan.")] = False,
    templates: TemplatesDir = None,
    timeout: Timeout = 300.0,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Bring a stack up, or change it to what its file says.

    Everything is checked first; then the plan is shown and applied, and every wanted model
    version is waited for. A change that fails is taken back.
    """
    with load_to_change(stack, stacks_dir) as written:
        file = settle(written)
        choice = choose(file, runtime, server_binary)
        deploy(file, choice, templates, timeout, as_json, dry_run)


def deploy(
    file: "StackFile",
    choice: "Choice",
    templates: Path | None,
    timeout: float,
    as_json: bool,
    dry_run: bool = False,
) -> None:
    """Check, plan, show, apply, and tell where the services answer."""
    from tfdeploy.apply import apply_plan
    from tfdeploy.cli.prepare import prepare
    from tfdeploy.cli.reporters import make_reporter
    from tfdeploy.runtimes import forget, remember

    say = output.note if as_json else output.print_line
    say(str(choice))
    ready = prepare(file, choice, templates)
    say(str(ready.plan))
    for warning in file.gpus.warnings if file.gpus and ready.plan.steps else ():
        output.note(output.format_warning(warning))
    if ready.plan.steps and not dry_run:
        remember(file, choice)
        try:
            apply_plan(
                ready.plan,
                runtime=choice.runtime,
                rendered=ready.rendered,
                before=ready.observed,
                reporter=make_reporter(as_json),
                timeout_seconds=timeout,
            )
        except BaseException:
            if not ready.observed.services:
                forget(file)
            raise
    after = choice.runtime.observe()
    if as_json:
        output.print_json(
            {**ready.plan.as_data(), "reason": choice.reason, "services": _addresses(after)}
        )
    elif not dry_run:
        _show_addresses(file, after)


def _addresses(observed: "ObservedStack") -> dict[str, Any]:
    return {
        name: {
            "state": service.state,
            "rest": service.rest_url,
            "grpc": service.grpc_address,
            "models": {m: sorted(service.available(m)) for m in service.versions},
        }
        for name, service in observed.services.items()
    }


def _show_addresses(file: "StackFile", observed: "ObservedStack") -> None:
    for name, service in observed.services.items():
        output.print_line(f"{name}: {service.rest_url} (REST), {service.grpc_address} (gRPC)")
    models = [m for one in file.stack.services.values() for m in one.models]
    if models:
        output.print_line(f"next: tfdeploy predict {file.folder.name} {models[0]} --help")


@app.command(**examples("tfdeploy down vision", "tfdeploy down vision --json"))
def down(
    stack: StackArgument,
    runtime: RuntimeOption = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Stop every service of a stack.

    Models and rendered files stay.
    """
    from tfdeploy.runtimes import forget

    with load_to_change(stack, stacks_dir) as file:
        choice = choose(file, runtime)
        stopped = choice.runtime.down()
        forget(file)
    if as_json:
        result = {"stack": file.stack.stack, "runtime": choice.runtime.name, "stopped": stopped}
        output.print_json(result)
    else:
        what = f"stopped {', '.join(stopped)}" if stopped else "nothing was running"
        output.print_line(f"stack {file.stack.stack} on {choice.runtime.name}: {what}")
