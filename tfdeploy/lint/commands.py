"""Servers that a shell command starts: ``docker run ... IMAGE FLAGS`` and the bare program."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tfdeploy.lint.finding import Place, Word
from tfdeploy.lint.server import (
    OFFICIAL,
    Entry,
    Flag,
    Gpus,
    Health,
    Mount,
    Port,
    Server,
    read_flags,
)
from tfdeploy.stack.flags import FLAGS

PROGRAM = "tensorflow_model_server"
ENTRY_POINT = "tf_serving_entrypoint.sh"
_WRAPPERS = {"sudo", "exec", "nohup", "time"}
_ENGINES = {"docker", "nvidia-docker", "podman", "nerdctl", "docker.exe"}
# docker run's options that take no value; every other one takes one.
_BARE = {
    "detach", "interactive", "tty", "rm", "init", "privileged", "read-only", "no-healthcheck",
    "oom-kill-disable", "publish-all", "sig-proxy", "disable-content-trust", "quiet",
    "use-api-socket",
}  # fmt: skip
_SHORT = {
    "d": "detach", "i": "interactive", "t": "tty", "P": "publish-all", "q": "quiet", "p": "publish",
    "v": "volume", "e": "env", "u": "user", "m": "memory", "w": "workdir", "h": "hostname",
    "l": "label", "c": "cpu-shares", "a": "attach",
}  # fmt: skip


def is_server_image(name: str) -> bool:
    """Whether an image's name says that TensorFlow Serving is in it."""
    repository = re.sub(r"(:[^/:@]*)?(@.*)?$", "", name.lower())
    bare = re.sub(r"[-_./]", "", repository)
    words = ("tensorflowserving", "tfserving", "tensorflowmodelserver", "tfdeployserver")
    about = re.search(r"client|proxy|gateway|frontend|exporter|sidecar", repository)
    return about is None and any(word in bare for word in words)


def under_own_entry(image: Word | None, words: tuple[Word, ...]) -> tuple[Entry, tuple[Word, ...]]:
    """What an image's own entry point makes of the words behind it.

    Of an image that isn't TensorFlow Serving's own, only words with two dashes are known to be
    the server's: others are a program's name, which replaces what it would have started.
    """
    if image is None or OFFICIAL.fullmatch(image.text) or not words:
        return "image", words
    first = words[0].text
    if PurePosixPath(first).name.startswith(PROGRAM):
        return "server", words[1:]
    return ("image", words) if first.startswith("-") else ("other", ())


def read_command(words: Sequence[Word], number: int) -> Server | None:
    """The server that one command starts, ``number`` others before it; None for no server."""
    at = 0
    while at < len(words) and words[at].text in _WRAPPERS:
        at += 1
    if at >= len(words):
        return None
    program = PurePosixPath(words[at].text).name
    if program.startswith(PROGRAM):
        return _bare_program(words[at], tuple(words[at + 1 :]), number)
    if program in _ENGINES:
        server = _docker_run(list(words[at + 1 :]), words[at].place, number)
        if server is not None and program == "nvidia-docker" and server.gpus is None:
            server.gpus = nvidia_runtime(server.place, dict(server.environment))
        return server
    return None


def _numbered(number: int) -> str:
    return f"server{number + 1}" if number else "server"


def _bare_program(first: Word, words: tuple[Word, ...], number: int) -> Server:
    kept = tuple(_until_redirect(words))
    return Server(
        name=_numbered(number),
        form="command",
        place=first.place,
        entry="server",
        words=kept,
        flags=read_flags(kept),
        lasting=False,
    )


def _until_redirect(words: Sequence[Word]) -> Iterator[Word]:
    for word in words:
        if re.match(r"\d?>|<", word.text):
            return
        yield word


@dataclass
class _Options:
    """What stands between ``run`` and the image."""

    values: dict[str, list[Word]] = field(default_factory=dict)
    misplaced: list[Flag] = field(default_factory=list)

    def add(self, name: str, word: Word) -> None:
        self.values.setdefault(name, []).append(word)

    def all(self, *names: str) -> list[Word]:
        return [word for name in names for word in self.values.get(name, [])]

    def last(self, *names: str) -> Word | None:
        return next(reversed(self.all(*names)), None)


