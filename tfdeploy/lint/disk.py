"""What is wrong with the models of a set-up, where they lie on this host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.lint.checks.mounts import served
from tfdeploy.lint.finding import Finding, Place
from tfdeploy.lint.server import REMOTE, Server
from tfdeploy.savedmodel import check_base_path

_WAITS = "the server finds no version and never opens its ports."


def models_on_disk(server: Server) -> Iterator[Finding]:
    """The problems of every base path that can be seen from here.

    A folder without any model says nothing: the set-up may be of another machine, or its models
    are brought later.
    """
    for name, inside, place in served(server):
        base = server.host_path(inside) if not REMOTE.match(inside) and "$" not in inside else None
        if base is None or not _tells(server, base, inside):
            continue
        for error in check_base_path(base):
            yield _finding(error, name, base, place)


def _tells(server: Server, base: Path, inside: str) -> bool:
    """Whether what lies there is all that there will be: a base path, or others beside it."""
    if base.is_dir():
        return True
    mount = server.mount_of(inside)
    root = mount.host if mount else None
    return root is not None and root != base and root.is_dir() and _has_models(root)


def _has_models(root: Path) -> bool:
    folders = (one for one in root.iterdir() if one.is_dir())
    return any(version.name.isdecimal() for one in folders for version in one.iterdir())


def _finding(error: TfdeployError, name: str, base: Path, place: Place) -> Finding:
    message = f"Model '{name}' in {base}: {error.message}"
    return Finding(error.code, "error", place, message, _WAITS, error.hint)
