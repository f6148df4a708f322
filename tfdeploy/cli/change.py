"""The one way by which every command changes a stack: locked, written down, and taken back.

A command says what the stack file becomes; the rest happens here::

    @app.command()
    @takes("dry_run", "no_checks", *HOW)
    def promote(stack: StackArgument, model: ModelName, version: Version, options: Options):
        with open_change(stack, options) as change:
            after = edit.move_label(change.file, model, version)   # pure: StackFile to StackFile
            change.deploy(after)        # `after` may be `change.file` itself, as in `up`

`open_change` takes the stack's lock, closes what a killed command left in the journal, and loads
the stack file. `deploy` checks, plans, shows the diff and the plan, and stops there on a dry run.
Then it writes the entry of the journal, saves the stack file, applies, completes the entry, and
prints where the services answer. `save` does the same for the stack file alone.

Whatever is raised before the end of the body puts the stack file back and closes the entry.
A command that does something slow or lasting before it can plan, such as copying a model, calls
`begin` first, so that it is written down too.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfdeploy.cli import output
from tfdeploy.cli.change_options import Options
from tfdeploy.cli.options import WORDS, choose, settle
from tfdeploy.cli.showing import addresses, ask_for_the_gap, diff, show_addresses
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.apply.drain import Drained
    from tfdeploy.cli.prepare import Prepared
    from tfdeploy.journal import Journal, Result, Served, State, Writer
    from tfdeploy.plan import ObservedStack, Plan
    from tfdeploy.runtimes import Choice
    from tfdeploy.stack import StackFile


DRAIN_SECONDS = 10.0


@contextmanager
def open_change(stack: str, options: Options) -> Iterator[Change]:
    """Hold a stack, and load it to be changed.

    Args:
        stack: the STACK of the command line.
        options: how it is changed, and where the stack is.

    Raises:
        TfdeployError: TFD201 to TFD203; TFD415 when another command holds it.
    """
    from tfdeploy.journal import Writer, changing, read_journal
    from tfdeploy.journal.leftovers import remove_half_begun
    from tfdeploy.stack import find_stack, load_stack

    path = find_stack(stack, options.stacks_dir)
    wait_seconds = options.wait_seconds
    with changing(path.parent, words(), wait_seconds=wait_seconds, report=output.note):
        writer = Writer(path.parent, output.note)
        remove_half_begun(path.parent)
        journal = read_journal(path.parent)
        closed = writer.close_cut_short(journal)
        for entry in closed:
            output.note(f"note: #{entry.number} `{' '.join(entry.command)}` was cut short")
            clean_up(path.parent, entry.brought)
        file = load_stack(path)
        if closed:
            journal = read_journal(path.parent)
        change = Change(file, options, writer, journal)
        try:
            yield change
        except BaseException as error:
            change.take_back(error)
            raise


def words() -> tuple[str, ...]:
    """The command line, as it is written down."""
    return ("tfdeploy", *WORDS.get())


def clean_up(folder: Path, base_paths: Iterable[str]) -> None:
    """Take away what a killed command left half copied or half written."""
    from tfdeploy.journal.leftovers import remove_leftovers

    for gone in remove_leftovers(folder, map(Path, base_paths)):
        output.note(f"note: removed {gone}, which a killed command had left")


@dataclass(frozen=True)
class Stopped:
    """What `down` did: the runtime's name, the services that ran, and how their drain ended."""

    runtime: str
    services: list[str]
    drain: Drained | None = None

    def show(self, change: Change, **extra: Any) -> None:
        """Tell it."""
        name = change.file.stack.stack
        left = dict(self.drain.left) if self.drain else {}
        for service, why in left.items():
            output.note(f"note: {service} wasn't drained: {why}")
        if change.options.as_json:
            told = {"stack": name, "runtime": self.runtime, "stopped": self.services}
            drain = {"drained": self.drain.services if self.drain else [], "not_drained": left}
            output.print_json({**told, **drain, **extra})
        else:
            what = f"stopped {', '.join(self.services)}" if self.services else "nothing was running"
            output.print_line(f"stack {name} on {self.runtime}: {what}")


