"""Findings in what a container is given to see: models and config files.

Facts: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tfdeploy.lint.commands import is_path
from tfdeploy.lint.configs import KINDS
from tfdeploy.lint.finding import Check, Hit, Place
from tfdeploy.lint.server import REMOTE, Mount, Server

_CONFIG_SUFFIXES = {".config", ".conf", ".cfg", ".pbtxt", ".txt", ".prototxt", ".textproto"}


def _contents_known(server: Server) -> bool:
    """Whether all that the container has is known: an official image and what is mounted."""
    return server.official and "build" not in server.raw and server.entry != "other"


def _config_not_there(server: Server) -> Iterator[Hit]:
    for kind, (name, _) in KINDS.items():
        flag = server.flag(name)
        if flag is None or not flag.taken or not flag.known or REMOTE.match(flag.taken):
            continue
        if server.form == "command":
            continue
        inside = flag.taken
        if not inside.startswith("/"):
            message = f"--{name}={inside} is relative; the container's working folder is /."
            yield Hit(flag.place, message, "write the path as the container sees it, from /.")
        elif not server.mount_of(inside) and _contents_known(server):
            message = f"The {kind} file {inside} isn't in any mount of '{server.name}'."
            fix = f"mount the folder that holds it at {PurePosixPath(inside).parent}."
            yield Hit(flag.place, message, fix)
        elif name not in server.configs:
            yield from _missing_file(server, inside, flag.place)


def _missing_file(server: Server, inside: str, place: Place) -> Iterator[Hit]:
    host = server.host_path(inside)
    if host is not None and host.parent.is_dir() and not host.exists():
        yield Hit(place, f"There is no file {host}.", "write it, or mend the path.")


def _single_file(server: Server) -> Iterator[Hit]:
    for mount in server.mounts:
        suffix = PurePosixPath(mount.source).suffix
        if mount.kind == "bind" and (suffix in _CONFIG_SUFFIXES or _is_file(mount)):
            target = PurePosixPath(mount.target).parent
            message = f"The file {mount.source} is mounted alone."
            fix = f"put it into a folder of its own, and mount that folder, not at {target}."
            if str(target) not in ("/", "/models"):
                fix = f"mount the folder that holds it at {target}."
            yield Hit(mount.place, message, fix)


def _is_file(mount: Mount) -> bool:
    return mount.host is not None and mount.host.is_file()


def served(server: Server) -> Iterator[tuple[str, str, Place]]:
    """(name, base path, place) of every model that the server is told to serve."""
    named = server.served_by_flags
    if named is not None:
        yield named
    config = server.configs.get("model_config_file")
    for model in config.models() if config else ():
        base = model.text("base_path") or ""
        if config is not None and base.startswith("/"):
            yield model.text("name") or "", base, config.at(model.line_of("base_path"))


def _base_not_mounted(server: Server) -> Iterator[Hit]:
    if not _contents_known(server) or server.form == "dockerfile":
        return
    for name, base, place in served(server):
        if "$" in base or REMOTE.match(base) or _looks_of_host(base):
            continue
        if server.mount_of(base) is None and server.mount_below(base) is None:
            there = ", ".join(one.target for one in server.mounts) or "nothing"
            message = f"Model '{name}' is looked for in {base}, where nothing is mounted."
            fix = f"mounted: {there}. Mount the model there, or name it as the folder is named."
            yield Hit(place, message, fix)


def _looks_of_host(base: str) -> bool:
    return re.match(r"/(?:home|Users|root|media|c/)|[A-Za-z]:", base) is not None


def _named_volume(server: Server) -> Iterator[Hit]:
    for mount in server.mounts:
        here = "./" if server.form == "compose" else '"$PWD"/'
        if mount.kind == "volume" and _looks_like_path(mount.source):
            message = f"'{mount.source}' is taken for a volume's name, not for a folder."
            yield Hit(mount.place, message, f"write {here}{mount.source}:{mount.target}.")
        elif mount.kind == "bind" and not is_path(mount.source) and server.form == "docker run":
            message = f"The source '{mount.source}' of --mount isn't an absolute path."
            fix = f'write source="$PWD"/{mount.source}.'
            yield Hit(mount.place, message, fix, "docker refuses the mount.")


def _looks_like_path(source: str) -> bool:
    return "/" in source or "\\" in source or PurePosixPath(source).suffix in _CONFIG_SUFFIXES


def _one_version(server: Server) -> Iterator[Hit]:
    """A version mounted where its base path should be."""
    for name, base, _ in served(server):
        mount = server.mount_of(base)
        if mount is not None and PurePosixPath(mount.target) == PurePosixPath(base):
            last = PurePosixPath(mount.source.replace("\\", "/").rstrip("/")).name
            if re.fullmatch(r"\d+|variables", last):
                message = f"Model '{name}': {mount.source} is one version, mounted as its base."
                fix = f"mount the folder above it, or mount it at {mount.target}/{last}."
                yield Hit(mount.place, message, fix)


MOUNT_CHECKS: tuple[Check[Server], ...] = (
    Check("TFD272", "error", "the server ends at its start: NOT_FOUND.", _config_not_there),
    Check(
        "TFD287",
        "warning",
        "an editor or a rename replaces the file, and the container keeps the old one.",
        _single_file,
    ),
    Check(
        "TFD293",
        "error",
        "the server finds no version of any model and never opens its ports.",
        _base_not_mounted,
    ),
    Check(
        "TFD270",
        "error",
        "docker refuses the name, or makes an empty volume in which the server finds nothing.",
        _named_volume,
    ),
    Check(
        "TFD115",
        "error",
        "the server finds no version there and waits for ever, its ports closed.",
        _one_version,
    ),
)
