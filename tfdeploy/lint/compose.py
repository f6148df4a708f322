"""Servers of a Compose file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.lint.commands import (
    ENTRY_POINT,
    PROGRAM,
    environment,
    host_folder,
    is_path,
    is_server_image,
    nvidia_runtime,
    ports,
    short_mount,
    under_own_entry,
    words_in_script,
)
from tfdeploy.lint.finding import Place, Word
from tfdeploy.lint.server import Entry, Gpus, Health, Mount, Port, Server, read_flags
from tfdeploy.lint.shell import read_commands
from tfdeploy.stack.lines import Lines, parse_yaml


@dataclass
class ComposeFile:
    """A Compose file: its servers, its other services, and the lines of its keys."""

    path: Path
    data: Mapping[str, Any]
    lines: Lines
    servers: list[Server] = field(default_factory=list)

    @property
    def services(self) -> dict[str, Mapping[str, Any]]:
        """Every service that is written as a block."""
        found = self.data.get("services")
        blocks = found.items() if isinstance(found, Mapping) else ()
        return {str(name): one for name, one in blocks if isinstance(one, Mapping)}

    def at(self, *keys: str | int) -> Place:
        """The place of a key."""
        return Place(self.path, self.lines.of(keys))


def read_compose(text: str, path: Path) -> ComposeFile:
    """A Compose file and its servers.

    Raises:
        TfdeployError: TFD252 where it is no YAML.
    """
    data, lines = parse_yaml(text, path, "Compose file", "TFD252")
    if not isinstance(data, Mapping):
        raise TfdeployError(
            "TFD252",
            "A Compose file is a mapping with `services:` in it.",
            where=str(path),
            hint="look at the indentation of its first lines.",
        )
    file = ComposeFile(path, data, lines)
    source = text.splitlines()
    for name in file.services:
        reader = _Service(file, name, source)
        if reader.is_server():
            file.servers.append(reader.server())
    return file


def plain(value: object) -> str:
    """A value of the file as Compose takes it: variables by their default, ``$$`` as ``$``."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = re.sub(r"(?<!\$)\$\{\w+:?-([^}]*)\}", r"\1", text)
    return text.replace("$$", "$")


