"""plan_shares: what services ask for, against what a box has. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.fractions import bytes_of, fraction_for
from tfdeploy.gpu.inventory import MIB, Inventory, Unit, find_unit, units
from tfdeploy.gpu.need import Need
from tfdeploy.gpu.packing import Item, Packing, pack, spread
from tfdeploy.gpu.proof import size, what_to_drop, why_not

AUTO_STEP_BYTES = 16 * MIB

Placement = Literal["pack", "spread"]


@dataclass(frozen=True)
class Wish:
    """What one server asks for.

    Attributes:
        device: an index or UUID; None for any.
        fraction: of the device's total memory.
        memory_bytes: in place of the fraction; without either the share is what ``need`` says.
        need: what its models take; None where nothing lies on disk.
        replaces: whether old versions go before new ones come (``strategy: recreate``, pinned).
        where: the line of the stack file.
    """

    service: str
    device: str | None = None
    fraction: float | None = None
    memory_bytes: int | None = None
    need: Need | None = None
    growth: bool = False
    replaces: bool = False
    where: str = ""

    def fraction_on(self, unit: Unit) -> float:
        """The share on a device; above 1 where a size is more than the device."""
        if self.fraction is not None:
            return self.fraction
        asked = self.memory_bytes if self.memory_bytes is not None else self._needed()
        return fraction_for(asked, unit.total_bytes)

    def _needed(self) -> int:
        assert self.need is not None
        needed = self.need.steady_bytes if self.replaces else self.need.peak_bytes
        return -(-needed // AUTO_STEP_BYTES) * AUTO_STEP_BYTES

    @property
    def is_known(self) -> bool:
        """Whether there is anything to tell the share from."""
        return any(one is not None for one in (self.fraction, self.memory_bytes, self.need))


@dataclass(frozen=True)
class Placed:
    """A server on its device, with its share of it."""

    wish: Wish
    unit: Unit
    fraction: float

    @property
    def share_bytes(self) -> int:
        """What its memory pool takes."""
        return bytes_of(self.fraction, self.unit.total_bytes)

    @property
    def whole_bytes(self) -> int:
        """The share, and the process's context."""
        return self.share_bytes + self.unit.context_bytes


@dataclass(frozen=True)
class SharePlan:
    """Every server on its device, or why that can't be."""

    units: tuple[Unit, ...]
    placed: tuple[Placed, ...]
    problems: tuple[TfdeployError, ...] = ()
    warnings: tuple[TfdeployError, ...] = ()
    placement: Placement = "pack"

    def on(self, unit: Unit) -> list[Placed]:
        """The servers on one device."""
        return [one for one in self.placed if one.unit == unit]

    def free_bytes(self, unit: Unit) -> int:
        """What neither shares, contexts nor the reserve take; below 0 where it is too much."""
        return unit.capacity_bytes - sum(one.whole_bytes for one in self.on(unit))

    def of(self, service: str) -> Placed | None:
        """Where a server is."""
        return next((one for one in self.placed if one.wish.service == service), None)

    def fits_beside(self, service: str) -> bool:
        """Whether a second server like this one finds room on its device, for a switch."""
        placed = self.of(service)
        return placed is None or placed.whole_bytes <= self.free_bytes(placed.unit)


def plan_shares(
    wishes: Sequence[Wish], inventory: Inventory, placement: Placement = "pack"
) -> SharePlan:
    """Find a device and a share for every wish.

    Problems: TFD306 no such device, TFD307 a device that must hold too much, TFD308 no placement,
    TFD309 models larger than their share, TFD315 nothing to tell a share from.
    Warnings: TFD309 to TFD312.
    """
    known = units(inventory)
    problems = [*_unknown_devices(wishes, known), *_unknown_needs(wishes)]
    bound = list(_bound(wishes, known))
    if not problems:
        problems += _overfull(known, bound)
    placed = bound
    if not problems:
        found = _search(wishes, known, placement)
        if found.places is None:
            problems.append(_impossible(wishes, known, found))
        else:
            placed = list(_as_found(wishes, known, found.places))
    problems += [error for one in placed for error in _too_small(one)]
    plan = SharePlan(tuple(known), tuple(placed), tuple(problems), placement=placement)
    return SharePlan(plan.units, plan.placed, plan.problems, tuple(_warnings(plan)), placement)


def _unknown_devices(wishes: Sequence[Wish], known: list[Unit]) -> Iterator[TfdeployError]:
    there = ", ".join(one.id for one in known) or "none"
    for wish in wishes:
        if wish.device is not None and find_unit(known, wish.device) is None:
            yield TfdeployError(
                "TFD306",
                f"Service '{wish.service}' asks for GPU {wish.device}, which isn't there.",
                where=wish.where,
                hint=f"devices: {there}; `tfdeploy gpu list` shows them.",
            )


def _unknown_needs(wishes: Sequence[Wish]) -> Iterator[TfdeployError]:
    for wish in wishes:
        if not wish.is_known:
            yield TfdeployError(
                "TFD315",
                f"How much memory service '{wish.service}' needs isn't known: its models have no "
                "version on disk.",
                where=wish.where,
                hint="export the models first, or state the share: `memory: 4GiB`.",
            )


def _bound(wishes: Sequence[Wish], known: list[Unit]) -> Iterator[Placed]:
    """The servers whose device is named."""
    for wish in wishes:
        unit = find_unit(known, wish.device) if wish.device is not None else None
        if unit and wish.is_known:
            yield Placed(wish, unit, wish.fraction_on(unit))


