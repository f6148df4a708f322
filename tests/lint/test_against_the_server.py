"""What lint says of flags and files is what the servers' own readers say of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.text_format import ParseError

from tfdeploy import wire
from tfdeploy.lint import Server, Setup, lint_setup, read_setup
from tfdeploy.lint.configs import ConfigFile
from tfdeploy.server.flags import BadFlagValue, parse_flags
from tfdeploy.stack.flags import FLAGS

HERE = Path(__file__).parent
TOPS = [*sorted((HERE / "broken").iterdir()), *sorted((HERE / "healthy").iterdir())]
SETUPS: dict[str, Setup] = {}
for top in TOPS:
    if top.name not in ("index.yaml", "tabs.yml"):
        SETUPS[f"{top.parent.name}/{top.name}"] = read_setup(top)

# Findings in words that the server doesn't take for flags.
NO_FLAGS = {"TFD255", "TFD256", "TFD257", "TFD258", "TFD266"}
NO_TEXT_PROTO = {"TFD273", "TFD282"}


def found(setup: Setup, path: Path, codes: set[str]) -> bool:
    return any(one.code in codes and one.place.path == path for one in lint_setup(setup))


def configs() -> list[tuple[str, ConfigFile]]:
    """Every text proto; not those with an Any, whose message isn't known here."""
    every = [(name, one) for name, setup in SETUPS.items() for one in setup.configs]
    return [(name, one) for name, one in every if one.message_name and "[type." not in one.text]


def servers() -> list[tuple[str, Server]]:
    return [(name, s) for name, setup in SETUPS.items() for s in setup.servers if s.words]


@pytest.mark.parametrize(("name", "config"), configs(), ids=[name for name, _ in configs()])
def test_a_file_is_refused_where_protobuf_refuses_it(name: str, config: ConfigFile) -> None:
    try:
        wire.parse_text(wire.message_class(config.message_name), config.text)
        parses = True
    except ParseError:
        parses = False
    assert parses is not found(SETUPS[name], config.path, NO_TEXT_PROTO)


@pytest.mark.parametrize(("name", "server"), servers(), ids=[name for name, _ in servers()])
def test_words_are_flags_where_the_server_reads_them(name: str, server: Server) -> None:
    words = [word.text for word in server.words if "$" not in word.text]
    path = server.place.path
    try:
        read, unknown = parse_flags(words)
    except BadFlagValue:
        assert found(SETUPS[name], path, {"TFD259"})
        return
    assert bool(unknown) is found(SETUPS[name], path, NO_FLAGS)
    for flag_name in FLAGS:
        value = server.value(flag_name)
        if value is not None and "$" not in value:
            shown = getattr(read, flag_name)
            assert str(shown).lower() == value.lower() or float(shown) == float(value)


def test_enough_was_compared() -> None:
    assert len(configs()) >= 30
    assert len(servers()) >= 60
