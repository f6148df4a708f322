"""The one door to child processes: run a command, start a detached one, stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Finished",
    "Process",
    "find",
    "find_marked",
    "is_alive",
    "kept_open_by_changes",
    "memory_bytes",
    "run",
    "run_whole",
    "start_detached",
    "stop",
    "stream",
]

INTERRUPT_GRACE_SECONDS = 60.0

_kept_open: set[int] = set()


@dataclass(frozen=True)
class Finished:
    """How a command ended: exit code and what it printed."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        """The last line that says something, of stderr first."""
        lines = [line for text in (self.stdout, self.stderr) for line in text.splitlines() if line]
        return lines[-1].strip() if lines else ""


@dataclass(frozen=True)
class Process:
    """A process that may outlive us; the start time tells it from a later one of its number."""

    pid: int
    started: float


def run(
    argv: Sequence[str],
    *,
    timeout_seconds: float | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
) -> Finished:
    """Run a command to its end and keep what it prints.

    A program that is missing ends with 127 and one that runs out of time with 124, as in a shell.
    """
    try:
        done = subprocess.run(
            list(argv),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            env={**os.environ, **environment} if environment else None,
            cwd=cwd,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError as error:
        return Finished(tuple(argv), 127, "", f"{error.filename}: command not found")
    except subprocess.TimeoutExpired as error:
        return Finished(tuple(argv), 124, "", f"no end after {error.timeout:g} s")
    return Finished(tuple(argv), done.returncode, done.stdout, done.stderr)


@contextmanager
def kept_open_by_changes(handle: int) -> Iterator[None]:
    """Have the children of `run_whole` hold an open file too, a lock's for instance.

    When we are killed, they go on; what is locked stays locked until they have come to their end.
    """
    _kept_open.add(handle)
    try:
        yield
    finally:
        _kept_open.discard(handle)


def run_whole(argv: Sequence[str]) -> Finished:
    """Run a command that ^C doesn't reach: it comes to its end, and the interrupt goes on then.

    For changes that leave something undefined when they are cut in the middle. A second ^C, or
    a minute after the first, ends the command all the same.
    """
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=tuple(_kept_open),
        )
    except FileNotFoundError as error:
        return Finished(tuple(argv), 127, "", f"{error.filename}: command not found")
    try:
        stdout, stderr = child.communicate()
    except KeyboardInterrupt:
        with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            child.communicate(timeout=INTERRUPT_GRACE_SECONDS)
        child.terminate()
        raise
    return Finished(tuple(argv), child.returncode, stdout, stderr)


def stream(
    argv: Sequence[str], *, environment: Mapping[str, str] | None = None
) -> Generator[str, None, None]:
    """Yield a command's output line by line; the command ends with the iteration."""
    with subprocess.Popen(
        list(argv),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env={**os.environ, **environment} if environment else None,
    ) as process:
        try:
            assert process.stdout is not None
            yield from process.stdout
        finally:
            process.terminate()


def start_detached(
    argv: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
) -> Process:
    """Start a command in a session of its own, output appended to ``log``: it survives us.

    Raises:
        OSError: the program can't be started.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **environment} if environment else None,
        )
    return find(child.pid) or Process(child.pid, time.time())


def find(pid: int) -> Process | None:
    """The live process of that number, or None."""
    import psutil

    # Our own children stay as zombies until somebody asks for their end.
    with suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Process(pid, process.create_time())
    except psutil.Error:
        return None


def says(process: Process, word: str) -> bool:
    """Whether a text stands in the command line that a live process shows."""
    import psutil

    with suppress(psutil.Error):
        return word in " ".join(psutil.Process(process.pid).cmdline())
    return False


def find_marked(variable: str, value: str) -> Process | None:
    """The live process, first of its session, that was started with that environment variable."""
    import psutil

    for process in psutil.process_iter():
        # Those of other users can't be read, and some end while we look.
        with suppress(psutil.Error, OSError):
            if process.environ().get(variable) == value and os.getsid(process.pid) == process.pid:
                return find(process.pid)
    return None


def free_memory_bytes() -> int:
    """What this host can give to new processes."""
    import psutil

    return int(psutil.virtual_memory().available)


def family(pid: int) -> set[int]:
    """A process and all below it; none where it has gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        return {pid, *(child.pid for child in process.children(recursive=True))}
    except psutil.Error:
        return set()


def is_alive(process: Process) -> bool:
    """Whether this very process still runs."""
    found = find(process.pid)
    return found is not None and abs(found.started - process.started) < 2.0


def memory_bytes(process: Process) -> int | None:
    """The resident memory of a process and its children; None when it has ended."""
    import psutil

    if not is_alive(process):
        return None
    try:
        parent = psutil.Process(process.pid)
        return sum(one.memory_info().rss for one in [parent, *parent.children(recursive=True)])
    except psutil.Error:
        return None


def hang_up(process: Process) -> None:
    """SIGHUP to the process alone: read your configuration anew."""
    if is_alive(process):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGHUP)


def quit_gently(process: Process) -> None:
    """SIGQUIT to the process alone, which nginx takes as: answer what has begun, then end."""
    if is_alive(process):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGQUIT)


def stop(process: Process, *, grace_seconds: float, sleep: Callable[[float], None]) -> None:
    """SIGTERM to the whole group, then SIGKILL when it hasn't gone after ``grace_seconds``."""
    for sign, wait_seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 5.0)):
        if not is_alive(process):
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        deadline = time.monotonic() + wait_seconds
        while time.monotonic() < deadline and is_alive(process):
            sleep(0.02)


def python_argv(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module with this very interpreter."""
    return [sys.executable, "-m", module, *arguments]
