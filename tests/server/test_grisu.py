"""Digits of doubles: they read back, and are those of the original, few as the paper promises."""

import math
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeploy.server.grisu import shortest_digits

pytestmark = pytest.mark.timeout(60)
POSITIVE = st.floats(min_value=math.ulp(0.0), max_value=sys.float_info.max)


def read(value: float) -> float:
    digits, exponent = shortest_digits(value)
    return float(f"{digits}e{exponent}")


@settings(max_examples=500, deadline=None)
@given(POSITIVE)
def test_digits_read_back(value: float) -> None:
    assert read(value) == value


@settings(max_examples=500, deadline=None)
@given(POSITIVE)
def test_digits_are_few(value: float) -> None:
    digits, _ = shortest_digits(value)
    shortest = repr(value).partition("e")[0].replace(".", "").strip("0")
    assert digits[0] != "0"
    assert len(shortest) <= len(digits) <= 17


def test_powers_of_two_whose_lower_neighbour_is_nearer() -> None:
    powers = [math.ldexp(1.0, exponent) for exponent in range(-1074, 1024)]
    assert [read(value) for value in powers] == powers


def test_digits_are_those_that_rapidjson_writes() -> None:
    lines = (Path(__file__).parent / "rapidjson_digits.txt").read_text().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    assert len(rows) > 500
    wrong = [
        (value, shortest_digits(float(value)))
        for value, digits, exponent in rows
        if shortest_digits(float(value)) != (digits, int(exponent))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("value", "digits", "exponent"),
    [
        (2.0**64, "18446744073709553", 3),  # as recorded of the real server
        (1.0, "1", 0),
        (0.1, "1", -1),
        (sys.float_info.max, "17976931348623157", 292),
        (sys.float_info.min, "22250738585072014", -324),
        (math.ulp(0.0), "5", -324),
    ],
)
def test_known_digits(value: float, digits: str, exponent: int) -> None:
    assert shortest_digits(value) == (digits, exponent)
