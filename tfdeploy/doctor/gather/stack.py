"""What there is of one stack: its file, its folders, its models. Reads, and changes nothing."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tfdeploy.doctor.facts import Closed, GpuShare, Leftover, Problem, Stack, Unwritable
from tfdeploy.errors import TfdeployError
from tfdeploy.files import GONE, tree_bytes
from tfdeploy.journal import JOURNAL_DIR, read_journal
from tfdeploy.journal.leftovers import half_written, unfilled
from tfdeploy.journal.lock import stale_note, who_changes
from tfdeploy.render import COMPOSE_FILE
from tfdeploy.render.folder import RENDERED_DIR
from tfdeploy.runtimes.readable import check_readable
from tfdeploy.stack import StackFile, check_models, check_stack, load_stack, resolve_wanted
from tfdeploy.stack.file import RUN_DIR

HALF_WRITTEN_SECONDS = 60.0
"""A younger one may be in the making: `render` writes without holding the stack."""
HALF_REMOVED_SECONDS = 3600.0
"""A younger one may be on its way out: another stack's `prune` shares the models."""
SCRATCH_SECONDS = 3600.0
"""One with a younger file in it may be in the making: programs that aren't ours hold no lock."""
FUTURE_SECONDS = 300.0

# What an image needs of card and driver is a check of its own.
_TOLD_ELSEWHERE = ("TFD313", "TFD314")


def load_settled(path: Path) -> tuple[StackFile | None, list[TfdeployError]]:
    """The stack with its GPU shares settled, where that can be; and why it, or they, can't."""
    from tfdeploy.runtimes.gpus import settled

    try:
        file = load_stack(path)
    except TfdeployError as error:
        return None, error.all()
    try:
        return settled(file), []
    except TfdeployError as error:
        return file, error.all()


def gather_stack(path: Path, file: StackFile | None, errors: Iterable[TfdeployError]) -> Stack:
    """All of a stack that lies on this machine's disks.

    Args:
        path: of the stack file.
        file: the stack; None where its file is wrong.
        errors: what is wrong with its file, or with its GPU shares.
    """
    name = path.absolute().parent.name
    if file is None:
        return Stack(name=name, path=str(path), readable=False, problems=list(_problems(errors)))
    changing = who_changes(file.folder)
    return Stack(
        name=name,
        path=str(path),
        project=file.stack.stack,
        models_dir=str(file.models_root),
        changing=changing,
        problems=list(_problems([*errors, *check_stack(file), *check_models(file)])),
        gpus=_gpu_shares(file),
        gateway=file.stack.gateway is not None,
        limits={
            name: service.resources.memory
            for name, service in file.stack.services.items()
            if service.resources.memory
        },
        models_bytes=sum(tree_bytes(one) for one in wanted_folders(file)),
        unwritable=list(_unwritable(file.folder)),
        future=list(_future(file)),
        leftovers=[] if changing else list(leftovers(file)),
        cut_short=[
            " ".join(entry.command)
            for entry in read_journal(file.folder).unfinished
            if not changing
        ],
    )


def wanted_folders(file: StackFile) -> list[Path]:
    """The folders of all versions that the stack wants, each once."""
    from tfdeploy.savedmodel import list_versions

    found = {
        one.path: None
        for service, models in resolve_wanted(file).items()
        for model, numbers in models.items()
        for one in list_versions(file.base_path(service, model))
        if one.number in numbers
    }
    return list(found)


def closed_models(file: StackFile) -> list[Closed]:
    """Models that a container may not read, each once."""
    found: dict[str, Closed] = {}
    for service, models in resolve_wanted(file).items():
        for model, numbers in models.items():
            base = file.base_path(service, model)
            errors = []
            with suppress(OSError):
                errors = check_readable(file, {service: {model: numbers}})
            for error in errors:
                # A link that leads out isn't mended by modes.
                own = "closed to" in error.message and _is_own(file.models_root, base)
                found[error.message] = Closed(
                    message=error.message,
                    where=error.where,
                    hint=error.hint,
                    folder=str(base),
                    own=own,
                )
    return list(found.values())


