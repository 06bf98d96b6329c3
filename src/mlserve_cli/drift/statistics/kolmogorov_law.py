"""The law of the one-sample Kolmogorov-Smirnov statistic, for any number of rows.

R. Simard, P. L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov distribution", Journal of
Statistical Software 39 (11), 2011: which formula holds where. Tested against `scipy.stats.kstwo`.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.statistics import binomial

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FEW_ROWS = 140
# Largest `rows * d**2` for which both sides of the band matter, for few rows and for many.
_TWO_SIDED_FEW = 4.0
_TWO_SIDED_MANY = 2.2
_SUMMANDS = 4096
_RESCALE = 2.0**128


def tail(d: float, rows: int) -> float:
    """Probability that an empirical distribution function is at least `d` off the true one.

    Args:
        d: From 0 to 1.
        rows: At least one.
    """
    if d >= 1:
        return 0.0
    if rows * d <= 0.5:
        return 1.0
    few = rows <= _FEW_ROWS
    if d >= 0.5 or rows * d * d > (_TWO_SIDED_FEW if few else _TWO_SIDED_MANY):
        return min(1.0, 2 * one_sided(d, rows))
    if few or (rows <= 100_000 and rows * d**1.5 <= 1.4):
        return max(0.0, 1 - _durbin(d, rows))
    return min(1.0, max(0.0, 1 - _pelz_good(d, rows)))


def one_sided(d: float, rows: int) -> float:
    """Probability that an empirical distribution function exceeds the true one by `d` somewhere.

    Smirnov's sum, written with binomial probabilities so that it neither overflows nor cancels. Of
    many rows every n-th summand will do: they are a smooth bump that vanishes at both ends, for
    which such a sum is right to the last digits.
    """
    stride = max(1, rows // _SUMMANDS)
    hits = np.arange(0, rows, stride, dtype=np.float64)
    chance = d + hits / rows
    hits, chance = hits[chance < 1], chance[chance < 1]
    summands = binomial.probability(hits, rows, chance) / chance
    return float(d * stride * summands.sum())


def _durbin(d: float, rows: int) -> float:
    """Probability of less than `d`: Durbin's matrix, raised to the power of the rows.

    G. Marsaglia, W. W. Tsang, J. Wang, Journal of Statistical Software 8 (18), 2003.
    """
    middle = math.ceil(rows * d)
    part = middle - rows * d
    size = 2 * middle - 1
    inverse_factorials = np.cumprod(1 / np.arange(1.0, size + 1))
    edge = (1 - part ** np.arange(1.0, size + 1)) * inverse_factorials
    corner = 1 - 2 * part**size + max(2 * part - 1, 0.0) ** size
    edge[-1] = corner * inverse_factorials[-1]
    offset = np.subtract.outer(np.arange(size), np.arange(size)) + 1
    matrix = np.where(offset < 0, 0.0, np.concatenate([[1.0], inverse_factorials])[offset])
    matrix[:, 0] = edge
    matrix[-1] = edge[::-1]
    mantissa, exponent = _power(matrix, rows, middle - 1)
    for row in range(1, rows + 1):
        mantissa *= row / rows
        if mantissa < 1 / _RESCALE:
            mantissa *= _RESCALE
            exponent -= 1
    return mantissa * _RESCALE**exponent


def _power(matrix: "NDArray[np.float64]", exponent: int, place: int) -> tuple[float, int]:
    """The element `(place, place)` of a power, and how often it was divided by `_RESCALE`."""
    product, product_scale, scale = np.eye(len(matrix)), 0, 0
    while exponent:
        if exponent % 2:
            product = product @ matrix
            product_scale += scale
        matrix = matrix @ matrix
        scale *= 2
        if matrix[place, place] > _RESCALE:
            matrix /= _RESCALE
            scale += 1
        exponent //= 2
    return float(product[place, place]), product_scale


def _pelz_good(d: float, rows: int) -> float:
    """Probability of less than `d`, for many rows: four terms in powers of `rows**-0.5`.

    W. Pelz, I. J. Good, Journal of the Royal Statistical Society B 38, 1976.
    """
    z = math.sqrt(rows) * d
    pi2, z2 = math.pi**2, z * z
    odd = 2 * np.arange(math.ceil(16 * z / math.pi), dtype=np.float64) + 1
    half = odd * odd * pi2 / 4
    full = np.arange(1, len(odd) + 1, dtype=np.float64) ** 2 * pi2
    at_half = np.exp(-half / (2 * z2))
    at_full = np.exp(-full / (2 * z2))
    order_1 = (half - z2) * at_half
    order_2 = (
        6 * z2**3 + 2 * z2**2 + (2 * z2**2 - 5 * z2) * half + (1 - 2 * z2) * half**2
    ) * at_half
    order_3 = (
        -30 * z2**3
        - 90 * z2**4
        + (135 * z2**2 - 96 * z2**3) * half
        + (212 * z2**2 - 60 * z2) * half**2
        + (5 - 30 * z2) * half**3
    ) * at_half
    root = math.sqrt(2 * math.pi)
    terms = (
        root / z * at_half.sum(),
        root / (6 * z**4) * order_1.sum(),
        root / (72 * z**7) * order_2.sum() - root / (36 * z**3) * (full * at_full).sum(),
        root / (6480 * z**10) * order_3.sum()
        + root / (216 * z**6) * ((3 * z2 - full) * full * at_full).sum(),
    )
    return math.fsum(float(term) / rows ** (power / 2) for power, term in enumerate(terms))
