"""The config files of a server: which flag names them, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tfdeploy.lint.finding import Place
from tfdeploy.lint.server import Server
from tfdeploy.lint.textproto import Message, TextProtoError, parse_tree

Kind = Literal["models", "batching", "monitoring", "session", "ssl", "platform"]

# Which flag names a file of which kind, and the message that the server reads it as
# (tensorflow_serving/model_servers/main.cc). A platform file holds an Any, which stays unread.
KINDS: dict[Kind, tuple[str, str]] = {
    "models": ("model_config_file", "ModelServerConfig"),
    "batching": ("batching_parameters_file", "BatchingParameters"),
    "monitoring": ("monitoring_config_file", "MonitoringConfig"),
    "session": ("tensorflow_session_config_file", "ConfigProto"),
    "ssl": ("ssl_config_file", "SSLConfig"),
    "platform": ("platform_config_file", ""),
}


@dataclass
class ConfigFile:
    """A text proto, and the server that reads it where a set-up says so."""

    path: Path
    kind: Kind
    text: str
    tree: Message | None = None
    problem: TextProtoError | None = None
    server: Server | None = field(default=None, repr=False)

    def at(self, line: int) -> Place:
        """A place in the file."""
        return Place(self.path, line)

    @property
    def message_name(self) -> str:
        """The message that the server reads it as; empty for one that stays unread."""
        return KINDS[self.kind][1]

    def models(self) -> list[Message]:
        """The blocks ``config { ... }`` of a models.config."""
        lists = self.tree.messages("model_config_list") if self.tree else ()
        return [one for found in lists for one in found.messages("config")]


def read_config(text: str, path: Path, kind: Kind, server: Server | None = None) -> ConfigFile:
    """A config file as a tree; a text that can't be read keeps its problem."""
    try:
        return ConfigFile(path, kind, text, parse_tree(text), server=server)
    except TextProtoError as error:
        return ConfigFile(path, kind, text, problem=error, server=server)
