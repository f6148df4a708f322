"""Why services can't be placed, and which would have to go. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tfdeploy.gpu.packing import Item, pack

DROP_TRIALS = 300
DROP_BUDGET = 20_000


def size(value: int) -> str:
    """Bytes for people: ``5.8 GiB``."""
    return f"{value / 2**30:.1f} GiB" if value >= 2**30 else f"{value / 2**20:.0f} MiB"


def why_not(
    items: Sequence[Item], capacities: Sequence[int], names: Sequence[str], tried: int | None
) -> str:
    """The shortest proof that the items don't fit.

    Args:
        names: what the devices are called.
        tried: the steps of a search that came to its end; None for one that was cut short.
    """
    return (
        _one_too_large(items, capacities)
        or _bound_to_one(items, capacities, names)
        or _all_too_much(items, capacities)
        or _pairwise(items, capacities)
        or _searched(items, capacities, tried)
    )


def _one_too_large(items: Sequence[Item], capacities: Sequence[int]) -> str:
    for item in items:
        able = [(n, c) for n, c in zip(item.need, capacities, strict=True) if n is not None]
        if able and all(need > capacity for need, capacity in able):
            need, capacity = max(able, key=lambda pair: pair[1])
            return (
                f"{item.name} needs {size(need)} with its context, and the largest device for it "
                f"has {size(capacity)}"
            )
    return ""


def _bound_to_one(items: Sequence[Item], capacities: Sequence[int], names: Sequence[str]) -> str:
    for device, capacity in enumerate(capacities):
        bound = [i for i in items if [n for n, v in enumerate(i.need) if v is not None] == [device]]
        total = sum(one.need[device] or 0 for one in bound)
        if len(bound) > 1 and total > capacity:
            parts = " + ".join(f"{size(one.need[device] or 0)} ({one.name})" for one in bound)
            return f"{names[device]} has {size(capacity)}, and must hold {parts} = {size(total)}"
    return ""


def _all_too_much(items: Sequence[Item], capacities: Sequence[int]) -> str:
    total, there = sum(one.least for one in items), sum(capacities)
    if total <= there:
        return ""
    count = len(items)
    return (
        f"{count} services need {size(total)} with their contexts, and all devices together have "
        f"{size(there)}"
    )


def _pairwise(items: Sequence[Item], capacities: Sequence[int]) -> str:
    """More services than devices, no two of which fit on one device."""
    largest = max(capacities, default=0)
    apart: list[Item] = []
    for item in sorted(items, key=lambda one: -one.least):
        if all(item.least + other.least > largest for other in apart):
            apart.append(item)
    if len(apart) <= len(capacities):
        return ""
    names = ", ".join(one.name for one in apart)
    two = " and ".join(size(one.least) for one in apart[-2:])
    return (
        f"no two of {names} fit on one device ({two} are the smallest, {size(largest)} is there), "
        f"and {len(apart)} such services are more than {len(capacities)} devices"
    )


def _searched(items: Sequence[Item], capacities: Sequence[int], tried: int | None) -> str:
    total, there = sum(one.least for one in items), sum(capacities)
    what = f"{len(items)} services need {size(total)} of {size(there)}"
    if tried is None:
        return f"{what}, and no placement was found; the search was cut short, so this is no proof"
    return f"{what}, but no way of dividing them fits: every one was ruled out ({tried} steps)"


def what_to_drop(items: Sequence[Item], capacities: Sequence[int]) -> tuple[str, ...]:
    """The smallest set of services without which the others fit; the least need among equals."""
    trials = 0
    for count in range(1, len(items)):
        sets = sorted(
            itertools.islice(itertools.combinations(items, count), 10 * DROP_TRIALS),
            key=lambda some: sum(one.least for one in some),
        )
        for dropped in sets:
            trials += 1
            if trials > DROP_TRIALS:
                return _largest_until_it_fits(items, capacities)
            kept = [one for one in items if one not in dropped]
            # No search where the sum alone says no.
            if sum(one.least for one in kept) > sum(capacities):
                continue
            if pack(kept, capacities, budget=DROP_BUDGET).places is not None:
                return tuple(one.name for one in dropped)
    return tuple(one.name for one in items)


def _largest_until_it_fits(items: Sequence[Item], capacities: Sequence[int]) -> tuple[str, ...]:
    left = sorted(items, key=lambda one: one.least)
    dropped: list[str] = []
    while left and pack(left, capacities, budget=DROP_BUDGET).places is None:
        dropped.append(left.pop().name)
    return tuple(dropped)
