"""What `doctor --fix` does: only what can take nothing away that somebody needs.

Facts are old when this is called. So each repair looks again: a leftover must still be one while
we hold the stack, and nothing is changed that isn't this user's own.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfdeploy.doctor.finding import Finding
from tfdeploy.doctor.gather.stack import leftovers, tree
from tfdeploy.errors import TfdeployError
from tfdeploy.journal import changing
from tfdeploy.stack import StackFile

_NOT_BY_MODE = (
    "it is writable by mode, and still can't be written (read-only file system, immutable flag, "
    "or another user's)"
)


@dataclass(frozen=True)
class Repair:
    """One thing that was done, or why it was left alone."""

    what: str
    path: str
    why_not: str = ""

    def __str__(self) -> str:
        return f"left {self.path} alone: {self.why_not}" if self.why_not else self.what

    def as_data(self) -> dict[str, str]:
        """The repair as it stands in a JSON document."""
        data = {"path": self.path, "done": self.what}
        return {"path": self.path, "why_not": self.why_not} if self.why_not else data


def mend(file: StackFile, findings: Iterable[Finding], command: Sequence[str]) -> list[Repair]:
    """Do what the findings of a stack say that can be done.

    Args:
        file: the stack.
        findings: those without a repair are passed over.
        command: the words of the command, for those who meet the stack's lock.
    """
    mends = list(dict.fromkeys(one.mend for one in findings if one.mend is not None))
    gone = [Path(one.path) for one in mends if one.verb == "remove"]
    done = _remove(file, gone, command) if gone else []
    for one in mends:
        if one.verb == "open":
            done.append(_open(file.models_root, Path(one.path)))
        elif one.verb == "write":
            done.append(_give_write(Path(one.path)))
    return done


def _remove(file: StackFile, paths: list[Path], command: Sequence[str]) -> list[Repair]:
    # What lay there before we wrote a note of our own.
    known = {Path(one.path): one.kind for one in leftovers(file)}
    done = []
    try:
        with changing(file.folder, command, unnamed_seconds=0):
            still = {Path(one.path) for one in leftovers(file)}
            for path in paths:
                if known.get(path) == "note":
                    # The lock's own note has replaced it, and goes with the lock.
                    done.append(Repair(f"removed {path}", str(path)))
                elif path in still:
                    done.append(_removed(path))
    except TfdeployError as error:
        return [Repair("", str(path), error.message) for path in paths]
    return done


def _removed(path: Path) -> Repair:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        return Repair("", str(path), error.strerror or str(error))
    return Repair(f"removed {path}", str(path))


def _open(root: Path, base: Path) -> Repair:
    """Give everybody leave to read a model, and to reach it from the root."""
    ways = [one for one in (root, *base.parents) if one == root or root in one.parents]
    try:
        for path in [*dict.fromkeys(ways), *tree(base)]:
            _add(path, 0o555 if path.is_dir() else 0o444)
    except OSError as error:
        return Repair("", str(base), error.strerror or str(error))
    return Repair(f"opened {base} to readers (chmod a+rX)", str(base))


def _give_write(folder: Path) -> Repair:
    try:
        changed = _add(folder, 0o700)
    except OSError as error:
        return Repair("", str(folder), error.strerror or str(error))
    if not changed:
        return Repair("", str(folder), _NOT_BY_MODE)
    return Repair(f"gave its owner leave to write {folder} (chmod u+rwx)", str(folder))


def _add(path: Path, bits: int) -> bool:
    """Add leave to what is this user's; False for links, what isn't, and what had it."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid():
        return False
    if found.st_mode & bits == bits:
        return False
    path.chmod(stat.S_IMODE(found.st_mode) | bits)
    return True