def labels(file: StackFile) -> dict[str, str]:
    """Folder → SELinux label, of what containers mount; empty where there are no labels."""
    found = {}
    for folder in (file.models_root, file.folder / RENDERED_DIR):
        # Not every system has it, nor every file system labels.
        with suppress(OSError, AttributeError):
            label = os.getxattr(folder, "security.selinux")
            found[str(folder)] = label.decode("ascii", "replace").rstrip("\0")
    return found


def relabels(file: StackFile) -> bool:
    """Whether the rendered Compose file has Docker label the folders anew."""
    with suppress(OSError):
        text = (file.folder / RENDERED_DIR / COMPOSE_FILE).read_text(encoding="utf-8")
        return "selinux:" in text
    return False


def leftovers(file: StackFile) -> Iterator[Leftover]:
    """What killed commands have left, and no process works on any more."""
    note = stale_note(file.folder)
    if note is not None:
        yield Leftover(kind="note", path=str(note))
    for path in _older(half_written(file.folder), HALF_WRITTEN_SECONDS):
        yield Leftover(kind="half written", path=str(path))
    bases = {
        file.base_path(name, model)
        for name, service in file.stack.services.items()
        for model in service.models
    }
    for base in sorted(bases):
        for path in _older(unfilled(base), SCRATCH_SECONDS, newest):
            yield Leftover(kind="scratch", path=str(path))
        for path in _older(sorted(base.glob(f"{GONE}*")), HALF_REMOVED_SECONDS):
            yield Leftover(kind="half removed", path=str(path))


def _problems(errors: Iterable[TfdeployError]) -> Iterator[Problem]:
    """What `up` would refuse, in its own words; each once, though shares are looked at twice."""
    told = {(one.code, one.message, one.where): one for one in errors}
    for error in told.values():
        if error.code not in _TOLD_ELSEWHERE:
            yield Problem(
                code=error.code,
                message=error.message,
                where=error.where,
                causes="`tfdeploy up` refuses the stack.",
                fix=error.hint,
            )


def _gpu_shares(file: StackFile) -> list[GpuShare]:
    return [
        GpuShare(
            service=name,
            device=str(service.gpu.device),
            image=file.stack.image_of(name),
            required=service.gpu.required,
            where=file.where("services", name, "gpu"),
        )
        for name, service in file.stack.services.items()
        if service.gpu
    ]


def _unwritable(folder: Path) -> Iterator[Unwritable]:
    for path in (folder, *(folder / name for name in (RENDERED_DIR, RUN_DIR, JOURNAL_DIR))):
        if path.is_dir() and not os.access(path, os.W_OK | os.X_OK):
            found = path.stat()
            fixed = os.statvfs(path).f_flag & os.ST_RDONLY
            mine = found.st_uid == os.geteuid()
            yield Unwritable(
                path=str(path),
                owner=found.st_uid,
                own=mine and not fixed,
                by_mode=mine and found.st_mode & stat.S_IRWXU == stat.S_IRWXU,
            )


def _is_own(root: Path, base: Path) -> bool:
    """Whether all files of a model are this user's, and the folders that lead to them."""
    paths = [root, *(one for one in base.parents if root in one.parents), *tree(base)]
    return all(path.lstat().st_uid == os.geteuid() for path in paths)


def _future(file: StackFile) -> Iterator[str]:
    now = time.time()
    paths = [file.path, *(one / "saved_model.pb" for one in wanted_folders(file))]
    paths += (file.folder / RENDERED_DIR).rglob("*")
    for path in paths:
        with suppress(OSError):
            if path.stat().st_mtime > now + FUTURE_SECONDS:
                yield str(path)


def own_time(path: Path) -> float:
    """When a file, a folder or a link itself was written, in seconds since 1970."""
    return path.lstat().st_mtime


def newest(path: Path) -> float:
    """When the newest part of a tree was written, in seconds since 1970; links aren't followed."""
    return max(own_time(one) for one in ((path,) if path.is_symlink() else tree(path)))


def tree(top: Path) -> Iterator[Path]:
    """A folder and all that lies below it; links aren't followed."""
    yield top
    for folder, folders, names in os.walk(top):
        yield from (Path(folder) / name for name in (*folders, *names))


def _older(
    paths: Iterable[Path], seconds: float, when: Callable[[Path], float] = own_time
) -> Iterator[Path]:
    for path in paths:
        with suppress(OSError):
            if when(path) < time.time() - seconds:
                yield path
