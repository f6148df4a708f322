"""The server of a Dockerfile that is built on TensorFlow Serving's image."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tfdeploy.lint.commands import (
    ENTRY_POINT,
    PROGRAM,
    environment,
    is_server_image,
    words_in_script,
)
from tfdeploy.lint.finding import Place, Word
from tfdeploy.lint.server import Entry, Health, Mount, Server, read_flags
from tfdeploy.lint.shell import read_commands


def read_dockerfile(text: str, path: Path) -> Server | None:
    """The server that an image of this file starts; None where it has another base."""
    server: Server | None = None
    for keyword, rest, line in _instructions(text):
        place = Place(path, line)
        if keyword == "FROM":
            image = rest.split()[-3] if " as " in rest.lower() else rest.split()[-1]
            server = _start(Word(image, place)) if is_server_image(image) else None
        elif server is not None:
            _apply(server, keyword, rest, place)
    if server is not None:
        server.flags = read_flags(server.words)
    return server


def _start(image: Word) -> Server:
    return Server("image", "dockerfile", image.place, image=image, lasting=False)


def _instructions(text: str) -> Iterator[tuple[str, str, int]]:
    """(keyword, the rest, line), continued lines joined."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        first, taken = at, lines[at]
        while taken.rstrip().endswith("\\") and at + 1 < len(lines):
            at += 1
            taken = taken.rstrip()[:-1] + " " + lines[at]
        at += 1
        match = re.match(r"\s*([A-Za-z]+)\s+(\S.*)", taken)
        if match:
            yield match[1].upper(), match[2].strip(), first + 1


def _apply(server: Server, keyword: str, rest: str, place: Place) -> None:
    if keyword == "ENV":
        words = [Word(w.text, place) for c in read_commands(f": {rest}", place.path) for w in c[1:]]
        pairs = words if "=" in rest else [Word("=".join(rest.split(None, 1)), place)]
        server.environment = {**server.environment, **environment(pairs)}
    elif keyword in ("COPY", "ADD"):
        sources = [one for one in rest.split() if not one.startswith("--")]
        if len(sources) > 1:
            host = place.path.parent / sources[0].lstrip("/")
            mount = Mount(sources[0], sources[-1].rstrip("/") or "/", place, "copy", host)
            server.mounts = (*server.mounts, mount)
    elif keyword == "ENTRYPOINT":
        server.entry, server.words = _entry(_words(rest, place))
    elif keyword == "CMD":
        server.words = (*server.words, *_words(rest, place))
    elif keyword == "HEALTHCHECK" and "CMD" in rest:
        options, _, command = rest.partition("CMD")
        server.health = Health(
            (command.strip(),), place, "--start-period" in options, in_shell=True
        )


def _words(rest: str, place: Place) -> tuple[Word, ...]:
    """The words of CMD or ENTRYPOINT; the form without brackets is run by ``sh -c``."""
    if rest.startswith("["):
        try:
            return tuple(Word(str(one), place) for one in json.loads(rest))
        except ValueError:
            return ()
    return Word("/bin/sh", place), Word("-c", place), Word(rest, place)


def _entry(words: tuple[Word, ...]) -> tuple[Entry, tuple[Word, ...]]:
    for index, word in enumerate(words):
        name = PurePosixPath(word.text).name
        if name == ENTRY_POINT or name.startswith(PROGRAM):
            return "image" if name == ENTRY_POINT else "server", words[index + 1 :]
    inner = words_in_script(words)
    return ("other", ()) if inner is None else ("server", inner)
