"""Doubles as whole numbers of the same order, in which neighbours differ by one."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIGN_BITS = 63
_MAGNITUDE = np.int64(0x7FFF_FFFF_FFFF_FFFF)


def to_keys(values: "NDArray[np.float64]") -> "NDArray[np.int64]":
    """The bits of each value read as a whole number, so that keys sort as values do.

    Bits of negative numbers fall as the numbers rise; they are turned round. Both zeros have the
    key 0.
    """
    # Adding 0 makes +0.0 of -0.0.
    bits = (values + 0.0).view(np.int64)
    flips = bits >> _SIGN_BITS
    flips &= _MAGNITUDE
    bits ^= flips
    return bits


def to_values(keys: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """The values of keys."""
    return (keys ^ ((keys >> _SIGN_BITS) & _MAGNITUDE)).view(np.float64)
