"""Digits of a double by Grisu2, which are few but not always the fewest, nor always the nearest.

RapidJSON 1.1.0 prints doubles with them, and the original echoes JSON values in error messages
that way. Algorithm: Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with
Integers" (PLDI 2010), sections 5 and 6. What is peculiar to RapidJSON (internal/dtoa.h, diyfp.h):
powers of ten eight decades apart, and no rounding towards the value once nine digits stand
behind the point of the scaled number, so that 2^64 ends in ...553000 and not in ...552000.
"""

import functools
import math
import struct
from typing import NamedTuple

_DOUBLE = struct.Struct("<d")
_BITS = struct.Struct("<Q")
_WORD = 64
_MASK = 2**_WORD - 1
_HIDDEN = 1 << 52
_EXPONENT_BIAS = 1075
_DECADES = 8
_LEAST_POWER = -348
# A scaled number keeps its binary exponent at -60 or above, so its integer part fits 32 bits.
_SCALED_EXPONENT = -61
_MOST_ROUNDED_DIGITS = 9


class _Float(NamedTuple):
    """`significand * 2**exponent`, the paper's "do-it-yourself floating point"."""

    significand: int
    exponent: int

    def normalized(self) -> "_Float":
        shift = _WORD - self.significand.bit_length()
        return _Float(self.significand << shift, self.exponent - shift)

    def times(self, other: "_Float") -> "_Float":
        product = self.significand * other.significand
        rounded = (product + (1 << (_WORD - 1))) >> _WORD
        return _Float(rounded, self.exponent + other.exponent + _WORD)


def _split(value: float) -> _Float:
    (bits,) = _BITS.unpack(_DOUBLE.pack(value))
    exponent, fraction = divmod(bits, _HIDDEN)
    if exponent == 0:  # a denormal: no hidden bit
        return _Float(fraction, 1 - _EXPONENT_BIAS)
    return _Float(fraction + _HIDDEN, exponent - _EXPONENT_BIAS)


@functools.cache
def _power_of_ten(exponent: int) -> _Float:
    """`10**exponent`, rounded to 64 bits."""
    if exponent >= 0:
        number, binary = 10**exponent, 0
    else:
        # Twice the bits that are needed, so that the rounding below is right.
        binary = -(2 * _WORD + (10**-exponent).bit_length())
        number = (1 << -binary) // 10**-exponent
    shift = number.bit_length() - _WORD
    if shift <= 0:
        return _Float(number << -shift, binary + shift)
    return _Float((number + (1 << (shift - 1))) >> shift, binary + shift)


def _boundaries(value: _Float) -> tuple[_Float, _Float]:
    """Half way to the neighbours below and above, with one exponent."""
    above = _Float(2 * value.significand + 1, value.exponent - 1).normalized()
    if value.significand == _HIDDEN:  # the neighbour below is only half as far away
        below = _Float(4 * value.significand - 1, value.exponent - 2)
    else:
        below = _Float(2 * value.significand - 1, value.exponent - 1)
    shift = below.exponent - above.exponent
    return _Float(below.significand << shift, above.exponent), above


def _scale_for(exponent: int) -> int:
    """The power of ten that brings a number with this binary exponent into reach."""
    least = math.ceil((_SCALED_EXPONENT - exponent) * math.log10(2)) - _LEAST_POWER - 1
    return _LEAST_POWER + _DECADES * (least // _DECADES + 1)


def _round(last: int, delta: int, rest: int, unit: int, distance: int) -> int:
    """The last digit, lowered while that brings the digits nearer to the value."""
    while (
        rest < distance
        and delta - rest >= unit
        and (rest + unit < distance or distance - rest > rest + unit - distance)
    ):
        last -= 1
        rest += unit
    return last


def _generate(value: _Float, above: _Float, delta: int) -> tuple[list[int], int]:
    """Digits of `above`, until what is left out is less than `delta`; and their exponent."""
    point = -above.exponent
    one = 1 << point
    distance = above.significand - value.significand
    whole, fraction = above.significand >> point, above.significand & (one - 1)
    digits: list[int] = []
    for position in range(len(str(whole)) - 1, -1, -1):
        digit, whole = divmod(whole, 10**position)
        digits.append(digit)
        rest = (whole << point) + fraction
        if rest <= delta:
            digits[-1] = _round(digit, delta, rest, 10**position << point, distance)
            return digits, position
    position = 0
    while True:
        fraction, delta = fraction * 10, delta * 10
        digit, fraction = fraction >> point, fraction & (one - 1)
        digits.append(digit)
        position -= 1
        if fraction < delta:
            rounds = -position < _MOST_ROUNDED_DIGITS
            scaled = distance * 10**-position & _MASK if rounds else 0
            digits[-1] = _round(digit, delta, fraction, one, scaled)
            return digits, position


def shortest_digits(value: float) -> tuple[str, int]:
    """Decimal digits that read back as the same double.

    Args:
        value: Positive and finite.

    Returns:
        Digits without leading zeros, and the power of ten that the last one counts.
    """
    number = _split(value)
    below, above = _boundaries(number)
    scale = _scale_for(above.exponent)
    power = _power_of_ten(scale)
    upper, lower = above.times(power), below.times(power)
    # The products are off by at most one unit: the interval shrinks by that much on both sides.
    inside = _Float(upper.significand - 1, upper.exponent)
    delta = inside.significand - (lower.significand + 1)
    digits, exponent = _generate(number.normalized().times(power), inside, delta)
    return "".join(map(str, digits)), exponent - scale
