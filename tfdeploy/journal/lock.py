"""One change of a stack at a time: who holds it, and how others wait.

The stack's folder itself is locked with flock(2): the lock needs no file of its own, works where
the folder can't be written, and ends with the process, however that ends. Who holds it stands in
a note beside; the note is never believed alone. It counts only while the folder is locked and
the very process that it names is alive: neither a process that was killed nor a later one with
its number is ever named as the holder.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import getpass
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.files import save_text
from tfdeploy.stack.file import RUN_DIR

HOLDER_FILE = "holder.json"
LOCK_FILE = "lock"
POLL_SECONDS = 0.1
UNNAMED_SECONDS = 30.0
"""How long a lock without a living holder is waited for: a command that was killed leaves it to
the `docker compose` that it had started, and one that has only just taken it has no note yet."""

# What flock answers where the file system has no locks for folders (NFS) or none at all.
_NO_LOCK = {errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EIO}


@dataclass(frozen=True)
class Holder:
    """Who holds a stack, and since when (seconds since 1970)."""

    user: str
    host: str
    pid: int
    started: float
    since: float
    command: str

    def __str__(self) -> str:
        since = time.strftime("%H:%M:%S", time.localtime(self.since))
        return f"`{self.command}` of {self.user}@{self.host} (pid {self.pid}), since {since}"


def myself(command: Sequence[str]) -> Holder:
    """This process as a holder."""
    pid = os.getpid()
    found = processes.find(pid)
    now = time.time()
    started = found.started if found else now
    return Holder(_user(), os.uname().nodename, pid, started, now, " ".join(command))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user often has a number and no name.
        return str(os.getuid())


@contextlib.contextmanager
def changing(
    folder: Path,
    command: Sequence[str] = ("tfdeploy",),
    *,
    wait_seconds: float = 0.0,
    unnamed_seconds: float = UNNAMED_SECONDS,
    report: Callable[[str], None] = lambda _: None,
) -> Iterator[Holder]:
    """Hold a stack's folder while the body changes the stack.

    Args:
        folder: the stack's own folder.
        command: the words of the command, for those who meet the lock.
        wait_seconds: how long to wait for whoever holds it; ``inf`` for as long as it takes.
        unnamed_seconds: how long at least, while nobody alive can be named as the holder.
        report: gets one line for each holder that is waited for.

    Raises:
        TfdeployError: TFD415 when another command holds it, TFD420 where nothing can be locked.
    """
    with contextlib.ExitStack() as stack:
        lock = _take(folder, (wait_seconds, max(wait_seconds, unnamed_seconds)), report, stack)
        holder = myself(command)
        note = folder / RUN_DIR / HOLDER_FILE
        # A folder that can't be written is held all the same; others just aren't told by whom.
        with contextlib.suppress(TfdeployError):
            save_text(note, json.dumps(asdict(holder)) + "\n")
        # A change that Compose is at work on goes on when we are killed; so does the lock.
        stack.enter_context(processes.kept_open_by_changes(lock))
        stack.callback(_unlink, note)
        yield holder


def read_holder(folder: Path) -> Holder | None:
    """Whom the note names, if it still is that very process; None when nobody can be named.

    One on another host (the folder lies on a network's file system) is believed.
    """
    try:
        text = (folder / RUN_DIR / HOLDER_FILE).read_text(encoding="utf-8")
        holder = Holder(**json.loads(text))
        if holder.host != os.uname().nodename:
            return holder
        return holder if processes.is_alive(processes.Process(holder.pid, holder.started)) else None
    except (OSError, ValueError, TypeError):
        return None


def who_changes(folder: Path) -> str:
    """Who holds a stack at this moment, in words; empty where nobody does, or nobody can tell."""
    try:
        file = os.open(folder, os.O_RDONLY)
    except OSError:
        return ""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = read_holder(folder)
        return str(holder) if holder else "what a killed command had started"
    except OSError:
        return ""
    finally:
        os.close(file)
    return ""


def stale_note(folder: Path) -> Path | None:
    """The note of a holder that is gone; None where there is no note, or its holder lives."""
    note = folder / RUN_DIR / HOLDER_FILE
    return note if note.exists() and read_holder(folder) is None else None


def _take(
    folder: Path,
    waits: tuple[float, float],
    report: Callable[[str], None],
    stack: contextlib.ExitStack,
) -> int:
    file = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, file)
    began = time.monotonic()
    told: str | None = None
    while True:
        try:
            return _try(folder, file, stack)
        except BlockingIOError:
            holder = read_holder(folder)
        waited = time.monotonic() - began
        if waited >= waits[holder is None]:
            raise _refused(folder, holder, waited)
        # Whoever has only just taken it is named a moment later.
        line = _waiting_for(holder) if holder or waited > 0.5 else None
        if line is not None and line != told:
            report(line)
            told = line
        time.sleep(POLL_SECONDS)


def _try(folder: Path, file: int, stack: contextlib.ExitStack) -> int:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCK:
            raise
        return _try_file(folder, stack, error)


def _try_file(folder: Path, stack: contextlib.ExitStack, why: OSError) -> int:
    """NFS turns flock into a lock of bytes, which it grants to files open for writing only."""
    path = folder / RUN_DIR / LOCK_FILE
    with contextlib.ExitStack() as opened:
        try:
            path.parent.mkdir(exist_ok=True)
            file: IO[bytes] = opened.enter_context(path.open("ab"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as error:
            raise TfdeployError(
                "TFD420",
                f"The stack's folder can't be locked: {why.strerror}; nor a file: "
                f"{error.strerror}.",
                where=str(path),
                hint="mount that file system with locks, or keep the stack on another one.",
            ) from error
        stack.push(opened.pop_all())
        return file.fileno()


def _waiting_for(holder: Holder | None) -> str:
    if holder is None:
        return "waiting for what a killed command had started and left at work"
    return f"waiting for {holder}"


def _refused(folder: Path, holder: Holder | None, waited: float) -> TfdeployError:
    after = f" after {waited:.0f} s" if waited >= 1 else ""
    if holder is None:
        what = f"Something still changes this stack{after}; who began it is gone or unknown."
        hint = f"`fuser -v {folder}` shows the processes; `--wait` waits for their end."
    else:
        what = f"Another command is changing this stack{after}: {holder}."
        hint = "`--wait` waits until it is done, `--wait 60` for a minute at most."
    return TfdeployError("TFD415", what, where=str(folder), hint=hint)


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