def _docker_run(words: list[Word], place: Place, number: int) -> Server | None:
    if words[:1] and words[0].text == "container":
        words = words[1:]
    if not words or words[0].text not in ("run", "create"):
        return None
    options, rest = _read_options(words[1:])
    image = next(iter(rest), None)
    server_words = tuple(_until_redirect(rest[1:]))
    entry = options.last("entrypoint")
    named = entry is not None and PROGRAM in entry.text
    if image is None or not (is_server_image(image.text) or named or _speaks(server_words)):
        return None
    named_by = options.last("name")
    script = _script(entry, server_words)
    kind, inner = under_own_entry(image, server_words)
    if entry is not None:
        kind = "server" if named or script is not None else "other"
        inner = () if kind == "other" else script or server_words
    return Server(
        name=named_by.text if named_by else _numbered(number),
        form="docker run",
        place=place,
        image=image,
        entry=kind,
        words=inner,
        flags=read_flags(inner),
        before_image=tuple(options.misplaced),
        environment=environment(options.all("env")),
        mounts=tuple(_mounts(options, place.path.parent)),
        ports=tuple(one for word in options.all("publish") for one in ports(word)),
        gpus=_gpus(options),
        health=_health(options),
        init="init" in options.values,
        lasting="detach" in options.values or "restart" in options.values,
        wrapped=script is not None,
        host_network=any(word.text == "host" for word in options.all("network", "net")),
        cpus=options.last("cpus"),
        memory=options.last("memory"),
        user=options.last("user"),
        platform=options.last("platform"),
        raw={name: [one.text for one in found] for name, found in options.values.items()},
    )


def _speaks(words: Sequence[Word]) -> bool:
    """Whether words are those of a model server, whatever the image is called."""
    names = {flag.name for flag in read_flags(tuple(words))}
    return bool(names & {"model_config_file", "model_base_path", "rest_api_port"})


def _script(entry: Word | None, words: tuple[Word, ...]) -> tuple[Word, ...] | None:
    """The server's words inside ``sh -c "..."``; None where there is no such thing."""
    if entry is None or PurePosixPath(entry.text).name not in ("sh", "bash"):
        return None
    return words_in_script(words)


def words_in_script(words: Sequence[Word]) -> tuple[Word, ...] | None:
    """The server's words in the script behind ``-c``."""
    from tfdeploy.lint.shell import read_commands

    for index, word in enumerate(words[:-1]):
        if word.text in ("-c", "-lc", "-ec"):
            script = words[index + 1]
            for command in read_commands(script.text, script.place.path, script.place.line):
                server = read_command(command, 0)
                if server is not None:
                    return server.words
    return None


def _read_options(words: list[Word]) -> tuple[_Options, list[Word]]:
    options = _Options()
    at = 0
    while at < len(words) and words[at].text.startswith("-") and words[at].text != "--":
        at += _option(options, words, at)
    return options, words[at:]


def _option(options: _Options, words: list[Word], at: int) -> int:
    """Read one option; how many words it takes."""
    word = words[at]
    following = words[at + 1] if at + 1 < len(words) else None
    if not word.text.startswith("--"):
        return _short_option(options, word, following)
    name, equals, value = word.text[2:].partition("=")
    if name in FLAGS or ("_" in name and name not in _BARE):
        separate = not equals and following is not None and _is_value(following.text)
        text = value if equals else following.text if separate and following else None
        options.misplaced.append(Flag(name, text, word.place, "equals", word.text))
        return 2 if separate else 1
    if equals or name in _BARE:
        options.add(name, Word(value or "true", word.place))
        return 1
    if following is not None:
        options.add(name, Word(following.text, word.place))
    return 2


def _is_value(text: str) -> bool:
    return not text.startswith("-") and not is_server_image(text)


def _short_option(options: _Options, word: Word, following: Word | None) -> int:
    letters = word.text[1:]
    while letters:
        name = _SHORT.get(letters[0], letters[0])
        letters = letters[1:]
        if name in _BARE:
            options.add(name, Word("true", word.place))
            continue
        if letters:
            options.add(name, Word(letters.removeprefix("="), word.place))
            return 1
        if following is not None:
            options.add(name, Word(following.text, word.place))
        return 2
    return 1


