"""The search never over-commits, and finds a placement whenever trying every one finds one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeploy.gpu.packing import Item, Packing, pack, spread
from tfdeploy.gpu.proof import what_to_drop, why_not

Case = tuple[list[Item], list[int]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to 6 services on up to 3 devices, some of which some services may not use."""
    capacities = draw(st.lists(st.integers(0, 12), min_size=1, max_size=3))
    needs = st.lists(
        st.one_of(st.none(), st.integers(0, 9)),
        min_size=len(capacities),
        max_size=len(capacities),
    )
    count = draw(st.integers(0, 6))
    return [Item(f"s{number}", tuple(draw(needs))) for number in range(count)], capacities


def loads(items: Sequence[Item], capacities: Sequence[int], at: Sequence[int]) -> list[int] | None:
    """What each device holds; None where something may not be where it is."""
    found = [0] * len(capacities)
    for item, device in zip(items, at, strict=True):
        need = item.need[device]
        if need is None:
            return None
        found[device] += need
    return found


def every_placement(items: Sequence[Item], capacities: Sequence[int]) -> list[tuple[int, ...]]:
    return [
        at
        for at in itertools.product(range(len(capacities)), repeat=len(items))
        if (held := loads(items, capacities, at)) is not None
        and all(load <= capacity for load, capacity in zip(held, capacities, strict=True))
    ]


def fits(items: Sequence[Item], capacities: Sequence[int], found: Packing) -> bool:
    assert found.places is not None
    held = loads(items, capacities, [found.places[item.name] for item in items])
    return held is not None and all(a <= b for a, b in zip(held, capacities, strict=True))


def fullest(items: Sequence[Item], capacities: Sequence[int], at: Sequence[int]) -> float:
    held = loads(items, capacities, at) or []
    return max((a / b for a, b in zip(held, capacities, strict=True) if b), default=0.0)


@settings(max_examples=500)
@given(cases())
def test_packing_finds_the_fewest_devices_that_trying_everything_finds(case: Case) -> None:
    items, capacities = case
    possible = every_placement(items, capacities)
    found = pack(items, capacities)
    assert found.is_proven
    assert (found.places is not None) is bool(possible)
    if found.places is not None:
        assert fits(items, capacities, found)
        assert len(set(found.places.values())) == min(len(set(at)) for at in possible)


@settings(max_examples=300)
@given(cases())
def test_spreading_leaves_the_fullest_device_as_empty_as_can_be(case: Case) -> None:
    items, capacities = case
    possible = every_placement(items, capacities)
    found = spread(items, capacities)
    assert (found.places is not None) is bool(possible)
    if found.places is not None:
        assert fits(items, capacities, found)
        best = min(fullest(items, capacities, at) for at in possible)
        at = [found.places[item.name] for item in items]
        assert fullest(items, capacities, at) == pytest.approx(best)


@settings(max_examples=200)
@given(cases())
def test_without_what_is_to_drop_the_rest_fits_and_with_less_dropped_it_does_not(
    case: Case,
) -> None:
    items, capacities = case
    if every_placement(items, capacities):
        return
    dropped = what_to_drop(items, capacities)
    kept = [item for item in items if item.name not in dropped]
    assert every_placement(kept, capacities)
    for fewer in range(1, len(dropped)):
        for some in itertools.combinations(items, fewer):
            rest = [item for item in items if item not in some]
            assert not every_placement(rest, capacities)


@settings(max_examples=100)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=40), st.integers(60, 200))
def test_a_search_that_is_cut_short_never_puts_too_much_on_a_device(
    needs: list[int], capacity: int
) -> None:
    capacities = [capacity] * 8
    items = [Item(f"s{number}", (need,) * 8) for number, need in enumerate(needs)]
    for look in (pack, spread):
        found = look(items, capacities, budget=3)
        if found.places is not None:
            assert fits(items, capacities, found)


def test_a_search_that_is_cut_short_falls_back_to_first_fit() -> None:
    items = [Item(f"s{number}", (5, 5)) for number in range(4)]
    found = pack(items, [10, 10], budget=1)
    assert (found.is_proven, sorted((found.places or {}).values())) == (False, [0, 0, 1, 1])


def test_hundreds_of_services_are_placed_without_a_search() -> None:
    items = [Item(f"s{number}", (number % 7 + 1,) * 8) for number in range(400)]
    found = pack(items, [210] * 8)
    assert found.places is not None
    assert fits(items, [210] * 8, found)


GIB = 2**30


def proof(needs: list[tuple[int | None, ...]], capacities: list[int]) -> str:
    items = [Item(f"s{n}", tuple(v and v * GIB for v in need)) for n, need in enumerate(needs)]
    sizes = [capacity * GIB for capacity in capacities]
    found = pack(items, sizes)
    assert found.places is None
    return why_not(items, sizes, [f"GPU {n}" for n in range(len(sizes))], found.tried)


@pytest.mark.parametrize(
    ("needs", "capacities", "words"),
    [
        ([(30, 30)], [24, 20], "s0 needs 30.0 GiB with its context, and the largest device"),
        ([(15, None), (10, None)], [24, 24], "GPU 0 has 24.0 GiB, and must hold 15.0 GiB (s0) +"),
        ([(20, 20), (20, 20), (20, 20)], [24, 24], "3 services need 60.0 GiB with their contexts"),
        ([(13, 13)] * 3 + [(1, 1)], [24, 24], "no two of s0, s1, s2 fit on one device"),
        ([(9, 9)] * 5, [24, 24], "no way of dividing them fits: every one was ruled out"),
    ],
)
def test_the_proof_is_the_shortest_that_holds(
    needs: list[tuple[int | None, ...]], capacities: list[int], words: str
) -> None:
    assert words in proof(needs, capacities)


def test_a_search_that_was_cut_short_is_no_proof() -> None:
    items = [Item(f"s{n}", (9, 9)) for n in range(5)]
    assert "no proof" in why_not(items, [24, 24], ["GPU 0", "GPU 1"], None)
