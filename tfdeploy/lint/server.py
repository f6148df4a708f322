"""One tensorflow_model_server of somebody's set-up, however it was written down."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from tfdeploy.lint.finding import Place, Word
from tfdeploy.stack.flags import FLAGS
from tfdeploy.stack.schema import GRPC_PORT, REST_PORT

if TYPE_CHECKING:
    from tfdeploy.lint.configs import ConfigFile

Entry = Literal["image", "server", "other"]
Form = Literal["compose", "docker run", "dockerfile", "command"]
Spelling = Literal["equals", "bare", "space", "inside", "dash", "plain", "colon", "no", "stray"]
OFFICIAL = re.compile(r"(?:docker\.io/|index\.docker\.io/)?tensorflow/serving(?:[:@].*)?")
REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class Flag:
    """One flag as it was written; ``--name=value`` and a bare ``--name`` reach the server.

    ``space`` is two words, ``inside`` one word with a space in it.
    """

    name: str
    value: str | None
    place: Place
    spelling: Spelling
    written: str

    @property
    def read(self) -> bool:
        """Whether the server takes it.

        Of ``--enable_batching false`` it takes the first word, which means true.
        """
        known = FLAGS.get(self.name)
        bare = self.spelling == "space" and known is not None and known.type == "bool"
        return bare or self.spelling in ("equals", "bare")

    @property
    def taken(self) -> str | None:
        """The value that the server takes; None for a bare flag."""
        return None if self.spelling == "space" else self.value

    @property
    def known(self) -> bool:
        """Whether the value is known: a variable of the shell isn't."""
        return "$" not in (self.value or "")


@dataclass(frozen=True)
class Mount:
    """A folder or file of the host, a named volume, or a COPY, as the server sees it."""

    source: str
    target: str
    place: Place
    kind: Literal["bind", "volume", "copy", "tmpfs"]
    host: Path | None = None


@dataclass(frozen=True)
class Port:
    """A port that is published on the host; ``host`` is None for a free one."""

    address: str
    host: int | None
    inside: int | None
    place: Place


@dataclass(frozen=True)
class Gpus:
    """What was asked for of the GPUs; ``devices`` is None for all of them."""

    place: Place
    devices: tuple[str, ...] | None = None
    count: int | None = None
    capable: bool = True


@dataclass(frozen=True)
class Health:
    """A health check: its words, and whether it leaves time to start."""

    words: tuple[str, ...]
    place: Place
    start_period: bool
    in_shell: bool


