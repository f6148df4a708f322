"""Numbers and strings print as the real server prints them."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeploy.server.json_text import (
    echo,
    render_double,
    render_float,
    render_pretty,
    render_string,
)

pytestmark = pytest.mark.timeout(60)


def as_float32(value: float) -> float:
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (9e6, "9e+06"),
        (1234567.0, "1234567.0"),
        (1 / 3, "0.333333343"),
        (-0.0, "-0.0"),
        (100.0, "100.0"),
        (1e-40, "0.0"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
    ],
)
def test_float(value: float, text: str) -> None:
    assert render_float(as_float32(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.33333333333333331"),
        (1e300, "1e+300"),
        (9007199254740992.0, "9007199254740992.0"),
        (5e-324, "0.0"),
        (1e15, "1e+15"),
    ],
)
def test_double(value: float, text: str) -> None:
    assert render_double(value) == text


@settings(max_examples=200, deadline=None)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_floats_read_back(value: float) -> None:
    text = render_float(value)
    assert as_float32(float(text)) == value
    assert "." in text or "e" in text


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_doubles_read_back(value: float) -> None:
    assert float(render_double(value)) == value


def test_only_what_must_be_escaped_is() -> None:
    assert render_string('a"\\/\n\x01é\x7f') == '"a\\"\\\\/\\n\\u0001é\x7f"'


def test_pretty_layout() -> None:
    document = {"signature_name": 3, "examples": [{"x": [4.0]}, {"x": 2.0}]}
    assert render_pretty(document) == (
        '{\n    "signature_name": 3,\n    "examples": [{\n            "x": [4.0]\n        }, '
        '{\n            "x": 2.0\n        }]\n}'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e2, "100.0"),
        (1e30, "1e30"),
        (-1.5e-7, "-1.5e-7"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (0.5, "0.5"),
        (-0.0, "-0.0"),
        (1e20, "100000000000000000000.0"),
        (1e21, "1e21"),
        (5e-324, "5e-324"),
        (2.0**64, "18446744073709553000.0"),
    ],
)
def test_echoed_numbers(value: float, text: str) -> None:
    assert echo([value]) == f"[{text}]"


def test_echo_is_cut() -> None:
    assert len(echo(["x" * 1000])) == 256
