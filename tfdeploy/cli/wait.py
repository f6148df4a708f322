"""wait: until a stack, or versions and labels of it, serve; for scripts."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
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
    seconds,
)
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.plan.waiting import Target
    from tfdeploy.runtimes import Choice
    from tfdeploy.serverlog import Cause
    from tfdeploy.stack import StackFile

POLL_SECONDS = 0.5
# One look may fall between the end of another command and what it brought about.
LOOKS_THAT_MEAN_NEVER = 2


@app.command(
    **examples(
        "tfdeploy wait vision",
        "tfdeploy wait vision --for digits=4 --for digits@stable=4 --timeout 60",
    )
)
def wait(
    stack: StackArgument,
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--for",
            metavar="MODEL[@LABEL]=VERSION",
            help="Wait for this version, or for a label to answer with it; several are all "
            "waited for. Default: until `tfdeploy status` finds no difference.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option("--timeout", metavar="SECONDS", parser=seconds, help="How long to wait."),
    ] = 300.0,
    runtime: RuntimeOption = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Wait until what is wanted serves.

    Exit code 0 when it does, 5 with the reason when time runs out, or at once when it can't come
    any more.
    """
    asked = _parse(targets or [])
    waiting = _Waiting(stack, stacks_dir, runtime, asked, _teller(as_json))
    took = waiting.until(timeout)
    if as_json:
        output.print_json({**waiting.data(), "seconds": took})
    else:
        what = ", ".join(map(str, asked)) or "all as wanted"
        output.print_line(f"stack {waiting.name}: {what}, after {output.seconds(took)}")


def _parse(texts: Sequence[str]) -> list[Target]:
    from tfdeploy.plan.waiting import parse_target

    try:
        return [parse_target(text) for text in texts]
    except ValueError as error:
        raise typer.BadParameter(f"--for: {error}.") from error


def _teller(as_json: bool) -> Any:
    """Where progress goes: what is missing, whenever that changes."""
    if not as_json and sys.stdout.isatty():
        from rich.console import Console

        # On stderr, so that only the result stands on stdout.
        return Console(stderr=True, highlight=False).status("looking")
    return None


class _Waiting:
    """Looks again and again; the stack file is read anew each time, for others may change it."""

    def __init__(
        self,
        stack: str,
        stacks_dir: Path,
        runtime: str | None,
        targets: Sequence[Target],
        spinner: Any,
    ) -> None:
        self._stack, self._stacks_dir, self._runtime = stack, stacks_dir, runtime
        self._targets = targets
        self._spinner = spinner
        self._told: list[str] = []
        self.name = stack

    def until(self, timeout_seconds: float) -> float:
        """Wait; how long it took, in seconds.

        Raises:
            TfdeployError: TFD450, TFD451.
        """
        began = time.monotonic()
        if self._spinner is not None:
            self._spinner.start()
        try:
            self._poll(began, began + timeout_seconds, timeout_seconds)
        finally:
            if self._spinner is not None:
                self._spinner.stop()
        return time.monotonic() - began

    def data(self) -> dict[str, Any]:
        """What was waited for."""
        return {"stack": self.name, "for": [str(one) for one in self._targets]}

    def _poll(self, began: float, end: float, timeout_seconds: float) -> None:
        from tfdeploy.journal.lock import read_holder

        never = 0
        while True:
            file = load(self._stack, self._stacks_dir)
            self.name = file.stack.stack
            holder = read_holder(file.folder)
            choice = choose(file, self._runtime)
            missing, why_never = self._look(file, choice)
            if not missing:
                return
            self._tell(missing)
            changing = holder is not None or read_holder(file.folder) is not None
            never = never + 1 if why_never and not changing else 0
            if why_never and never >= LOOKS_THAT_MEAN_NEVER:
                raise _never(file, choice, why_never)
            if time.monotonic() > end:
                raise _too_late(file, choice, missing, timeout_seconds)
            time.sleep(POLL_SECONDS)

    def _look(self, file: StackFile, choice: Choice) -> tuple[list[str], str | None]:
        """What is missing, and why it can't come."""
        from tfdeploy.cli.looking import look_at_health, wanted_even_if_gone
        from tfdeploy.plan import waiting

        observed = choice.runtime.observe()
        if not self._targets:
            health = look_at_health(file, choice, observed)
            if health.healthy:
                return [], None
            return list(health.differing), waiting.why_health_is_hopeless(health, observed)
        open_ = [
            one
            for one in self._targets
            if any(waiting.missing_targets([one], file.stack, observed))
        ]
        missing = list(waiting.missing_targets(open_, file.stack, observed))
        wanted = wanted_even_if_gone(file)
        return missing, waiting.why_targets_are_hopeless(open_, file.stack, wanted, observed)

    def _tell(self, missing: list[str]) -> None:
        if missing == self._told:
            return
        self._told = missing
        if self._spinner is not None:
            self._spinner.update(f"waiting: {'; '.join(missing)}")
        else:
            output.note(f"waiting: {'; '.join(missing)}")


def _never(file: StackFile, choice: Choice, why: str) -> TfdeployError:
    from tfdeploy.serverlog import cause_of

    folder = file.folder.name
    cause = cause_of(why) or _cause(file, choice, "exited")[0]
    up = f"`tfdeploy up {folder}` brings what the stack file says"
    return TfdeployError(
        "TFD450",
        cause.explain(f"It can't come any more: {why}."),
        where=file.where("services"),
        hint=f"{cause.hint} {up}; `tfdeploy status {folder}` shows what differs.".lstrip(),
    )


def _too_late(
    file: StackFile, choice: Choice, missing: list[str], timeout_seconds: float
) -> TfdeployError:
    folder = file.folder.name
    cause, service = _cause(file, choice)
    line = f"the log of service '{service}': {cause.why}" if cause.why else ""
    longer = f"{cause.hint} Or give" if cause.hint else "give"
    return TfdeployError(
        "TFD451",
        cause.explain(f"Not there after {timeout_seconds:g} s: {'; '.join(missing)}."),
        where=line or f"tfdeploy status {folder}",
        hint=f"{longer} it longer with --timeout SECONDS, or look: `tfdeploy logs {folder} "
        "--explain`.",
    )


def _cause(file: StackFile, choice: Choice, state: str = "") -> tuple[Cause, str]:
    """What the first log that is known to explain a failure says, and whose it is.

    Args:
        state: look at services in this state alone.
    """
    from tfdeploy.serverlog import Cause, why_ended, why_failed

    for name in file.stack.services:
        now = choice.runtime.look(name)
        if state in ("", now.state):
            lines = choice.runtime.logs(name, tail=300, follow=False)
            why = why_ended if now.state == "exited" else why_failed
            if cause := why(lines, now.ending, choice.runtime.name):
                return cause, name
    return Cause(), ""