class _Service:
    """Reads one service's block."""

    def __init__(self, file: ComposeFile, name: str, source: Sequence[str]) -> None:
        self.file, self.name, self.source = file, name, source
        self.block = file.services[name]

    def at(self, *keys: str | int) -> Place:
        return self.file.at("services", self.name, *keys)

    def _word(self, value: object, *keys: str | int) -> Word:
        return Word(plain(value), self.at(*keys))

    def is_server(self) -> bool:
        image = str(self.block.get("image", ""))
        words = self._list("entrypoint") + self._list("command")
        names = {flag.name for flag in read_flags(tuple(words))}
        speaks = names & {"model_config_file", "model_base_path", "rest_api_port"}
        return is_server_image(image) or bool(speaks) or any(PROGRAM in w.text for w in words)

    def server(self) -> Server:
        entry, words = self._entry_and_words()
        variables = self._environment()
        return Server(
            name=self.name,
            form="compose",
            place=self.at(),
            image=self._word(self.block["image"], "image") if "image" in self.block else None,
            entry=entry,
            words=words,
            flags=read_flags(words),
            environment=variables,
            mounts=tuple(self._mounts()),
            ports=tuple(self._ports()),
            gpus=self._gpus(variables),
            health=self._health(),
            init=self.block.get("init") is True,
            host_network=self.block.get("network_mode") == "host",
            wrapped=any(word.text in ("-c", "-lc", "-ec") for word in self._list("entrypoint")),
            cpus=self._limit("cpus"),
            memory=self._limit("memory", "mem_limit"),
            user=self._optional("user"),
            platform=self._optional("platform"),
            raw=self.block,
            line_of=lambda *keys: self.at(*keys).line,
            # A profile has to be asked for: what it starts needn't run beside the rest.
            together=not self.block.get("profiles"),
        )

    def _optional(self, key: str) -> Word | None:
        return self._word(self.block[key], key) if self.block.get(key) is not None else None

    def _limit(self, name: str, key: str | None = None) -> Word | None:
        keys = ("deploy", "resources", "limits", name)
        value: Any = self.block
        for part in keys:
            value = value.get(part) if isinstance(value, Mapping) else None
        return self._word(value, *keys) if value is not None else self._optional(key or name)

    # --- the command ---

    def _list(self, key: str) -> list[Word]:
        """The words of ``command`` or ``entrypoint``, in either of its two forms."""
        value = self.block.get(key)
        if isinstance(value, str):
            line = self.at(key).line
            text = plain(value).replace("\n", " ")
            found = [w for command in read_commands(text, self.file.path, line) for w in command]
            return [Word(w.text, self._place_of(w.text, line)) for w in found]
        if isinstance(value, Sequence):
            return [self._word(one, key, index) for index, one in enumerate(value)]
        return []

    def _place_of(self, text: str, first: int) -> Place:
        """The line of a word in a text of several lines, which YAML folds to one."""
        word = text.replace("$", "$$")
        for index in range(first - 1, min(first + 60, len(self.source))):
            if word in self.source[index] or text in self.source[index]:
                return Place(self.file.path, index + 1)
        return Place(self.file.path, first)

    def _entry_and_words(self) -> tuple[Entry, tuple[Word, ...]]:
        entrypoint, command = self._list("entrypoint"), self._list("command")
        if not entrypoint:
            return under_own_entry(self._optional("image"), tuple(command))
        words = [*entrypoint, *command]
        for index, word in enumerate(words):
            name = PurePosixPath(word.text).name
            if name == ENTRY_POINT:
                return "image", tuple(words[index + 1 :])
            if name.startswith(PROGRAM):
                return "server", tuple(words[index + 1 :])
        inner = words_in_script(words)
        return ("other", ()) if inner is None else ("server", inner)

    def _environment(self) -> dict[str, Word]:
        value = self.block.get("environment")
        if isinstance(value, Mapping):
            return {
                str(key): self._word("" if one is None else one, "environment", str(key))
                for key, one in value.items()
            }
        words = [self._word(one, "environment", index) for index, one in enumerate(_items(value))]
        return environment(words)

    # --- mounts and ports ---

    def _mounts(self) -> Iterator[Mount]:
        for index, value in enumerate(_items(self.block.get("volumes"))):
            place = self.at("volumes", index)
            if isinstance(value, Mapping):
                yield from self._long_mount(value, place)
            elif mount := short_mount(Word(plain(value), place), self.file.path.parent):
                yield mount
        for index, value in enumerate(_items(self.block.get("configs"))):
            if isinstance(value, Mapping) and value.get("target"):
                yield self._config_mount(value, self.at("configs", index))

    def _long_mount(self, value: Mapping[str, Any], place: Place) -> Iterator[Mount]:
        source, target = plain(value.get("source", "")), plain(value.get("target", ""))
        if not target:
            return
        bind = value.get("type") == "bind" or (value.get("type") is None and is_path(source))
        host = host_folder(source, self.file.path.parent) if bind else None
        kind = value.get("type") if value.get("type") in ("volume", "tmpfs") else "bind"
        yield Mount(source, target, place, kind if not bind else "bind", host)  # type: ignore[arg-type]

    def _config_mount(self, value: Mapping[str, Any], place: Place) -> Mount:
        """One of Compose's `configs:`; a file, put in place by Compose itself."""
        known = self.file.data.get("configs")
        one = known.get(value.get("source")) if isinstance(known, Mapping) else None
        file = one.get("file") if isinstance(one, Mapping) else None
        host = host_folder(plain(file), self.file.path.parent) if file else None
        return Mount(str(value.get("source")), str(value["target"]), place, "copy", host)

    def _ports(self) -> Iterator[Port]:
        for index, value in enumerate(_items(self.block.get("ports"))):
            place = self.at("ports", index)
            if not isinstance(value, Mapping):
                yield from ports(Word(plain(value), place))
                continue
            published = plain(value.get("published", ""))
            inside = plain(value.get("target", ""))
            text = f"{published}:{inside}" if published else inside
            address = str(value.get("host_ip") or "")
            for port in ports(Word(text, place)):
                yield Port(address, port.host, port.inside, place)

    # --- GPUs and health ---

    def _gpus(self, variables: dict[str, Word]) -> Gpus | None:
        keys = ("deploy", "resources", "reservations", "devices")
        value: Any = self.block
        for part in keys:
            value = value.get(part) if isinstance(value, Mapping) else None
        for index, device in enumerate(_items(value)):
            if isinstance(device, Mapping):
                return _device(device, self.at(*keys, index))
        if self.block.get("gpus") is not None:
            return self._gpus_key()
        if self.block.get("runtime") == "nvidia":
            return nvidia_runtime(self.at("runtime"), variables)
        return None

    def _gpus_key(self) -> Gpus:
        """The short form of Compose 2.30: ``gpus: all``, or a list of requests."""
        value, place = self.block["gpus"], self.at("gpus")
        request = value[0] if isinstance(value, list) and value else None
        if isinstance(request, Mapping):
            return _device({"capabilities": ["gpu"], **request}, place)
        return Gpus(place)

    def _health(self) -> Health | None:
        value = self.block.get("healthcheck")
        if not isinstance(value, Mapping) or value.get("disable") is True:
            return None
        test, place = value.get("test"), self.at("healthcheck", "test")
        patient = "start_period" in value
        if isinstance(test, str):
            return Health((plain(test),), place, patient, in_shell=True)
        words = tuple(plain(one) for one in _items(test))
        if not words or words[0] == "NONE":
            return None
        return Health(words[1:], place, patient, in_shell=words[0] == "CMD-SHELL")


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _device(device: Mapping[str, Any], place: Place) -> Gpus:
    """One entry of ``reservations.devices``."""
    capable = any("gpu" in str(one) for one in _items(device.get("capabilities")))
    ids = device.get("device_ids")
    if isinstance(ids, list):
        return Gpus(place, tuple(plain(one) for one in ids), capable=capable)
    count = device.get("count")
    return Gpus(place, None, count if isinstance(count, int) else None, capable)
