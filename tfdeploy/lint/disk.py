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

    A root that isn't on this machine says nothing: the set-up may be of another one.
    """
    for name, inside, place in served(server):
        base = server.host_path(inside) if not REMOTE.match(inside) and "$" not in inside else None
        mount = server.mount_of(inside)
        root = mount.host if mount else base.parent if base else None
        if base is None or root is None or not root.is_dir() or root == Path("/"):
            continue
        for error in check_base_path(base):
            yield _finding(error, name, base, place)


def _finding(error: TfdeployError, name: str, base: Path, place: Place) -> Finding:
    message = f"Model '{name}' in {base}: {error.message}"
    return Finding(error.code, "error", place, message, _WAITS, error.hint)
