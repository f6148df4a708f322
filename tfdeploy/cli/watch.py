"""status, logs: look at what runs."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import (
    DEFAULT_STACKS,
    AsJson,
    RuntimeOption,
    StackArgument,
    StacksDir,
    choose,
    examples,
    load,
)
from tfdeploy.errors import Exit, TfdeployError

if TYPE_CHECKING:
    from tfdeploy.plan import ObservedService, ObservedStack
    from tfdeploy.runtimes import Choice
    from tfdeploy.stack import StackFile


@app.command(**examples("tfdeploy status vision", "tfdeploy status vision --json"))
def status(
    stack: StackArgument,
    runtime: RuntimeOption = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Compare what is wanted with what serves.

    Exit code 1 when they differ.
    """
    file = load(stack, stacks_dir)
    choice = choose(file, runtime)
    observed = choice.runtime.observe()
    wanted = _wanted(file)
    rows = [
        row
        for name in {**file.stack.services, **observed.services}
        for row in _rows(observed.service(name), dict(wanted.get(name, {})))
    ]
    problems = [*_label_problems(file, observed), *_pending(file, choice, observed)]
    healthy = all(row["ok"] for row in rows) and not problems
    shares = _gpu_shares(file, observed)
    if as_json:
        stated = {"stack": file.stack.stack, "runtime": choice.runtime.name, "healthy": healthy}
        services = {
            name: {
                "rest": one.rest_url,
                "grpc": one.grpc_address,
                "state": one.state,
                "gpu": shares.get(name),
            }
            for name, one in observed.services.items()
        }
        output.print_json({**stated, "services": services, "models": rows, "problems": problems})
    else:
        _show(file, choice.runtime.name, rows, list(observed.services.values()), healthy, shares)
        for problem in problems if observed.services else ():
            output.print_line(problem)
    if not healthy:
        raise typer.Exit(Exit.NO)


def _gpu_shares(file: "StackFile", observed: "ObservedStack") -> dict[str, str]:
    """Service → its GPU share and use, in words; the imports only where there is one."""
    if not any(service.gpu for service in file.stack.services.values()):
        return {}
    from tfdeploy.runtimes.gpus import share_lines

    return share_lines(file, observed)


def _wanted(file: "StackFile") -> dict[str, dict[str, tuple[int, ...]]]:
    """As for a plan, but a version that is named and gone from disk is still wanted."""
    from tfdeploy.stack import resolve_wanted
    from tfdeploy.stack.schema import Specific

    wanted = {name: dict(models) for name, models in resolve_wanted(file).items()}
    for name, service in file.stack.services.items():
        for model, served in service.models.items():
            if isinstance(served.versions, Specific):
                wanted[name][model] = tuple(sorted(set(served.versions.specific)))
    return wanted


def _label_problems(file: "StackFile", observed: "ObservedStack") -> Iterator[str]:
    """Labels that don't answer with the version that the stack file points them at."""
    for name, service in file.stack.services.items():
        now = observed.service(name)
        if not now.versions:
            continue
        for model, served in service.models.items():
            for label, number in served.labels.items():
                found = now.labels.get(model, {}).get(label)
                if found != number:
                    answers = "doesn't answer" if found is None else f"answers with {found}"
                    yield f"label {label} of {model} {answers}, and should with {number}"


def _pending(file: "StackFile", choice: "Choice", observed: "ObservedStack") -> Iterator[str]:
    """What `up` would change, or why it would refuse."""
    from tfdeploy.plan import WaitAvailable, make_plan
    from tfdeploy.render.folder import template_lookup
    from tfdeploy.stack import check_models, check_stack, resolve_wanted

    errors = check_stack(file)
    try:
        errors += check_models(file) if not errors else []
        rendered = choice.runtime.render(template_lookup(file, None)) if not errors else None
    except TfdeployError as error:
        errors, rendered = error.all(), None
    if rendered is None:
        yield from (f"`up` would refuse: {error.message}  [{error.code}]" for error in errors)
        return
    name = choice.runtime.name
    for step in make_plan(file.stack, rendered, resolve_wanted(file), observed, name).steps:
        if not isinstance(step, WaitAvailable):
            yield f"`up` would {step}, because {step.cause}"


