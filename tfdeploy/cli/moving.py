"""What promote, rollback, canary, pin, unpin and retire have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tfdeploy.cli import output
from tfdeploy.cli.change import Change, open_change
from tfdeploy.cli.change_options import Options
from tfdeploy.cli.options import choose
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.plan import ObservedService, ObservedVersion
    from tfdeploy.stack import StackFile


@dataclass(frozen=True)
class Moving:
    """One model of one service, held to be changed.

    Args:
        change: the stack that is held.
        service: the service.
        model: the model.
        now: the service as it runs.
    """

    change: Change
    service: str
    model: str
    now: ObservedService

    @property
    def file(self) -> StackFile:
        """The stack file as it was found."""
        return self.change.file

    @property
    def labels(self) -> dict[str, int]:
        """The labels of the model in the stack file."""
        return dict(self.file.stack.services[self.service].models[self.model].labels)

    @property
    def is_up(self) -> bool:
        """Whether the service runs."""
        return self.now.state not in ("absent", "exited")

    def deploy(self, after: StackFile, said: str, **told: Any) -> None:
        """Say what is done, and do it; on a stack that is down the stack file alone.

        Args:
            after: the stack as it is wanted.
            said: one line for people.
            told: the same for ``--json``.
        """
        from tfdeploy.stack.moves import wanted_of

        self._refuse_burned(wanted_of(after, self.service, self.model))
        self.change.say(said)
        served = list(wanted_of(after, self.service, self.model))
        told = {"model": self.model, "service": self.service, **told, "serves": served}
        if not self.is_up:
            self._edit_only(after, told)
            return
        try:
            self.change.deploy(after, deployed=not self.change.options.dry_run, **told)
        except TfdeployError as error:
            raise self._with_next_number(error) from error

    def _edit_only(self, after: StackFile, told: dict[str, Any]) -> None:
        from tfdeploy.errors import raise_all
        from tfdeploy.stack import check_models, check_stack

        raise_all([*check_stack(after), *check_models(after)])
        self.change.save(after)
        stack = self.file.folder.name
        self.change.say(
            f"service {self.service} is down, so the stack file alone "
            f"{'would change' if self.change.options.dry_run else 'is changed'}; "
            f"`tfdeploy up {stack}` brings it up"
        )
        if self.change.options.as_json:
            output.print_json({"stack": self.file.stack.stack, "deployed": False, **told})

    def _refuse_burned(self, wanted: tuple[int, ...]) -> None:
        from tfdeploy.cli.versions import is_burned, next_version_of

        for version in self.now.versions.get(self.model, ()):
            if version.number in wanted and is_burned(version):
                number = next_version_of(self.file, self.service, self.model, self.now)
                raise self._burned(version, number)

    def _burned(self, version: ObservedVersion, number: int) -> TfdeployError:
        return TfdeployError(
            "TFD432",
            f"{self.model} {version.number} failed to load on service '{self.service}', and the "
            f"server doesn't try a number again: {version.error}",
            where=str(self.file.base_path(self.service, self.model) / str(version.number)),
            hint=self._publish_as(version.number, number),
        )

    def _publish_as(self, burned: int, number: int) -> str:
        base = self.file.base_path(self.service, self.model)
        stack = self.file.folder.name
        return (
            f"mend it and publish it under the next free number: `mv {base}/{burned} "
            f"{base}/{number}`. Or bring the service up anew, with a gap: `tfdeploy down {stack}`, "
            f"`tfdeploy up {stack}`."
        )

    def _with_next_number(self, error: TfdeployError) -> TfdeployError:
        """A version that failed to load has burned its number; the hint names the next."""
        from tfdeploy.cli.versions import is_burned, next_version_of

        if error.code != "TFD410":
            return error
        now = choose(self.file, self.change.options.runtime).runtime.observe().service(self.service)
        burned = [one.number for one in now.versions.get(self.model, ()) if is_burned(one)]
        if not burned:
            return error
        number = next_version_of(self.file, self.service, self.model, now)
        hint = f"{burned[0]} is burned on this server: {self._publish_as(burned[0], number)}"
        return TfdeployError(error.code, error.message, where=error.where, hint=hint)


@contextmanager
def moving(
    stack: str,
    model: str,
    service: str | None,
    options: Options,
) -> Iterator[Moving]:
    """Hold a stack to change one of its models.

    Raises:
        TfdeployError: TFD208 for a model that isn't there, or is in several services; as
            ``open_change``.
    """
    from tfdeploy.stack.edit import service_of

    with open_change(stack, options) as change:
        name = service_of(change.file, model, service)
        runtime = choose(change.file, options.runtime, options.server_binary).runtime
        observed = runtime.observe()
        # Of a service with a copy on each GPU, the first speaks for all.
        known = name if name in observed.services else f"{name}-gpu0"
        yield Moving(change, name, model, replace(observed.service(known), name=name))
