"""Which runtime a stack runs on, and the reason in one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.files import save_text
from tfdeploy.runtimes.process import ProcessRuntime
from tfdeploy.runtimes.runtime import Runtime
from tfdeploy.runtimes.server_program import embedded_server, find_server
from tfdeploy.stack import StackFile
from tfdeploy.stack.file import RUN_DIR

NAMES = ("docker", "process")


@dataclass(frozen=True)
class Choice:
    """The runtime, and why it is this one."""

    runtime: Runtime
    reason: str
    server: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"runtime: {self.runtime.name} ({self.reason})"


def check_name(asked: str) -> None:
    """Refuse a runtime that there isn't.

    Raises:
        TfdeployError: TFD407.
    """
    if asked not in NAMES:
        raise TfdeployError(
            "TFD407",
            f"There is no runtime '{asked}'.",
            where="--runtime",
            hint=f"runtimes: {', '.join(NAMES)}.",
        )


def choose_runtime(
    file: StackFile, *, asked: str | None = None, server_binary: str | None = None
) -> Choice:
    """What was asked for, where the stack is up, what its file says, else what is there.

    Raises:
        TfdeployError: TFD405, TFD406, TFD407.
    """
    if asked is not None:
        check_name(asked)
    if server_binary:
        asked = asked or "process"
    memory = _Memory(file)
    memory.refuse_other(asked)
    if asked:
        return _choice(file, asked, "asked for", memory, server_binary)
    if memory.runtime:
        return _choice(file, memory.runtime, "the stack was brought up on it", memory, None)
    if file.stack.runtime:
        return _choice(file, file.stack.runtime, "the stack file says so", memory, None)
    why_not = _why_not_docker(file)
    if why_not is None:
        reason = "the Docker engine answers and the image is at hand"
        return _choice(file, "docker", reason, memory, None)
    return _choice(file, "process", why_not, memory, None)


def remember(file: StackFile, choice: Choice, templates: Path | None = None) -> None:
    """Keep how the stack is brought up, for the commands that follow.

    Args:
        file: the stack.
        choice: on which runtime, with which server.
        templates: the folder of templates that was given.
    """
    text = json.dumps(
        {
            "runtime": choice.runtime.name,
            "server": list(choice.server),
            "stack": file.stack.stack,
            "templates": str(templates.absolute()) if templates else None,
        }
    )
    save_text(_memory_path(file), text + "\n")


def remembered_templates(file: StackFile) -> Path | None:
    """The folder of templates that the stack was brought up with, by ``--templates``."""
    templates = _Memory(file).templates
    return Path(templates) if templates else None


def remembered_runtime(file: StackFile) -> tuple[str, tuple[str, ...]]:
    """The runtime that the stack is up on, and the command of its server; empty where it isn't."""
    memory = _Memory(file)
    return memory.runtime or "", memory.server


def is_remembered(file: StackFile) -> bool:
    """Whether the stack was brought up, and not taken down since."""
    return _Memory(file).runtime is not None


def forget(file: StackFile) -> None:
    """The stack is down."""
    _memory_path(file).unlink(missing_ok=True)


def _memory_path(file: StackFile) -> Path:
    return file.folder.absolute() / RUN_DIR / "runtime.json"


class _Memory:
    """What an earlier `up` kept."""

    def __init__(self, file: StackFile) -> None:
        self._path = _memory_path(file)
        self._name, self._called = file.stack.stack, file.folder.name
        self.runtime: str | None = None
        self.stack: str | None = None
        self.templates: str | None = None
        self.server: tuple[str, ...] = ()
        with suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads(self._path.read_text(encoding="utf-8"))
            self.runtime, self.server = values["runtime"], tuple(values["server"])
            self.stack = values.get("stack")
            self.templates = values.get("templates")

    def refuse_other(self, asked: str | None) -> None:
        """A stack that is up elsewhere, or under another name, would be up twice."""
        if self.runtime == "docker" and self.stack not in (None, self._name):
            raise TfdeployError(
                "TFD406",
                f"The stack is up under the name '{self.stack}', not '{self._name}'.",
                where=str(self._path),
                hint=f"write `stack: {self.stack}` again, take it down, then rename it.",
            )
        if asked and self.runtime and asked != self.runtime:
            raise TfdeployError(
                "TFD406",
                f"The stack is up on runtime {self.runtime}, not on {asked}.",
                where=str(self._path),
                hint=f"take it down first: `tfdeploy down {self._called}`.",
            )


def _choice(
    file: StackFile, name: str, reason: str, memory: _Memory, server_binary: str | None
) -> Choice:
    if name == "docker":
        from tfdeploy.runtimes.docker import DockerRuntime

        return Choice(DockerRuntime(file), reason)
    server: Sequence[str] = embedded_server()
    if server_binary:
        server = find_server(server_binary)
    elif memory.runtime == "process" and memory.server:
        server = memory.server
    which = "embedded server" if tuple(server) == embedded_server() else server[0]
    return Choice(ProcessRuntime(file, server), f"{which}; {reason}", tuple(server))


def _why_not_docker(file: StackFile) -> str | None:
    from tfdeploy.runtimes.docker import compose_error, engine_error, image_error

    error = engine_error() or compose_error()
    for name in file.stack.services:
        error = error or image_error(file.stack.image_of(name))
    return None if error is None else error.message.rstrip(".")
