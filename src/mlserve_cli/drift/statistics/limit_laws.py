"""Upper tails of the limit laws of the Cramer-von Mises and Anderson-Darling statistics.

Both are sums of squared normal variables divided by known numbers. N. V. Smirnov, "On the
distribution of the omega-squared criterion", Matematicheskii Sbornik 2, 1937, writes the tail of
such a sum as integrals between every other pair of those numbers, the first of which decides alone
where the tail is small: no digits are lost, however small it is. (The series of Anderson and
Darling, 1952, gives the lower tail.)
"""

import math

import numpy as np

# Below these values the laws hold less than 1e-17.
_CRAMER_VON_MISES_FROM = 0.003
_ANDERSON_DARLING_FROM = 0.03
_INTEGRALS = 40
_NODES = 64

# With the place between two of the numbers written as the sine of an angle, the integrand is smooth
# and periodic in the angle, so that equal steps are exact to the last digits.
_ANGLES = (np.arange(_NODES) + 0.5) * math.pi / _NODES - math.pi / 2
_PLACES = np.sin(_ANGLES)
_WEIGHTS = np.cos(_ANGLES) / np.sqrt(np.cos(_PLACES * math.pi / 2)) / _NODES
_ORDERS = 4.0 * np.arange(1, _INTEGRALS + 1)[:, None]
_SIGNS = 1.0 - 2.0 * (np.arange(_INTEGRALS)[:, None] % 2)


def cramer_von_mises(value: float) -> float:
    """Probability that the limit of the Cramer-von Mises statistic is at least `value`."""
    if value < _CRAMER_VON_MISES_FROM:
        return 1.0
    roots = (_ORDERS - 1 + _PLACES) * (math.pi / 2)
    integrands = _SIGNS * _WEIGHTS * np.exp(-value * roots**2 / 2) / np.sqrt(roots)
    return min(1.0, math.pi * float(integrands.sum()))


def anderson_darling(value: float) -> float:
    """Probability that the limit of the Anderson-Darling statistic is at least `value`."""
    if value < _ANDERSON_DARLING_FROM:
        return 1.0
    roots = _ORDERS + _PLACES
    numbers = (roots**2 - 1) / 4
    integrands = _SIGNS * _WEIGHTS * np.exp(-value * numbers / 2) * roots / np.sqrt(numbers)
    return min(1.0, math.sqrt(math.pi) / 2 * float(integrands.sum()))