@dataclass
class Change:
    """One change of a stack that is held: `begin`, then `deploy`, `save` or `down`.

    Args:
        file: the stack file as it was found.
        options: how it was asked for.
        writer: writes the journal's entry.
        journal: all that came before.
    """

    file: StackFile
    options: Options
    writer: Writer
    journal: Journal
    settings: dict[str, Any] = field(default_factory=dict)
    _saved: bool = False
    _ended: bool = False

    def begin(self, after: StackFile | None = None, **settings: Any) -> None:
        """Write the entry, before the first change of the world.

        Args:
            after: what the stack file will be; what it is, where it is left out.
            settings: fields of the entry that the command knows, such as ``brought``.
        """
        from tfdeploy.journal import Entry, State
        from tfdeploy.journal.lock import myself

        me = myself(words())
        entry = Entry(
            number=0,
            command=words(),
            user=me.user,
            host=me.host,
            pid=me.pid,
            started=me.started,
            began=time.time(),
            before=State(self.file.text),
            found=self.file.text,
            wanted=(after or self.file).text,
        )
        self.writer.begin(replace(entry, **{**self.settings, **settings}))

    def update(self, **known: Any) -> None:
        """Write down what became known since `begin`."""
        self.writer.update(**known)

    def deploy(self, after: StackFile, **extra: Any) -> None:
        """Check, plan, show, save the stack file, apply, and tell where the services answer.

        Args:
            after: the stack as it is wanted; the file as it was found, when only what runs changes.
            extra: what the command adds to the JSON document.

        Raises:
            TfdeployError: whatever is wrong with the stack; TFD410 to TFD414 when the change
                failed and was taken back, the stack file too.
        """
        from tfdeploy.cli.prepare import prepare

        file = settle(after)
        choice = choose(file, self.options.runtime, self.options.server_binary)
        self.say(str(choice))
        ready = prepare(file, choice, self.options.templates, self.options.skip_checks)
        self._show_diff(after)
        self.say(str(ready.plan))
        for warning in file.gpus.warnings if file.gpus and ready.plan.steps else ():
            output.note(output.format_warning(warning))
        if self.options.dry_run:
            self._show_end(after, choice, ready, ready.observed, extra)
            return
        if self.options.asks and not self.options.as_json:
            ask_for_the_gap(ready.plan)
        observed = self._apply(after, choice, ready)
        self._show_end(after, choice, ready, observed, extra)

    def save(self, after: StackFile) -> None:
        """Save the stack file alone; the servers stay as they are."""
        self._show_diff(after)
        if self.options.dry_run:
            return
        from tfdeploy.journal import State

        if self.writer.entry is None and after.text != self.file.text:
            self.begin(after)
        self._save(after)
        self._end("done", after=State(after.text))

    def down(
        self,
        after: StackFile | None = None,
        cause: str = "asked for",
        drain_seconds: float = DRAIN_SECONDS,
    ) -> Stopped:
        """Stop every service after a drain, and save the stack file where it becomes another one.

        Raises:
            TfdeployError: as the runtime's ``down``.
        """
        from tfdeploy.apply.drain import drained
        from tfdeploy.apply.wait import Deadline
        from tfdeploy.cli.reporters import make_reporter
        from tfdeploy.journal import State, served_by
        from tfdeploy.runtimes import forget

        choice = choose(self.file, self.options.runtime)
        observed = choice.runtime.observe()
        plan = _stopping(self.file, choice, observed, cause)
        if after is not None:
            self._show_diff(after)
            self.say(str(plan))
        if self.options.dry_run:
            return Stopped(choice.runtime.name, [])
        before = self._before(served_by(observed), False)
        after = after or self.file
        # A first `up` that was killed before a service ran stays unfinished without an entry.
        if before.services or self.journal.unfinished or after.text != self.file.text:
            known = {"deploys": True, "runtime": choice.runtime.name, "server": choice.server}
            # All services go at once; when it is cut short, some may be gone.
            known |= {"plan": plan.as_data(), "step": min(1, len(plan.steps))}
            self._begin_or_update(after, **known, before=before)
        self._save(after)
        reporter = make_reporter(self.options.as_json)
        with drained(choice.runtime, observed, reporter, Deadline(drain_seconds)) as drain:
            stopped = choice.runtime.down()
        forget(after)
        self._end("done", after=State(after.text, {}))
        return Stopped(choice.runtime.name, stopped, drain)

    def end_with(self, note: str) -> None:
        """Complete an entry of something that isn't the stack's own, and that no undo brings back.

        Args:
            note: what was done.
        """
        self._ended = True
        # Without a state afterwards it is as before: no undo stops here.
        self.writer.end("done", note=note)

    def take_back(self, error: BaseException) -> None:
        """Put the stack file back and close the entry; the services are apply's affair."""
        if self._ended:
            return
        if self._saved:
            from tfdeploy.files import save_text

            save_text(self.file.path, self.file.text)
            output.note(f"{self.file.path} is as it was before, too")
        if self.writer.entry is None:
            return
        result: Result = "failed"
        if isinstance(error, KeyboardInterrupt) or getattr(error, "code", "") == "TFD414":
            result = "interrupted"
        self._end(result, error=_told(error))

    def say(self, text: str) -> None:
        """A line for people: beside the document of ``--json``."""
        (output.note if self.options.as_json else output.print_line)(text)

    def _apply(self, after: StackFile, choice: Choice, ready: Prepared) -> ObservedStack:
        """Apply a plan, all of it written down; the stack as it is then."""
        from tfdeploy.apply import apply_plan
        from tfdeploy.cli.reporters import WrittenReporter, make_reporter
        from tfdeploy.journal import State, served_by
        from tfdeploy.runtimes import forget, remember
        from tfdeploy.runtimes.left_logs import LeftLogs

        served = served_by(ready.observed)
        before = self._before(served, not ready.plan.steps)
        known = {
            "deploys": True,
            "runtime": choice.runtime.name,
            "server": choice.server,
            "plan": ready.plan.as_data(),
        }
        told = (self.file.text, before.file)
        if ready.plan.steps or self.journal.unfinished or told != (after.text, after.text):
            self._begin_or_update(after, before=before, **known)
        self._save(after)
        if not ready.plan.steps:
            self._end("done", after=State(after.text, served))
            LeftLogs(after).forget_failed()
            return ready.observed
        remember(after, choice, ready.templates)
        reporter = WrittenReporter(make_reporter(self.options.as_json), self.writer)
        try:
            apply_plan(
                ready.plan,
                runtime=choice.runtime,
                rendered=ready.rendered,
                before=ready.observed,
                reporter=reporter,
                timeout_seconds=self.options.timeout_seconds,
                called=after.folder.name,
                keep_log=LeftLogs(after).keep,
            )
        except BaseException:
            if not ready.observed.services:
                forget(after)
            raise
        self._end("done", after=State(after.text), took=reporter.took)
        LeftLogs(after).forget_failed()
        observed = choice.runtime.observe()
        self.writer.update(after=State(after.text, served_by(observed)))
        return observed

    def _begin_or_update(self, after: StackFile, **known: Any) -> None:
        unfinished = self.journal.unfinished
        known["finishes"] = unfinished[-1].number if unfinished else None
        if self.writer.entry is None:
            self.begin(after, **known)
        else:
            self.writer.update(**known)

    def _before(self, served: dict[str, Served], up_to_date: bool) -> State:
        """What an undo goes back to: the stack as it was brought up last.

        That is more than the stack file as it was found, which may have been edited since.
        """
        from tfdeploy.journal import State

        deployed = self.journal.deployed
        if self.journal.unfinished and deployed is not None:
            return deployed
        running = State(None, served).is_up
        if deployed is not None and deployed.file is not None and deployed.services != {}:
            # Services that ended by themselves are to be up all the same.
            return State(deployed.file, served if running else deployed.services or served)
        # Where it runs, it was brought up before there was a journal.
        known = up_to_date or not running
        return State(self.file.text if known else None, served if running else {})

    def _save(self, after: StackFile) -> None:
        from tfdeploy.files import save_text

        self._saved = after.text != self.file.text
        save_text(after.path, after.text)

    def _end(self, result: Result, **known: Any) -> None:
        self._ended = True
        self.writer.end(result, **known)
        entry = self.writer.entry
        if entry is not None and result == "done" and not entry.touched and not entry.deploys:
            self.writer.drop()

    def _show_diff(self, after: StackFile) -> None:
        if after is not self.file:
            self.say(diff(self.file, after) or f"{after.path}: nothing to change")

    def _show_end(
        self,
        file: StackFile,
        choice: Choice,
        ready: Prepared,
        observed: ObservedStack,
        extra: dict[str, Any],
    ) -> None:
        if self.options.as_json:
            services = addresses(observed)
            told = {**ready.plan.as_data(), "reason": choice.reason, "services": services, **extra}
            told |= {"gateway": observed.gateway.url} if observed.gateway.url else {}
            output.print_json(told)
        elif not self.options.dry_run:
            show_addresses(file, observed)


def _told(error: BaseException) -> dict[str, str]:
    if isinstance(error, TfdeployError):
        return output.errors_as_data(error)[0]
    return {"code": "", "error": f"{type(error).__name__}: {error}".rstrip(": ")}


def _stopping(file: StackFile, choice: Choice, observed: ObservedStack, cause: str) -> Plan:
    """What `down` does, as a plan."""
    from tfdeploy.plan import Plan, StopService

    running = [name for name, one in observed.services.items() if one.state != "absent"]
    steps = tuple(StopService(cause, name) for name in running)
    return Plan(file.stack.stack, choice.runtime.name, steps)
