"""The upper tail of the chi-squared distribution, without the start-up time of `scipy.special`.

M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions", 1964, 26.4.4 and 26.4.5: for
whole degrees of freedom the tail is a finite sum. Tested against `scipy.stats.chi2`.
"""

import math

import numpy as np

from mlserve_cli.drift.statistics import binomial

# One degree of freedom, the extreme case, exceeds this with a probability of 1 to the last digit.
_NOTHING = 1e-40


def tail(statistic: float, degrees_of_freedom: int) -> float:
    """Probability that a chi-squared variable is at least `statistic`, from 0 to 1.

    Args:
        statistic: From 0 to infinity.
        degrees_of_freedom: A whole number from 0; with none the variable is 0.
    """
    if statistic > 0 and (degrees_of_freedom == 0 or math.isinf(statistic)):
        return 0.0
    if statistic < _NOTHING:
        return 1.0
    half = statistic / 2
    odd = degrees_of_freedom % 2 == 1
    orders = np.arange(0.5 if odd else 0.0, degrees_of_freedom / 2, 1.0)
    weights = binomial.poisson(orders, half)
    return min(1.0, float(weights.sum()) + (math.erfc(math.sqrt(half)) if odd else 0.0))
