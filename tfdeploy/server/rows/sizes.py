"""Sizes of dimensions: a number times symbols that stand for sizes not known before a request."""

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

_BATCH_SYMBOL: Final = 0
LARGEST: Final = 2**31
_symbols = itertools.count(1)


class Unproven(Exception):
    """An op's outputs can't be placed; the signature may still be proven without them."""


class Size(NamedTuple):
    """A product: a whole number and symbols, each of which has one value in all joined requests.

    The batch size is a symbol too, the one whose value joining changes.
    """

    factor: int
    symbols: tuple[int, ...] = ()

    @property
    def by_batch(self) -> bool:
        """The batch size is part of the product."""
        return bool(self.symbols) and self.symbols[0] == _BATCH_SYMBOL

    @property
    def number(self) -> int | None:
        """The value, where no symbol is left."""
        return None if self.symbols else self.factor

    def times(self, other: "Size") -> "Size":
        """The product.

        Raises:
            Unproven: it may not fit an int32, in which TensorFlow would have wrapped it.
        """
        factor = self.factor * other.factor
        if abs(factor) >= LARGEST:
            raise Unproven("too large")
        return Size(factor, tuple(sorted(self.symbols + other.symbols)) if factor else ())

    def over(self, other: "Size") -> "Size | None":
        """The exact quotient; None where it isn't known to be whole."""
        ours, theirs = Counter(self.symbols), Counter(other.symbols)
        if not other.factor or self.factor % other.factor or theirs - ours:
            return None
        return Size(self.factor // other.factor, tuple(sorted((ours - theirs).elements())))


Shape = tuple[Size, ...]

ONE: Final = Size(1)
ZERO: Final = Size(0)
BATCH: Final = Size(1, (_BATCH_SYMBOL,))
ANY: Final = Size(-1)


def fresh() -> Size:
    """A size that nothing is known of."""
    return Size(1, (next(_symbols),))


def product(sizes: Iterable[Size]) -> Size:
    """The product of all.

    Raises:
        Unproven: it may not fit an int32.
    """
    total = ONE
    for size in sizes:
        total = total.times(size)
    return total
