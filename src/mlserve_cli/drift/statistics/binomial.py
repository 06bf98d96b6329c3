"""Binomial and Poisson probabilities to nearly full precision, however small or numerous.

C. Loader, "Fast and accurate computation of binomial probabilities", 2000: differences of large
logarithms of factorials would lose the digits that this keeps. Tested against `scipy.stats.binom`
and exact fractions.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

# Below this Stirling's series is not exact to the last digit.
_SERIES_FROM = 16
# Terms beyond these fall below the last digit where two values are closer than a tenth.
_DEVIANCE_TERMS = 9


def _table(count: float) -> float:
    """What Stirling's formula lacks for `log(count!)`; for 0, where it fails, 0 by convention."""
    if count == 0:
        return 0.0
    formula = (count + 0.5) * math.log(count) - count + math.log(2 * math.pi) / 2
    return math.lgamma(count + 1) - formula


# For 0, 1/2, 1, 3/2 and so on.
_STIRLING_ERRORS = np.array([_table(half / 2) for half in range(2 * _SERIES_FROM)])


def probability(successes: "ArrayLike", trials: "ArrayLike", chance: "ArrayLike") -> "Array":
    """Probability of exactly that many successes, broadcast.

    Args:
        successes: Whole numbers from 0 to `trials`.
        trials: Whole numbers from 1.
        chance: Of success in one trial, above 0 and below 1.
    """
    hits = np.asarray(successes, np.float64)
    total = np.asarray(trials, np.float64)
    success = np.asarray(chance, np.float64)
    misses = total - hits
    error = _stirling_error(total) - _stirling_error(hits) - _stirling_error(misses)
    deviance = _deviance(hits, total * success) + _deviance(misses, total * (1 - success))
    # Where all trials went one way the power alone is left.
    mixed = (hits > 0) & (misses > 0)
    spread = np.where(mixed, 2 * math.pi * (hits * misses / total), 1.0)
    return np.exp(error - deviance) / np.sqrt(spread)


def weight(steps: "ArrayLike", others: "ArrayLike", chance: float) -> "Array":
    """Probability that a walk passes a point, broadcast.

    Args:
        steps: Steps of one kind that lead to the point, whole numbers from 0.
        others: Steps of the other kind.
        chance: Of a step of the first kind, above 0 and below 1.
    """
    total = np.asarray(steps, np.float64) + np.asarray(others, np.float64)
    return np.where(total > 0, probability(steps, np.maximum(total, 1), chance), 1.0)


def poisson(counts: "ArrayLike", expected: float) -> "Array":
    """`expected**counts * exp(-expected) / counts!`: Poisson probabilities of whole counts.

    Args:
        counts: Whole numbers and halves, from 0.
        expected: Above 0.
    """
    found = np.asarray(counts, np.float64)
    spread = np.where(found > 0, 2 * math.pi * found, 1.0)
    return np.exp(
        -_stirling_error(found) - _deviance(found, np.full_like(found, expected))
    ) / np.sqrt(spread)


def _stirling_error(counts: "Array") -> "Array":
    small = counts < _SERIES_FROM
    inverse = 1 / np.where(small, _SERIES_FROM, counts)
    square = inverse * inverse
    series = 1 / 1188 * square
    for coefficient in (1 / 1680, 1 / 1260, 1 / 360):
        series = (coefficient - series) * square
    table = _STIRLING_ERRORS[np.where(small, 2 * counts, 0).astype(np.intp)]
    return np.where(small, table, (1 / 12 - series) * inverse)


def _deviance(found: "Array", expected: "Array") -> "Array":
    """`found * log(found / expected) + expected - found`, without cancellation."""
    excess = found - expected
    ratio = excess / (found + expected)
    near = np.abs(ratio) < 0.1
    square = np.where(near, ratio, 0.0) ** 2
    series = np.zeros_like(square)
    for term in range(_DEVIANCE_TERMS, 0, -1):
        series = (series + 1 / (2 * term + 1)) * square
    close = excess * ratio + 2 * found * ratio * series
    safe = np.where(found > 0, found, 1.0)
    far = np.where(found > 0, found * np.log(safe / expected), 0.0) - excess
    return np.where(near, close, far)
