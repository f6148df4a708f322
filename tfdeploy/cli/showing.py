"""What a change shows: before it the difference of the stack file, then where services answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfdeploy.cli import output

if TYPE_CHECKING:
    from tfdeploy.plan import ObservedStack, Plan
    from tfdeploy.stack import StackFile


def diff(before: StackFile, after: StackFile) -> str:
    """What a change does to the stack file, for people; empty where nothing."""
    return diff_of(before.text, after.text, str(before.path))


def diff_of(before: str, after: str, name: str) -> str:
    """The difference of two texts, in unified form; empty where there is none."""
    import difflib

    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), name, name, lineterm="", n=2
    )
    return "\n".join(lines)


def addresses(observed: ObservedStack) -> dict[str, Any]:
    """Service → where it answers and what it serves, for ``--json``."""
    return {
        name: {
            "state": service.state,
            "rest": service.rest_url,
            "grpc": service.grpc_address,
            "models": {m: sorted(service.available(m)) for m in service.versions},
        }
        for name, service in observed.services.items()
    }


def show_addresses(file: StackFile, observed: ObservedStack) -> None:
    """Where the services answer, and what comes next."""
    if observed.gateway.url:
        output.print_line(f"gateway: {observed.gateway.url} (REST and gRPC)")
    for name, service in observed.services.items():
        output.print_line(f"{name}: {service.rest_url} (REST), {service.grpc_address} (gRPC)")
    models = [m for one in file.stack.services.values() for m in one.models]
    if models:
        output.print_line(f"next: tfdeploy predict {file.folder.name} {models[0]} --help")


def ask_for_the_gap(plan: Plan) -> None:
    """A person at a terminal is asked before a service is away; a script has said what it wants."""
    import sys

    import typer

    from tfdeploy.errors import Exit
    from tfdeploy.plan import RecreateService

    away = [step.service for step in plan.steps if isinstance(step, RecreateService)]
    if not away or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    if not typer.confirm(f"{', '.join(away)}: nobody answers meanwhile. Go on?"):
        raise typer.Exit(Exit.NO)
