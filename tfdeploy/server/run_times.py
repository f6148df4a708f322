"""What runs take: learnt by the size of their inputs, and estimated from it.

Times are kept by the number of bits in the inputs' size in bytes.
"""

from typing import Final

_LONGEST_JOINED_SECONDS: Final = 0.002
# Other programs make a run slower now and then, and nothing makes it faster than it is.
_FASTER_SHARE: Final = 0.5
_SLOWER_SHARE: Final = 0.05
_UNKNOWN_SECONDS: Final = 1.0
_MOST_DOUBLINGS: Final = 3
_MOST_JOINED_ROWS: Final = 64


def estimate_seconds(seconds: dict[int, float], nbytes: int) -> float:
    """What a run will take, from runs of its size class, or of smaller ones as an upper bound.

    Args:
        seconds: Measured, by the number of bits in the inputs' size.
        nbytes: Size of the inputs.
    """
    bits = nbytes.bit_length()
    for fewer in range(_MOST_DOUBLINGS + 1):
        known = seconds.get(bits - fewer)
        if known is not None:
            return max(known * 2.0**fewer, 1e-6)
    return _UNKNOWN_SECONDS


def learn(seconds: dict[int, float], nbytes: int, measured: float) -> None:
    """A run of inputs of that size took so long."""
    bits = nbytes.bit_length()
    before = seconds.get(bits, measured)
    share = _FASTER_SHARE if measured < before else _SLOWER_SHARE
    seconds[bits] = before + (measured - before) * share


def bound(seconds: dict[int, float], nbytes: int, measured: float) -> None:
    """A request alone takes no longer than together with others.

    Where clients come many at a time it would never run alone, and stay unknown, or what its first,
    slow runs took.
    """
    bits = nbytes.bit_length()
    seconds[bits] = min(seconds.get(bits, measured), measured)


def fitting_rows(known: dict[int, float], nbytes: int, rows: int, seconds: float) -> int:
    """How many rows may run as one, so that others needn't wait long.

    As many as take that long in proportion to the first ones' `seconds`; mostly more do, because a
    run has its price whatever its size.

    Args:
        known: As for `estimate_seconds`.
        nbytes: Size of the inputs of the first ones.
        rows: How many rows those have; 0 for what runs alone.
        seconds: What a run of them takes.
    """
    if not rows:
        return _MOST_JOINED_ROWS
    in_proportion = int(_LONGEST_JOINED_SECONDS / seconds * rows)
    most = _MOST_JOINED_ROWS
    while most > in_proportion:
        if estimate_seconds(known, nbytes * most // rows) < _LONGEST_JOINED_SECONDS:
            return most
        most //= 2
    return min(in_proportion, _MOST_JOINED_ROWS)
