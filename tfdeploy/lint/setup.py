"""A set-up as it lies on disk: its files, its servers, and which server reads which file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tfdeploy.errors import TfdeployError
from tfdeploy.lint.commands import read_command
from tfdeploy.lint.compose import ComposeFile, read_compose
from tfdeploy.lint.configs import KINDS, ConfigFile, Kind, read_config
from tfdeploy.lint.dockerfile import read_dockerfile
from tfdeploy.lint.recognise import FileKind, candidates, recognise
from tfdeploy.lint.server import Server
from tfdeploy.lint.shell import read_commands
from tfdeploy.lint.sources import Sources

COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


@dataclass
class Group:
    """Servers that one file starts together; ``compose`` where it is a Compose file."""

    path: Path
    servers: list[Server]
    compose: ComposeFile | None = None


class StackText(NamedTuple):
    """A stack file of tfdeploy's own."""

    path: Path
    text: str


@dataclass
class Setup:
    """What was read; ``files`` are all that were recognised, in the order found."""

    sources: Sources = field(default_factory=Sources)
    files: list[Path] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    configs: list[ConfigFile] = field(default_factory=list)
    stacks: list[StackText] = field(default_factory=list)
    unreadable: list[TfdeployError] = field(default_factory=list)

    @property
    def servers(self) -> list[Server]:
        """Every server of every group."""
        return [server for group in self.groups for server in group.servers]


def read_setup(*paths: Path) -> Setup:
    """Everything that files and folders say of model servers.

    Raises:
        TfdeployError: TFD250 for a path that can't be read, TFD251 for a file that is nothing of
            a model server's.
    """
    setup = Setup()
    loose: list[tuple[Path, FileKind, str]] = []
    for path in paths:
        loose += _recognised(setup, path)
    for path, kind, text in loose:
        if kind not in KINDS:
            _read_servers(setup, path, kind, text)
    followed = {config.path for config in setup.configs}
    for path, kind, text in loose:
        if kind in KINDS and _normal(path) not in followed:
            _read_loose(setup, path, kind, text)
    setup.files = list(dict.fromkeys([*(path for path, _, _ in loose), *followed]))
    return setup


def read_command_line(command: str) -> Setup:
    """The set-up that a command line is; its paths start from the working folder.

    Raises:
        TfdeployError: TFD251 where it starts no model server.
    """
    setup = Setup()
    path = Path("--command")
    _read_servers(setup, path, "shell", command)
    if not setup.groups:
        raise TfdeployError(
            "TFD251",
            "The command starts no model server.",
            where="--command",
            hint="give a `docker run ... tensorflow/serving` or tensorflow_model_server line.",
        )
    setup.files = [path, *(config.path for config in setup.configs)]
    return setup


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _recognised(setup: Setup, path: Path) -> list[tuple[Path, FileKind, str]]:
    if path.is_dir():
        found = [_kind_in_folder(setup, one) for one in candidates(path)]
        what = f"There is no file of a model server's in {path}."
    else:
        found = [_kind_of(setup, path)]
        what = f"{path} isn't a file of a model server's."
    known = [one for one in found if one is not None]
    if not known:
        raise TfdeployError(
            "TFD251",
            what,
            where=str(path),
            hint="give a stack, a Compose file, a models.config, a batching or monitoring file, a "
            "Dockerfile, a script with `docker run`, or a folder of them.",
        )
    return known


def _kind_of(setup: Setup, path: Path) -> tuple[Path, FileKind, str] | None:
    text = setup.sources.read(path)
    kind = recognise(path, text) if text is not None else None
    return (path, kind, text) if kind is not None and text is not None else None


def _kind_in_folder(setup: Setup, path: Path) -> tuple[Path, FileKind, str] | None:
    """As ``_kind_of``; one file that can't be read keeps nobody from the others."""
    try:
        return _kind_of(setup, path)
    except TfdeployError as error:
        setup.unreadable.append(error)
        return None


def _read_servers(setup: Setup, path: Path, kind: FileKind, text: str) -> None:
    if kind == "stack":
        setup.stacks.append(StackText(path, text))
        return
    try:
        group = _group(path, kind, text)
    except TfdeployError as error:
        setup.unreadable.append(error)
        return
    if group.servers:
        setup.groups.append(group)
        for server in group.servers:
            _attach_configs(setup, server)


def _group(path: Path, kind: FileKind, text: str) -> Group:
    if kind == "compose":
        compose = read_compose(text, path)
        return Group(path, compose.servers, compose)
    if kind == "dockerfile":
        server = read_dockerfile(text, path)
        return Group(path, [server] if server else [])
    servers: list[Server] = []
    for words in read_commands(text, path):
        server = read_command(words, len(servers))
        servers += [server] if server is not None else []
    return Group(path, servers)


def _attach_configs(setup: Setup, server: Server) -> None:
    """The config files that a server's flags name, where they lie on this host."""
    for kind, (name, _) in KINDS.items():
        inside = server.value(name)
        host = server.host_path(inside) if inside and "$" not in inside else None
        if host is None or not host.is_file():
            continue
        text = setup.sources.read(_normal(host))
        if text is not None:
            config = read_config(text, _normal(host), kind, server)
            server.configs[name] = config
            setup.configs.append(config)


def _read_loose(setup: Setup, path: Path, kind: Kind, text: str) -> None:
    """A config file that no server of the set-up reads; a Compose file beside it may."""
    server = _reader_beside(setup, _normal(path), kind)
    setup.configs.append(read_config(text, path, kind, server))


def _reader_beside(setup: Setup, path: Path, kind: Kind) -> Server | None:
    folders = [path.parent, path.parent / ".."]
    for beside in (folder / name for folder in folders for name in COMPOSE_NAMES):
        if not beside.is_file():
            continue
        text = setup.sources.read(_normal(beside))
        try:
            servers = read_compose(text, _normal(beside)).servers if text else []
        except TfdeployError:
            continue
        for server in servers:
            host = server.host_path(server.value(KINDS[kind][0]) or "")
            if host is not None and _normal(host) == path:
                return server
    return None
