"""One quoting filter for each grammar: what is read back is what was written."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tfdeploy import wire
from tfdeploy.render.templates import quote_compose, quote_textproto

EVERYTHING = "".join(map(chr, range(0x300))) + "\u2028\ufeff\uffff😀𝒳$$${A}\\ud83d\\u12"
texts = st.text(st.characters(exclude_categories=["Cs"]))


def compose_reads(text: str) -> object:
    """YAML first, then Compose's own `$$` for a dollar."""
    value = yaml.safe_load(text)
    return value.replace("$$", "$") if isinstance(value, str) else value


@given(texts)
@example(EVERYTHING)
@example("\\😀")
@example("no")
@example("${HOME}")
def test_compose_reads_every_text_back(text: str) -> None:
    quoted = quote_compose(text)
    assert quoted.isascii()
    assert "\n" not in quoted
    assert compose_reads(quoted) == text
    assert compose_reads(f"x: [{quoted}, 1]") == {"x": [text.replace("$", "$$"), 1]}


@given(texts)
def test_no_dollar_is_left_alone_for_compose_to_read_as_a_variable(text: str) -> None:
    assert "$" not in quote_compose(text).replace("$$", "")


@pytest.mark.parametrize("value", [0, 1, -5, 0.4, True, False])
def test_compose_numbers_stay_numbers(value: object) -> None:
    assert compose_reads(quote_compose(value)) == value


@given(texts)
@example(EVERYTHING)
@example("a\x00b\r\n\x7f'\"\\")
def test_text_protos_read_every_text_back(text: str) -> None:
    quoted = quote_textproto(text)
    assert not any(ord(one) < 0x20 for one in quoted)
    said = wire.parse_text(wire.ModelConfig, f"name: {quoted} model_platform: 'x'")
    assert (said.name, said.model_platform) == (text, "x")
