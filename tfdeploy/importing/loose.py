"""Config files without a server that reads them: a models.config, and what lies beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tfdeploy.lint import Place, Server, Word
from tfdeploy.lint.configs import KINDS, ConfigFile
from tfdeploy.lint.server import Mount, read_flags

_DEFAULT_MODELS = Path("models")


def loose_server(configs: Sequence[ConfigFile], models_dir: Path | None) -> Server:
    """A server that would read these files.

    Base paths that exist on this host are taken as they are. Others are a container's: their
    common folder is taken to be ``models_dir``, ``models`` in the working folder by default.
    """
    main = next(config for config in configs if config.kind == "models")
    place = main.at(1)
    first = {config.kind: config for config in reversed(configs)}
    words = [Word(f"--{KINDS[kind][0]}={config.path}", place) for kind, config in first.items()]
    if "batching" in first:
        words.append(Word("--enable_batching=true", place))
    server = Server(
        name="serving",
        form="docker run",
        place=place,
        words=tuple(words),
        flags=read_flags(tuple(words)),
        mounts=tuple(_mounts(main, models_dir, place)),
    )
    server.configs = {KINDS[kind][0]: config for kind, config in first.items()}
    return server


def _mounts(main: ConfigFile, models_dir: Path | None, place: Place) -> list[Mount]:
    bases = [PurePosixPath(one.text("base_path") or "/") for one in main.models()]
    parents = [base.parent for base in bases if base.is_absolute()]
    if not parents:
        return []
    inside = _common(parents)
    on_host = models_dir is None and all(Path(base).is_dir() for base in bases)
    host = Path(inside) if on_host else models_dir or _DEFAULT_MODELS
    return [Mount(str(host), str(inside), place, "bind", host)]


def _common(paths: Sequence[PurePosixPath]) -> PurePosixPath:
    return PurePosixPath(os.path.commonpath([str(path) for path in paths]))