def environment(words: Sequence[Word]) -> dict[str, Word]:
    """``NAME=value`` words as a mapping."""
    return {w.text.partition("=")[0]: Word(w.text.partition("=")[2], w.place) for w in words}


def _mounts(options: _Options, folder: Path) -> Iterator[Mount]:
    for word in options.all("volume"):
        mount = short_mount(word, folder)
        if mount is not None:
            yield mount
    for word in options.all("mount"):
        given = dict(part.partition("=")[::2] for part in word.text.split(",") if part.strip())
        keys = {key.strip(): value.strip() for key, value in given.items()}
        source = keys.get("source", keys.get("src", ""))
        target = keys.get("target", keys.get("destination", keys.get("dst", "")))
        kind = "volume" if keys.get("type") == "volume" else "bind"
        if target:
            host = host_folder(source, folder) if kind == "bind" else None
            yield Mount(source, target, word.place, "bind" if kind == "bind" else "volume", host)


def short_mount(word: Word, folder: Path) -> Mount | None:
    """``SOURCE:TARGET[:OPTIONS]``; drive letters of Windows have a colon of their own."""
    match = re.fullmatch(
        r"((?:[A-Za-z]:(?=[\\/]))?(?:[^:$]|\$\{[^}]*\}|\$\([^)]*\)|\$)+):([^:]+)(?::[\w,]+)?",
        word.text,
    )
    if match is None:
        return None
    source, target = match[1], match[2]
    if is_path(source):
        return Mount(source, target, word.place, "bind", host_folder(source, folder))
    return Mount(source, target, word.place, "volume")


def is_path(source: str) -> bool:
    """Whether a mount's source is a path, not a volume's name."""
    return bool(re.match(r"[./~$%`]|[A-Za-z]:[\\/]|\\", source))


def host_folder(source: str, folder: Path) -> Path | None:
    """The path that a source means on this host; None where a variable hides it."""
    here = r"\$\(pwd\)|`pwd`|\$\{PWD\}|\$PWD|%cd%|\$\{pwd\}"
    text = re.sub(here, ".", source, flags=re.IGNORECASE)
    if text.startswith("~/"):
        return Path.home() / text[2:]
    if "$" in text or "%" in text or re.match(r"[A-Za-z]:[\\/]", text):
        return None
    return folder / text


def ports(word: Word) -> Iterator[Port]:
    """``[ADDRESS:][HOST:]INSIDE[/tcp]``, ranges included."""
    text, _, protocol = word.text.partition("/")
    if protocol not in ("", "tcp"):
        return
    outside, _, inside = text.rpartition(":")
    address, _, host = outside.rpartition(":")
    inner, outer = _range(inside), _range(host)
    for index, number in enumerate(inner or [None]):
        published = outer[index] if index < len(outer) else None
        yield Port(address, published, number, word.place)


def _range(text: str) -> list[int]:
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    return list(range(int(match[1]), int(match[2] or match[1]) + 1))[:100] if match else []


def _gpus(options: _Options) -> Gpus | None:
    word = options.last("gpus")
    if word is not None:
        asked = re.fullmatch(r"\W*device=([\w,-]+)\W*", word.text)
        if asked:
            return Gpus(word.place, tuple(asked[1].split(",")))
        number = re.fullmatch(r"\d+", word.text)
        return Gpus(word.place, None, int(word.text) if number else None)
    runtime = options.last("runtime")
    if runtime is None or runtime.text != "nvidia":
        return None
    return nvidia_runtime(runtime.place, environment(options.all("env")))


def nvidia_runtime(place: Place, variables: dict[str, Word]) -> Gpus:
    """What ``runtime: nvidia`` gives: the devices of a variable, all by default."""
    seen = variables.get("NVIDIA_VISIBLE_DEVICES")
    text = seen.text if seen else "all"
    return Gpus(place, None if text in ("all", "") or "$" in text else tuple(text.split(",")))


def _health(options: _Options) -> Health | None:
    word = options.last("health-cmd")
    if word is None:
        return None
    patient = "health-start-period" in options.values
    return Health((word.text,), word.place, patient, in_shell=True)