def _overfull(known: list[Unit], bound: list[Placed]) -> Iterator[TfdeployError]:
    for unit in known:
        here = [one for one in bound if one.unit == unit]
        total = sum(one.whole_bytes for one in here)
        if total > unit.capacity_bytes:
            parts = " + ".join(f"{size(one.share_bytes)} ({one.wish.service})" for one in here)
            measured = "measured" if unit.context_is_measured else "assumed"
            yield TfdeployError(
                "TFD307",
                f"GPU {unit.id} has {size(unit.total_bytes)}, and must hold {parts}, "
                f"{len(here)} contexts of {size(unit.context_bytes)} ({measured}) and a reserve "
                f"of {size(unit.reserve_bytes)}: {size(total - unit.capacity_bytes)} too much.",
                where=here[-1].wish.where,
                hint="lower a share, or move a service: `device: auto` finds it a place. "
                "`tfdeploy gpu plan STACK` draws the devices.",
            )


def _items(wishes: Sequence[Wish], known: list[Unit]) -> list[Item]:
    return [
        Item(one.service, tuple(_need_on(one, unit, known) for unit in known)) for one in wishes
    ]


def _need_on(wish: Wish, unit: Unit, known: list[Unit]) -> int | None:
    if wish.device is not None and find_unit(known, wish.device) != unit:
        return None
    return bytes_of(wish.fraction_on(unit), unit.total_bytes) + unit.context_bytes


def _search(wishes: Sequence[Wish], known: list[Unit], placement: Placement) -> Packing:
    look = spread if placement == "spread" else pack
    return look(_items(wishes, known), [unit.capacity_bytes for unit in known])


def _as_found(
    wishes: Sequence[Wish], known: list[Unit], places: dict[str, int]
) -> Iterator[Placed]:
    for wish in wishes:
        unit = known[places[wish.service]]
        yield Placed(wish, unit, wish.fraction_on(unit))


def _impossible(wishes: Sequence[Wish], known: list[Unit], found: Packing) -> TfdeployError:
    items, capacities = _items(wishes, known), [unit.capacity_bytes for unit in known]
    names = [f"GPU {unit.id}" for unit in known]
    proof = why_not(items, capacities, names, found.tried if found.is_proven else None)
    if not known:
        proof = "there is no GPU in the inventory"
    dropped = what_to_drop(items, capacities)
    which = f"without {' and '.join(dropped)} the others fit"
    if len(dropped) == len(items):
        which = "none of them fits"
    return TfdeployError(
        "TFD308",
        f"The services can't be placed: {proof}.",
        where=next(wish.where for wish in wishes if wish.service == dropped[0]),
        hint=f"{which}; or lower what they ask for (`memory:`, `activations:`, fewer versions).",
    )


def _too_small(placed: Placed) -> Iterator[TfdeployError]:
    need, wish = placed.wish.need, placed.wish
    if need is not None and need.weights_bytes > placed.share_bytes:
        yield TfdeployError(
            "TFD309",
            f"The models of '{wish.service}' have {size(need.weights_bytes)} of weights, and its "
            f"share of GPU {placed.unit.id} is {size(placed.share_bytes)}.",
            where=wish.where,
            hint="give it a larger share, fewer versions or fewer models.",
        )


def _warnings(plan: SharePlan) -> Iterator[TfdeployError]:
    for placed in plan.placed:
        yield from _tight(placed)
        if placed.wish.growth:
            yield _growing(placed)
    for unit in plan.units:
        yield from _others(plan, unit)


def _tight(placed: Placed) -> Iterator[TfdeployError]:
    need, wish, share = placed.wish.need, placed.wish, placed.share_bytes
    if need is None or need.weights_bytes > share:
        return
    if need.steady_bytes > share:
        yield TfdeployError(
            "TFD309",
            f"'{wish.service}' may run out of memory: {size(need.weights_bytes)} of weights and "
            f"{size(need.activation_bytes)} of activations ({need.activations_are}) are more than "
            f"its share of {size(share)}.",
            where=wish.where,
            hint="give it a larger share, or measure with `tfdeploy gpu profile MODEL`.",
        )
    elif need.peak_bytes > share and not wish.replaces:
        yield change_too_large(wish.service, need.peak_bytes, share, wish.where)


def change_too_large(service: str, peak_bytes: int, share_bytes: int, where: str) -> TfdeployError:
    """TFD310: old and new version together are more than the share."""
    return TfdeployError(
        "TFD310",
        f"A version change on '{service}' needs {size(peak_bytes)}, for old and new are in memory "
        f"at once; its share is {size(share_bytes)}.",
        where=where,
        hint="give it a larger share; or write `strategy: recreate` and pin the versions: `up` "
        "then stops the server before the new version loads, and nobody answers meanwhile.",
    )


def _growing(placed: Placed) -> TfdeployError:
    return TfdeployError(
        "TFD312",
        f"'{placed.wish.service}' takes its share of GPU {placed.unit.id} bit by bit "
        "(growth: true): another program can take it first, and requests fail then.",
        where=placed.wish.where,
        hint="leave `growth:` out: the share is taken at the start, or the start fails.",
    )


def _others(plan: SharePlan, unit: Unit) -> Iterator[TfdeployError]:
    others = [one for one in unit.processes if "tensorflow_model_server" not in one.name]
    held = sum(one.memory_bytes for one in others)
    if held and plan.on(unit) and held > plan.free_bytes(unit) + unit.reserve_bytes:
        named = ", ".join(f"{one.name or 'pid'} {one.pid}" for one in others[:3])
        yield TfdeployError(
            "TFD311",
            f"Other programs hold {size(held)} of GPU {unit.id} ({named}), and the plan leaves "
            f"{size(max(0, plan.free_bytes(unit)))}.",
            where=f"GPU {unit.id}",
            hint="end them before `up`, or lower the shares; `tfdeploy gpu list` shows them.",
        )