@dataclass
class Server:
    """Everything that a set-up says of one server.

    ``lasting``: it goes on running when its starter ends. ``together``: it runs beside the others
    of its file. ``wrapped``: a shell starts it.
    ``raw`` and ``line_of`` are a Compose service's own mapping and the lines of its keys.
    """

    name: str
    form: Form
    place: Place
    image: Word | None = None
    entry: Entry = "image"
    words: tuple[Word, ...] = ()
    flags: tuple[Flag, ...] = ()
    before_image: tuple[Flag, ...] = ()
    environment: Mapping[str, Word] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    ports: tuple[Port, ...] = ()
    gpus: Gpus | None = None
    health: Health | None = None
    init: bool = False
    lasting: bool = True
    together: bool = True
    host_network: bool = False
    wrapped: bool = False
    cpus: Word | None = None
    memory: Word | None = None
    user: Word | None = None
    platform: Word | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    line_of: Callable[..., int] | None = field(default=None, repr=False)
    configs: dict[str, ConfigFile] = field(default_factory=dict, repr=False)

    @property
    def folder(self) -> Path:
        """The folder that relative paths of the set-up start from."""
        return self.place.path.parent

    @property
    def official(self) -> bool:
        """Whether it is an image of TensorFlow Serving's own, whose contents are known."""
        return self.image is not None and OFFICIAL.fullmatch(self.image.text) is not None

    @property
    def start_known(self) -> bool:
        """Whether it is known how the program is started: an image of somebody's own may differ."""
        return self.official or self.entry == "server"

    @property
    def tag(self) -> str:
        """The image's tag, without its digest."""
        name = (self.image.text if self.image else "").partition("@")[0]
        last = name.rpartition("/")[2]
        return last.partition(":")[2]

    def at(self, *keys: str | int) -> Place:
        """The place of a key of the service; the server's own where lines aren't known."""
        return Place(self.place.path, self.line_of(*keys)) if self.line_of else self.place

    def flag(self, name: str) -> Flag | None:
        """The flag that counts: the last one that the server reads."""
        return next((one for one in reversed(self.flags) if one.read and one.name == name), None)

    def value(self, name: str) -> str | None:
        """A flag's value; ``true`` for a bare one; None where it isn't given."""
        flag = self.flag(name)
        return None if flag is None else "true" if flag.taken is None else flag.taken

    def on(self, name: str) -> bool:
        """Whether a bool flag is given and true; false where its default is false."""
        return (self.value(name) or "").lower() in ("true", "1")

    @property
    def grpc_port(self) -> int | None:
        """The port of gRPC inside; None where it can't be known."""
        return self._port("port", GRPC_PORT)

    @property
    def rest_port(self) -> int | None:
        """The port of REST inside, 0 for none; None where it can't be known.

        The image's own entry point gives the flag; the server's default is 0
        (tensorflow_serving/tools/docker/Dockerfile, model_servers/server.h).
        """
        return self._port("rest_api_port", REST_PORT if self.entry == "image" else 0)

    def _port(self, name: str, default: int) -> int | None:
        value = self.value(name)
        if value is None:
            return default
        return int(value) if re.fullmatch(r"\d{1,5}", value) else None

    @property
    def served_by_flags(self) -> tuple[str, str, Place] | None:
        """(name, base path, place) of the one model that flags or variables name."""
        if self.flag("model_config_file"):
            return None
        name, base = self.value("model_name"), self.value("model_base_path")
        place = (self.flag("model_base_path") or self.flag("model_name") or self).place
        if self.entry == "image":
            variable = self.environment.get("MODEL_NAME")
            given = self.environment.get("MODEL_BASE_PATH")
            place = variable.place if variable and not base else place
            name = name or (variable.text if variable else "model")
            own = variable.text if variable else "model"
            base = base or f"{given.text if given else '/models'}/{own}"
        if base is None:
            return None
        return name or "default", base, place

    def host_path(self, inside: str) -> Path | None:
        """Where a path of the server lies on this host; None where nothing says so."""
        if self.form == "command":
            return self.folder / inside if not REMOTE.match(inside) else None
        mount = self.mount_of(inside)
        if mount is None or mount.host is None:
            return None
        return mount.host / PurePosixPath(inside).relative_to(PurePosixPath(mount.target))

    def mount_of(self, inside: str) -> Mount | None:
        """The mount that covers a path of the server; the deepest of several."""
        path = PurePosixPath(inside)
        covering = [one for one in self.mounts if path.is_relative_to(PurePosixPath(one.target))]
        return max(covering, key=lambda one: len(PurePosixPath(one.target).parts), default=None)

    def mount_below(self, inside: str) -> Mount | None:
        """A mount that lies below a path of the server, such as one of a single version."""
        path = PurePosixPath(inside)
        return next(
            (one for one in self.mounts if PurePosixPath(one.target).is_relative_to(path)), None
        )


def read_flags(words: tuple[Word, ...]) -> tuple[Flag, ...]:
    """The flags among a server's words, also those that the server would not understand."""
    flags = []
    at = 0
    while at < len(words):
        following = words[at + 1].text if at + 1 < len(words) else None
        flag = _read_flag(words[at], following)
        flags.append(flag)
        at += 2 if flag.spelling == "space" else 1
    return tuple(flags)


def _read_flag(word: Word, following: str | None) -> Flag:
    text = word.text
    if match := re.fullmatch(r"--([A-Za-z0-9_.-]+)=(.*)", text, re.DOTALL):
        return Flag(match[1], match[2], word.place, "equals", text)
    if match := re.fullmatch(r"--([A-Za-z0-9_.-]+)\s+(\S.*)", text):
        return Flag(match[1], match[2], word.place, "inside", text)
    if match := re.fullmatch(r"--([A-Za-z0-9_.-]+)", text):
        return _bare(match[1], word, following)
    if match := re.fullmatch(r"--([A-Za-z0-9_.-]+?)\s*:\s*(.*)", text):
        return Flag(match[1], match[2], word.place, "colon", text)
    if match := re.fullmatch(r"-([A-Za-z0-9_]+)(?:=(.*))?", text):
        return Flag(match[1], match[2], word.place, "dash", text)
    if match := re.fullmatch(r"([A-Za-z0-9_]+)=(.*)", text):
        return Flag(match[1], match[2], word.place, "plain", text)
    return Flag(text, None, word.place, "stray", text)


def _bare(name: str, word: Word, following: str | None) -> Flag:
    known = FLAGS.get(name)
    if name.startswith("no") and known is None and name[2:].lstrip("_") in FLAGS:
        return Flag(name[2:].lstrip("_"), "false", word.place, "no", word.text)
    value = following if following is not None and not following.startswith("-") else None
    if value is not None and "=" not in value:
        return Flag(name, value, word.place, "space", word.text)
    return Flag(name, None, word.place, "bare", word.text)
