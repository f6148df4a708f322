"""Files that are never half written: write beside, sync, rename."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tfdeploy.errors import TfdeployError

SCRATCH = ".tmp-"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError of the body into TFD211, naming ``path``."""
    try:
        yield
    except OSError as error:
        raise TfdeployError(
            "TFD211",
            f"Can't write {path}: {error.strerror or error}.",
            where=str(error.filename or path),
            hint="check the folder's permissions and the space left on the disk.",
        ) from error


def save_text(path: Path, text: str, *, mode: int = 0o644) -> bool:
    """Write ``text`` atomically, by default readable by all; say whether the contents changed.

    A file that is there keeps its mode. Servers in containers run as other users, so the umask
    must not close the file to them.

    Raises:
        TfdeployError: TFD211 when the folder can't be written.
    """
    data = text.encode("utf-8")
    with writing(path):
        if path.is_file() and path.read_bytes() == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            mode = path.stat().st_mode & 0o777 if path.exists() else mode
            Path(beside).chmod(mode)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    return True


def sync_tree(folder: Path) -> None:
    """Flush every file and folder below ``folder`` to disk before it is published."""
    for root, _, names in os.walk(folder):
        for path in [Path(root) / name for name in names] + [Path(root)]:
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def open_to_readers(folder: Path) -> None:
    """Give everybody leave to read a tree, whatever the umask was when it was written."""
    folder.chmod(folder.stat().st_mode | 0o555)
    for root, folders, names in os.walk(folder):
        for name in folders:
            path = Path(root) / name
            path.chmod(path.stat().st_mode | 0o555)
        for name in names:
            path = Path(root) / name
            path.chmod(path.stat().st_mode | 0o444)


@contextlib.contextmanager
def published_folder(final: Path, publish: Callable[[Path, Path], None]) -> Iterator[Path]:
    """A scratch folder beside ``final``; ``publish(scratch, final)`` renames it at the end.

    The scratch name is no number, so a server that polls the base path never takes it for a
    version. Whatever interrupts the body, the scratch folder goes.
    """
    with _no_empty_leftover(final.parent):
        with writing(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{final.name}-", dir=final.parent))
        with held(scratch), _filled(scratch, final, publish):
            yield scratch


def is_scratch(path: Path) -> bool:
    """Whether it is named as `published_folder` names a folder that isn't published yet."""
    return path.name.startswith(SCRATCH)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold a scratch folder while its process lives; False where another holds it.

    False also where the file system has no locks for folders: then nobody can tell.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


@contextlib.contextmanager
def _no_empty_leftover(folder: Path) -> Iterator[None]:
    """Take a base path away again that was made for nothing: the server waits for ever on it."""
    was_there = folder.exists()
    try:
        yield
    except BaseException:
        if not was_there:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def _filled(scratch: Path, final: Path, publish: Callable[[Path, Path], None]) -> Iterator[None]:
    try:
        yield
        with writing(final):
            open_to_readers(scratch)
            sync_tree(scratch)
            publish(scratch, final)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def rename_new(scratch: Path, final: Path) -> None:
    """Rename ``scratch`` to ``final``, which must not exist.

    Raises:
        TfdeployError: TFD105 when another writer was first.
    """
    try:
        # A plain rename would replace an empty folder of that name; mkdir can't.
        if final.exists():
            raise FileExistsError(final)
        scratch.rename(final)
    except (FileExistsError, OSError) as error:
        if not final.exists():
            raise
        raise TfdeployError(
            "TFD105",
            f"Version {final.name} exists already.",
            where=str(final),
            hint="leave --version out to get the next free number.",
        ) from error


def copy_tree(source: Path, scratch: Path) -> None:
    """Fill ``scratch`` with copies of all files of ``source``.

    No hard links: who writes over the source would change the published version with it.

    Raises:
        OSError: the first failure, with its number and its file.
    """
    try:
        shutil.copytree(source, scratch, dirs_exist_ok=True)
    except shutil.Error as error:
        # It holds (from, to, why) of each file, and why is a text: "[Errno 28] No space ...".
        file, _, why = error.args[0][0]
        number = re.match(r"\[Errno (\d+)\]", why)
        if number is None:
            raise OSError(errno.EINVAL, why, file) from error
        raise OSError(int(number[1]), os.strerror(int(number[1])), file) from error


def is_of_the_disk(error: OSError) -> bool:
    """Whether it is the disk written to that is at fault, not the file that was read."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


GONE = ".gone-"


def remove_aside(folder: Path) -> None:
    """Delete a folder so that nobody ever meets half of it: it is renamed first.

    The new name begins with a point and is no number, so that servers pass it over; a process
    that still reads files in it keeps them open.

    Raises:
        TfdeployError: TFD211.
    """
    with writing(folder):
        aside = Path(tempfile.mkdtemp(prefix=f"{GONE}{folder.name}-", dir=folder.parent))
        folder.rename(aside / folder.name)
        shutil.rmtree(aside)


def remove_half_removed(parent: Path) -> list[Path]:
    """Delete what a `remove_aside` that was killed has left; what was found.

    Raises:
        TfdeployError: TFD211.
    """
    found = sorted(parent.glob(f"{GONE}*"))
    for one in found:
        with writing(one):
            shutil.rmtree(one)
    return found


def tree_bytes(folder: Path) -> int:
    """The size of all files below a folder; links count as links."""
    return sum(
        os.lstat(os.path.join(root, name)).st_size
        for root, _, names in os.walk(folder)
        for name in names
    )
