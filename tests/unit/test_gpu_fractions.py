"""Shares of GPUs add up per device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdeploy.gpu import Share, check_shares
from tfdeploy.gpu.fractions import bytes_of, fraction_for


def shares(*parts: tuple[str, float]) -> dict[str, Share]:
    return {f"s{n}": Share(device, part, f"line {n}") for n, (device, part) in enumerate(parts)}


@pytest.mark.parametrize(
    "parts",
    [(), (("0", 1.0),), (("0", 0.5), ("0", 0.5)), (("0", 0.9), ("1", 0.9)), (("0", 0.1),) * 10],
)
def test_shares_up_to_a_whole_device_fit(parts: tuple[tuple[str, float], ...]) -> None:
    assert check_shares(shares(*parts)) == []


def test_too_much_is_told_for_each_device_with_the_sum_and_the_last_line() -> None:
    errors = check_shares(shares(("0", 0.7), ("1", 1), ("0", 0.4), ("1", 0.01)))
    assert [error.code for error in errors] == ["TFD301", "TFD301"]
    assert errors[0].message == "The shares of GPU 0 add up to 1.1: 0.7 (s0) + 0.4 (s2)."
    assert [error.where for error in errors] == ["line 2", "line 3"]


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=20))
def test_a_device_is_told_exactly_when_its_sum_is_above_one(fractions: list[float]) -> None:
    told = check_shares(shares(*(("GPU-1", part) for part in fractions)))
    assert bool(told) is (sum(fractions) > 1 + 1e-9)


@pytest.mark.parametrize(
    ("asked", "total", "fraction"),
    [(6, 24, 0.25), (1, 3, 0.3334), (24, 24, 1.0), (25, 24, 1.0417), (0, 24, 0.0)],
)
def test_a_size_becomes_the_next_fraction_of_four_digits(
    asked: int, total: int, fraction: float
) -> None:
    assert fraction_for(asked * 2**30, total * 2**30) == fraction


@given(st.integers(0, 2**36), st.integers(2**30, 2**37))
def test_a_fraction_gives_what_was_asked_and_hardly_more(asked: int, total: int) -> None:
    given = bytes_of(fraction_for(asked, total), total)
    assert asked <= given <= asked + total / 10_000 + 1
