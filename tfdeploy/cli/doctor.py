"""doctor: what is wrong with this machine, and with a stack on it."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import (
    DEFAULT_STACKS,
    WORDS,
    AsJson,
    RuntimeOption,
    StacksDir,
    complete_stack,
    examples,
)
from tfdeploy.errors import Exit, TfdeployError

if TYPE_CHECKING:
    from tfdeploy.doctor import Facts, Finding, Outcome, Repair


@app.command(
    **examples(
        "tfdeploy doctor vision --fix",
        "tfdeploy doctor vision --save-facts facts.json   # then, anywhere: doctor --facts",
    )
)
def doctor(
    stack: Annotated[
        str | None,
        typer.Argument(
            metavar="[STACK]",
            help="A stack, whose images, ports, folders and models are looked at too.",
            autocompletion=complete_stack,
        ),
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Do what is safe: each line says what was done.")
    ] = False,
    runtime: RuntimeOption = None,
    facts: Annotated[
        str | None,
        typer.Option("--facts", metavar="FILE", help="Judge what was found on another machine."),
    ] = None,
    save_facts: Annotated[
        str | None, typer.Option("--save-facts", metavar="FILE", help="Keep what was found.")
    ] = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Find what is wrong with this machine, and with a stack on it.

    Processor, Docker, Compose, GPUs, images, ports, disk, permissions, SELinux, clock: each check
    says what is wrong, what it causes, and the fix. Exit code 1 when something was found.
    """
    from tfdeploy import doctor as room

    _refuse(stack, facts, fix, runtime)
    _refuse_path("--facts", facts)
    _refuse_path("--save-facts", save_facts)
    found = (
        room.load_facts(Path(facts)) if facts is not None else _gather(stack, runtime, stacks_dir)
    )
    outcomes = room.examine(found, room.CHECKS)
    repairs: list[Repair] = []
    if fix and stack is not None:
        repairs = _mend(stack, stacks_dir, outcomes)
        if repairs:
            found = _gather(stack, runtime, stacks_dir)
            outcomes = room.examine(found, room.CHECKS)
    if save_facts is not None:
        room.save_facts(Path(save_facts), found)
        output.note(f"wrote {save_facts}")
    if as_json:
        output.print_json(_document(found, outcomes, repairs))
    else:
        _show(outcomes, repairs, grouped=sys.stdout.isatty())
    if any(one.findings for one in outcomes):
        raise typer.Exit(Exit.NO)


def _refuse_path(option: str, given: str | None) -> None:
    """A path that can't be a file's, before minutes are spent on what it is for.

    Raises:
        TfdeployError: TFD216.
    """
    if given is None or (given and not Path(given).is_dir()):
        return
    raise TfdeployError(
        "TFD216",
        f"'{given}' is a folder, not a file of facts." if given else "The path '' names no file.",
        where=option,
        hint="name a file, such as facts.json.",
    )


def _refuse(stack: str | None, facts: str | None, fix: bool, runtime: str | None) -> None:
    """Arguments that contradict each other.

    Raises:
        TfdeployError: TFD216, TFD407.
    """
    if facts is not None and (stack is not None or fix or runtime is not None):
        raise TfdeployError(
            "TFD216",
            "A file of facts tells of one machine and its stack; nothing else can be asked of it.",
            where="--facts",
            hint="leave STACK, --runtime and --fix out.",
        )
    if fix and stack is None:
        raise TfdeployError(
            "TFD216",
            "Without a stack there is nothing that --fix could do.",
            where="--fix",
            hint="name a stack: `tfdeploy doctor STACK --fix`.",
        )
    if runtime is not None:
        from tfdeploy.runtimes.choose import check_name

        check_name(runtime)


def _gather(stack: str | None, runtime: str | None, stacks_dir: Path) -> "Facts":
    from tfdeploy.doctor import gather
    from tfdeploy.stack import find_stack

    path = find_stack(stack, stacks_dir) if stack is not None else None
    return gather(path, runtime or "", os.environ)


def _mend(stack: str, stacks_dir: Path, outcomes: "Iterable[Outcome]") -> "list[Repair]":
    from tfdeploy.doctor import mend
    from tfdeploy.stack import find_stack, load_stack

    findings = [one for outcome in outcomes for one in outcome.findings]
    if not any(one.mend for one in findings):
        return []
    file = load_stack(find_stack(stack, stacks_dir))
    return mend(file, findings, ("tfdeploy", *WORDS.get()))


def _show(outcomes: "list[Outcome]", repairs: "list[Repair]", *, grouped: bool) -> None:
    from tfdeploy.doctor import NO_STACK

    for repair in repairs:
        output.print_line(f"fix: {repair}")
    told = [one for one in outcomes if one.why_not != NO_STACK]
    for line in _grouped(told) if grouped else _plain(told):
        output.print_line(line)
    more = len(outcomes) - len(told)
    hint = f"; {more} more look at a stack: tfdeploy doctor STACK" if more else ""
    output.print_line(f"{_summary(told)}{hint}")
    findings = [one for outcome in outcomes for one in outcome.findings]
    if findings:
        gravest = min(findings, key=lambda one: one.severity)
        output.note(f"`tfdeploy explain {gravest.code}` tells the whole story of that one.")


def _grouped(outcomes: "list[Outcome]") -> Iterator[str]:
    """For people at a terminal: what belongs together stands together."""
    group = ""
    for one in outcomes:
        if one.check.group != group:
            group = one.check.group
            yield f"{group[:1].upper()}{group[1:]}"
        if not one.findings:
            yield f"  {one.word:<11}  {_about(one)}"
        for finding in one.findings:
            yield f"  {'problem':<11}  {finding.code}: {finding.message}"
            yield from (f"  {'':<11}  {line}" for line in _reasons(finding))


def _plain(outcomes: "list[Outcome]") -> Iterator[str]:
    """Lines that stand for themselves, for logs and grep."""
    for one in outcomes:
        if not one.findings:
            yield f"{one.check.group}: {one.word}: {_about(one)}"
        for finding in one.findings:
            yield f"{finding.group}: {finding.severity} {finding.code}: {finding.message}"
            yield from (f"  {line}" for line in _reasons(finding))


def _about(one: "Outcome") -> str:
    more = one.why_not or one.told
    return f"{one.check.name}: {more}" if more else one.check.name


def _reasons(finding: "Finding") -> Iterator[str]:
    if finding.where:
        yield f"where:  {finding.where}"
    yield f"causes: {finding.causes}"
    yield f"fix:    {finding.fix}"


def _summary(outcomes: "list[Outcome]") -> str:
    count = sum(len(one.findings) for one in outcomes)
    found = "nothing wrong" if not count else "1 problem" if count == 1 else f"{count} problems"
    skipped = sum(one.word == "not checked" for one in outcomes)
    return f"{found} in {len(outcomes) - skipped} checks; {skipped} not made"


def _document(facts: "Facts", outcomes: "list[Outcome]", repairs: "list[Repair]") -> dict[str, Any]:
    findings = [one for outcome in outcomes for one in outcome.findings]
    return {
        "stack": facts.stack.name if facts.stack else None,
        "runtime": facts.runtime or None,
        "problems": len(findings),
        "findings": [one.as_data() for one in findings],
        "checks": [one.as_data() for one in outcomes],
        "fixed": [one.as_data() for one in repairs],
        # Problems of the stack file are findings by now.
        "facts": facts.model_dump(
            mode="json", exclude_defaults=True, exclude={"stack": {"problems"}}
        ),
    }
