"""A plan of GPU shares as text: one bar for each device. Pure."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

from tfdeploy.gpu.inventory import Unit
from tfdeploy.gpu.proof import size
from tfdeploy.gpu.shares import Placed, SharePlan

BAR_CELLS = 64
_LETTERS = string.ascii_uppercase + string.ascii_lowercase


def draw_plan(plan: SharePlan, *, stack: str, unicode: bool) -> str:
    """The devices with their shares as bars.

    Args:
        unicode: block characters; else letters and signs that every terminal has.
    """
    used = len({one.unit.id for one in plan.placed})
    count = len(plan.placed)
    lines = [
        f"stack {stack}: {count} {'service' if count == 1 else 'services'} on {used} of "
        f"{len(plan.units)} {'GPU' if len(plan.units) == 1 else 'GPUs'} ({plan.placement})"
    ]
    for unit in plan.units:
        lines += ["", *_draw_unit(plan, unit, unicode)]
    return "\n".join(lines)


def _draw_unit(plan: SharePlan, unit: Unit, unicode: bool) -> Iterator[str]:
    here = plan.on(unit)
    yield f"GPU {unit.id}: {unit.name}, {size(unit.total_bytes)}"
    yield f"  {_bar(here, unit, unicode)}"
    width = max((len(one.wish.service) for one in here), default=0)
    for letter, one in zip(_letters(len(here)), here, strict=True):
        yield f"  {letter} {one.wish.service:{width}}  {_share(one)}"
    context = "measured" if unit.context_is_measured else "assumed"
    contexts = f"contexts {len(here)} x {size(unit.context_bytes)} ({context}), " if here else ""
    free = plan.free_bytes(unit)
    left = f"free {size(free)}" if free >= 0 else f"{size(-free)} TOO MUCH"
    yield f"  {contexts}reserve {size(unit.reserve_bytes)}, {left}"


def _letters(count: int) -> list[str]:
    return [_LETTERS[n] if n < len(_LETTERS) else "#" for n in range(count)]


def _bar(here: list[Placed], unit: Unit, unicode: bool) -> str:
    fill, context, reserve, free = ("█", "▒", "×", "░") if unicode else ("", "+", "x", ".")
    parts: list[tuple[str, str, int]] = []
    for letter, one in zip(_letters(len(here)), here, strict=True):
        parts.append((letter, fill or letter, one.share_bytes))
        parts.append((context, context, unit.context_bytes))
    taken = sum(part[2] for part in parts)
    parts.append((free, free, max(0, unit.capacity_bytes - taken)))
    parts.append((reserve, reserve, unit.reserve_bytes))
    cells = _cells([amount for _, _, amount in parts])
    pairs = zip(parts, cells, strict=True)
    return f"[{''.join((first + rest * count)[:count] for (first, rest, _), count in pairs)}]"


def _cells(amounts: list[int]) -> list[int]:
    """How many cells each part gets: at least one; what is over goes by the largest remainders."""
    whole = sum(amounts) or 1
    cells = [max(1, amount * BAR_CELLS // whole) if amount else 0 for amount in amounts]
    over = BAR_CELLS - sum(cells)
    if over < 0:
        cells[amounts.index(max(amounts))] += over
    for number in sorted(range(len(amounts)), key=lambda n: -(amounts[n] * BAR_CELLS % whole)):
        if over > 0 and amounts[number] * BAR_CELLS >= whole:
            cells[number] += 1
            over -= 1
    cells[amounts.index(max(amounts))] += max(0, over)
    return [max(0, count) for count in cells]


def _share(placed: Placed) -> str:
    text = f"{size(placed.share_bytes):>9}  --per_process_gpu_memory_fraction={placed.fraction}"
    need = placed.wish.need
    if need is not None:
        text += (
            f"  (weights {size(need.weights_bytes)}, +{size(need.change_bytes)} in a version "
            f"change, activations {size(need.activation_bytes)} {need.activations_are})"
        )
    return text + (", grows" if placed.wish.growth else "")


def plan_as_data(plan: SharePlan) -> dict[str, Any]:
    """The same for programs; sizes in bytes."""
    return {
        "placement": plan.placement,
        "devices": [_unit_as_data(plan, unit) for unit in plan.units],
    }


def _unit_as_data(plan: SharePlan, unit: Unit) -> dict[str, Any]:
    return {
        "device": unit.id,
        "uuid": unit.uuid,
        "name": unit.name,
        "memory_total_bytes": unit.total_bytes,
        "context_bytes": unit.context_bytes,
        "context_is_measured": unit.context_is_measured,
        "reserve_bytes": unit.reserve_bytes,
        "free_bytes": plan.free_bytes(unit),
        "services": [
            {
                "service": one.wish.service,
                "memory_fraction": one.fraction,
                "share_bytes": one.share_bytes,
                "growth": one.wish.growth,
                "weights_bytes": one.wish.need.weights_bytes if one.wish.need else None,
                "change_bytes": one.wish.need.change_bytes if one.wish.need else None,
                "activation_bytes": one.wish.need.activation_bytes if one.wish.need else None,
                "activations_are": one.wish.need.activations_are if one.wish.need else None,
            }
            for one in plan.on(unit)
        ],
    }
