"""Whether a server in a container may read the models: modes, owners, and links that lead out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import list_versions
from tfdeploy.stack import StackFile, Wanted

User = tuple[int, int]


def parse_user(user: str | None) -> User | None:
    """Uid and gid of a service's ``user:``; root by default, None for a name of the image's own."""
    uid, _, gid = (user or "0").partition(":")
    if not uid.isdecimal() or not (gid or "0").isdecimal():
        return None
    return int(uid), int(gid or 0)


def check_readable(file: StackFile, wanted: Wanted) -> list[TfdeployError]:
    """TFD215 for each model with a file that its container can't see or may not read.

    Servers run without capabilities, so that even root is bound by modes.
    """
    errors = []
    for service, models in wanted.items():
        user = parse_user(file.stack.services[service].user)
        for model, numbers in models.items():
            base = file.base_path(service, model)
            folders = [file.models_root, *_between(file.models_root, base)]
            versions = [one.path for one in list_versions(base) if one.number in numbers]
            where = file.where("services", service, "models", model)
            error = _outside([*folders, *versions], file.models_root, where)
            error = error or _closed(folders, versions, user, where)
            errors += [error] if error else []
    return errors


def may_read(found: os.stat_result, user: User) -> bool:
    """Whether a user without capabilities may read a file, or list and enter a folder."""
    uid, gid = user
    shift = 6 if found.st_uid == uid else 3 if found.st_gid == gid else 0
    needed = 0o5 if stat.S_ISDIR(found.st_mode) else 0o4
    return (found.st_mode >> shift) & needed == needed


def _between(root: Path, base: Path) -> list[Path]:
    parts = base.relative_to(root).parts
    return [root.joinpath(*parts[: count + 1]) for count in range(len(parts))]


def _outside(paths: list[Path], root: Path, where: str) -> TfdeployError | None:
    """Only what really lies below the root is mounted: a link that leads out leads nowhere."""
    inside = root.resolve()
    for path in paths:
        if not path.resolve().is_relative_to(inside):
            return TfdeployError(
                "TFD215",
                f"{path} is a link out of models_dir: the container doesn't see where it leads.",
                where=f"{path} -> {path.resolve()} ({where})",
                hint="copy the model into models_dir, or make models_dir the folder that holds "
                "both.",
            )
    return None


def _closed(
    folders: list[Path], versions: list[Path], user: User | None, where: str
) -> TfdeployError | None:
    for path in [*folders, *(one for version in versions for one in _tree(version))]:
        if user is not None and not may_read(path.stat(), user):
            return TfdeployError(
                "TFD215",
                f"{path} is closed to the server's user (uid {user[0]}, no capabilities).",
                where=f"{path}: mode {stat.filemode(path.stat().st_mode)} ({where})",
                hint=f"`chmod -R a+rX {folders[-1]}`, or set `user:` of the service to its owner.",
            )
    return None


def _tree(folder: Path) -> Iterator[Path]:
    yield folder
    for root, folders, names in os.walk(folder):
        yield from (Path(root) / name for name in (*folders, *names))