def _rows(service: "ObservedService", wanted: dict[str, tuple[int, ...]]) -> list[dict[str, Any]]:
    """One row for each version that is wanted or that the server knows of."""
    rows = []
    running = service.state in ("running", "starting", "unhealthy")
    for model in {**wanted, **service.versions}:
        known = {one.number: one for one in service.versions.get(model, ())}
        for number in sorted({*wanted.get(model, ()), *known}, reverse=True):
            is_wanted = number in wanted.get(model, ())
            seen = known.get(number)
            if seen and not is_wanted and seen.state == "END" and not seen.error:
                continue
            state = seen.state if seen else _unseen(service)
            ok = state == "AVAILABLE" if is_wanted else state != "AVAILABLE"
            rows.append(
                {
                    "service": service.name,
                    "model": model,
                    "version": number,
                    "labels": [
                        label
                        for label, points_at in service.labels.get(model, {}).items()
                        if points_at == number
                    ],
                    "wanted": is_wanted,
                    "state": state,
                    "error": seen.error if seen else service.detail if not running else "",
                    "ok": ok,
                }
            )
        if not wanted.get(model) and not known:
            rows.append(_no_version(service, model))
    return rows


def _unseen(service: "ObservedService") -> str:
    """The state of a version that the server doesn't speak of."""
    if service.versions:
        return "NOT LOADED"
    # The ports open after the first load.
    return "LOADING" if service.state in ("running", "starting") else service.state.upper()


def _no_version(service: "ObservedService", model: str) -> dict[str, Any]:
    return {
        "service": service.name,
        "model": model,
        "version": None,
        "labels": [],
        "wanted": True,
        "state": "NOTHING ON DISK",
        "error": "no version to serve",
        "ok": False,
    }


def _show(
    file: "StackFile",
    runtime: str,
    rows: list[dict[str, Any]],
    services: "list[ObservedService]",
    healthy: bool,
    shares: dict[str, str],
) -> None:
    said = "all as wanted" if healthy else "NOT as wanted"
    if not services:
        said = "down"
    output.print_line(f"stack {file.stack.stack} on {runtime}: {said}")
    for service in services:
        since = ""
        if service.started_at:
            since = f", up {output.seconds(max(0.0, time.time() - service.started_at))}"
        restarts = f", {service.restarts} restarts" if service.restarts else ""
        address = f", {service.rest_url}, grpc {service.grpc_address}" if service.rest_url else ""
        output.print_line(f"{service.name}: {service.state}{since}{restarts}{address}")
        if service.name in shares:
            output.print_line(f"{service.name}: {shares[service.name]}")
    output.print_line()
    table = [
        (
            row["service"],
            row["model"],
            "-" if row["version"] is None else row["version"],
            ",".join(row["labels"]) or "-",
            row["state"],
            _remark(row),
        )
        for row in rows
    ]
    output.print_table(["SERVICE", "MODEL", "VERSION", "LABELS", "STATE", ""], table)


def _remark(row: dict[str, Any]) -> str:
    if row["error"]:
        return str(row["error"]).splitlines()[0]
    return "" if row["wanted"] else "not wanted by the stack file"


@app.command(**examples("tfdeploy logs vision", "tfdeploy logs vision classifier --follow"))
def logs(
    stack: StackArgument,
    service: Annotated[
        str | None, typer.Argument(metavar="[SERVICE]", help="One service; default: all.")
    ] = None,
    tail: Annotated[int, typer.Option(help="How many lines from the end.")] = 100,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is added.")
    ] = False,
    runtime: RuntimeOption = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
) -> None:
    """Print what the servers wrote to their logs."""
    file = load(stack, stacks_dir)
    names = list(file.stack.services)
    if service is not None and service not in names:
        raise TfdeployError(
            "TFD208",
            f"There is no service '{service}'.",
            where=file.where("services"),
            hint=f"services of the stack: {', '.join(names)}.",
        )
    if follow and service is None and len(names) > 1:
        raise TfdeployError(
            "TFD216",
            "--follow takes one service.",
            where=f"tfdeploy logs {stack} --follow",
            hint=f"name one of: {', '.join(names)}.",
        )
    choice = choose(file, runtime)
    printed = False
    for name in [service] if service else names:
        prefix = f"{name} | " if service is None and len(names) > 1 else ""
        for line in choice.runtime.logs(name, tail=tail, follow=follow):
            output.print_line(prefix + line)
            printed = True
    if not printed and all(choice.runtime.look(name).state == "absent" for name in names):
        raise TfdeployError(
            "TFD408",
            f"Stack '{file.stack.stack}' isn't up, and has left no log.",
            where=file.where("services"),
            hint=f"`tfdeploy up {file.folder.name}` starts it.",
        )
