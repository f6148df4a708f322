"""Which service goes onto which device. Pure: numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SEARCH_BUDGET = 50_000
MOST_SEARCHED = 100


@dataclass(frozen=True)
class Item:
    """Something to place: what it needs on each device, None where it may not go."""

    name: str
    need: tuple[int | None, ...]

    @property
    def least(self) -> int:
        """The need on the device that asks for least."""
        return min((one for one in self.need if one is not None), default=0)


@dataclass(frozen=True)
class Packing:
    """What the search found.

    ``places`` is item → device, None where nothing was found; ``is_proven`` says whether the
    search came to its end: then nothing found means that there is nothing.
    """

    places: dict[str, int] | None
    is_proven: bool
    tried: int


def pack(
    items: Sequence[Item], capacities: Sequence[int], *, budget: int = SEARCH_BUDGET
) -> Packing:
    """Place every item on the fewest devices.

    Exact up to ``budget`` steps of the search; beyond it first-fit and best-fit decreasing are
    tried, and a miss proves nothing.
    """
    search = _Search(items, capacities, budget if len(items) <= MOST_SEARCHED else 0)
    for limit in range(1 if items else 0, len(capacities) + 1):
        if search.place(limit):
            return Packing(search.found(), True, search.tried)
        if search.is_spent:
            break
    if not items or not search.is_spent:
        return Packing({} if not items else None, True, search.tried)
    return Packing(_greedily(search.items, capacities), False, search.tried)


def spread(
    items: Sequence[Item], capacities: Sequence[int], *, budget: int = SEARCH_BUDGET
) -> Packing:
    """Place every item so that the fullest device is as empty as can be."""
    first = pack(items, capacities, budget=budget)
    if not first.places:
        return first
    search = _Spreading(items, capacities, budget if first.is_proven else 0, first.places)
    search.go()
    return Packing(search.best, search.tried < budget, first.tried + search.tried)


def _ordered(items: Sequence[Item]) -> list[Item]:
    """Those with one device first, then the largest: what is hardest to place fails soonest."""
    return sorted(items, key=lambda one: (sum(n is not None for n in one.need) > 1, -one.least))


def _classes(items: Sequence[Item], capacities: Sequence[int]) -> list[int]:
    """Devices that no item tells apart get the same number."""
    columns = [(c, tuple(item.need[n] for item in items)) for n, c in enumerate(capacities)]
    return [columns.index(one) for one in columns]


class _Search:
    """Depth first, larger items first, equal devices tried once, dead ends remembered."""

    def __init__(self, items: Sequence[Item], capacities: Sequence[int], budget: int) -> None:
        self.items = _ordered(items)
        self.tried = 0
        self._capacities = list(capacities)
        self._classes = _classes(self.items, capacities)
        self._budget = budget
        self._left = list(capacities)
        self._opened = [False] * len(capacities)
        self._at: list[int] = []
        self._dead: set[object] = set()
        sums = [0]
        for item in reversed(self.items):
            sums.append(sums[-1] + item.least)
        self._rest = sums[::-1]

    @property
    def is_spent(self) -> bool:
        """Whether the search was cut short."""
        return self.tried >= self._budget

    def found(self) -> dict[str, int]:
        """Item → device."""
        return {item.name: at for item, at in zip(self.items, self._at, strict=True)}

    def place(self, limit: int) -> bool:
        """Place all on at most ``limit`` devices."""
        self._dead.clear()
        return self._next(limit)

    def _next(self, limit: int) -> bool:
        number = len(self._at)
        if number == len(self.items):
            return True
        if self.is_spent or self._rest[number] > self._room(limit):
            return False
        state = (number, tuple(sorted(zip(self._classes, self._left, self._opened, strict=True))))
        if state in self._dead:
            return False
        self.tried += 1
        for device in self._candidates(self.items[number], limit):
            need = self.items[number].need[device] or 0
            was_open = self._opened[device]
            self._put(device, need, True)
            if self._next(limit):
                return True
            self._take(device, need, was_open)
        if not self.is_spent:
            self._dead.add(state)
        return False

    def _candidates(self, item: Item, limit: int) -> Iterator[int]:
        may_open = sum(self._opened) < limit
        seen = set()
        devices = sorted(range(len(self._left)), key=lambda n: not self._opened[n])
        for device in devices:
            need = item.need[device]
            if need is None or need > self._left[device]:
                continue
            if not self._opened[device] and not may_open:
                continue
            key = (self._classes[device], self._left[device], self._opened[device])
            if key not in seen:
                seen.add(key)
                yield device

    def _put(self, device: int, need: int, opened: bool) -> None:
        self._left[device] -= need
        self._opened[device] = opened
        self._at.append(device)

    def _take(self, device: int, need: int, was_open: bool) -> None:
        self._left[device] += need
        self._opened[device] = was_open
        self._at.pop()

    def _room(self, limit: int) -> int:
        """The most that can still be placed."""
        pairs = list(zip(self._left, self._opened, strict=True))
        closed = sorted((left for left, is_open in pairs if not is_open), reverse=True)
        more = max(0, limit - sum(self._opened))
        return sum(left for left, is_open in pairs if is_open) + sum(closed[:more])


class _Spreading:
    """Branch and bound on the load of the fullest device, as a part of what it has."""

    def __init__(
        self,
        items: Sequence[Item],
        capacities: Sequence[int],
        budget: int,
        first: dict[str, int],
    ) -> None:
        self._items = _ordered(items)
        self._capacities = capacities
        self._classes = _classes(self._items, capacities)
        self._budget = budget
        self._load = [0] * len(capacities)
        self._at: list[int] = []
        self.tried = 0
        self.best = first
        self._least = self._fullest(first)

    def _fullest(self, places: dict[str, int]) -> float:
        loads = [0] * len(self._capacities)
        for item in self._items:
            loads[places[item.name]] += item.need[places[item.name]] or 0
        pairs = zip(loads, self._capacities, strict=True)
        return max((_part(load, capacity) for load, capacity in pairs), default=0.0)

    def go(self) -> None:
        """Better placements until there is none, or the budget is spent."""
        if len(self._at) == len(self._items):
            self.best = {i.name: at for i, at in zip(self._items, self._at, strict=True)}
            self._least = self._fullest(self.best)
            return
        if self.tried >= self._budget:
            return
        self.tried += 1
        item = self._items[len(self._at)]
        for _, device in sorted(self._candidates(item)):
            need = item.need[device] or 0
            if _part(self._load[device] + need, self._capacities[device]) >= self._least:
                continue
            self._load[device] += need
            self._at.append(device)
            self.go()
            self._at.pop()
            self._load[device] -= need

    def _candidates(self, item: Item) -> Iterator[tuple[float, int]]:
        seen = set()
        for device, need in enumerate(item.need):
            key = (self._classes[device], self._load[device])
            if need is None or key in seen:
                continue
            if self._load[device] + need <= self._capacities[device]:
                seen.add(key)
                yield _part(self._load[device] + need, self._capacities[device]), device


def _part(load: int, capacity: int) -> float:
    """How full a device is; one that has nothing holds nothing."""
    return load / capacity if capacity else 0.0


def _greedily(items: Sequence[Item], capacities: Sequence[int]) -> dict[str, int] | None:
    """First-fit decreasing, then best-fit decreasing."""
    for is_best_fit in (False, True):
        left = list(capacities)
        places: dict[str, int] = {}
        for item in items:
            fits = [
                device
                for device, need in enumerate(item.need)
                if need is not None and need <= left[device]
            ]
            if not fits:
                break
            device = min(fits, key=lambda n: left[n]) if is_best_fit else fits[0]
            left[device] -= item.need[device] or 0
            places[item.name] = device
        else:
            return places
    return None
