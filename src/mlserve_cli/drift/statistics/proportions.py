"""Shares of rows: are two alike, and how large may one be?"""

import math
from dataclasses import dataclass

import numpy as np

from mlserve_cli.drift.statistics import binomial, hypergeometric

# Above this in every margin the normal law is as good as the exact one, which takes longer.
_LARGE = 10_000
# Square roots of the successes below which what is left out of a tail is below the last digit.
_REACH = 12
_MOST_STEPS, _CLOSE = 100, 1e-14


@dataclass(frozen=True, slots=True)
class Proportions:
    """Outcome of a test of two proportions.

    Attributes:
        z: The difference in units of its standard error without a difference; 0 where neither
            share could differ from the other.
        p_value: Two-sided.
        difference: Share in the current sample minus that in the reference, from -1 to 1; 0 where
            one of them has no rows.
    """

    z: float
    p_value: float
    difference: float


def two_proportions(
    reference_successes: int, reference_rows: int, current_successes: int, current_rows: int
) -> Proportions:
    """Tests whether two samples share one proportion, for example of missing values.

    The p-value is Fisher's exact one, or where all rows, successes and failures are more than
    10,000 that of the normal law with the pooled share. Empty samples give a p-value of 1.
    """
    successes = reference_successes + current_successes
    rows = reference_rows + current_rows
    if not reference_rows or not current_rows:
        return Proportions(0.0, 1.0, 0.0)
    difference = current_successes / current_rows - reference_successes / reference_rows
    share = successes / rows
    variance = share * (1 - share) * (1 / reference_rows + 1 / current_rows)
    z = difference / math.sqrt(variance) if variance > 0 else 0.0
    if min(successes, rows - successes, reference_rows, current_rows) > _LARGE:
        return Proportions(z, math.erfc(abs(z) / math.sqrt(2)), difference)
    table = [
        [reference_successes, reference_rows - reference_successes],
        [current_successes, current_rows - current_successes],
    ]
    return Proportions(z, hypergeometric.exact_p(table), difference)


def interval(successes: int, rows: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided interval of a proportion that covers it with at least `confidence`.

    C. J. Clopper, E. S. Pearson, Biometrika 26, 1934. Tested against `scipy.stats.binomtest`.
    """
    one_sided = (1 + confidence) / 2
    upper = upper_bound(successes, rows, one_sided)
    return 1 - upper_bound(rows - successes, rows, one_sided), upper


def upper_bound(successes: int, rows: int, confidence: float = 0.95) -> float:
    """One-sided Clopper-Pearson bound of a proportion from above; 1 where nothing is known.

    Tested against `scipy.special.betaincinv`.

    Args:
        successes: From 0 to `rows`.
        rows: From 0.
        confidence: Probability, at least, that the true proportion lies below; from 0.5 on.
    """
    if successes == rows:
        return 1.0
    if successes == 0:
        return -math.expm1(math.log1p(-confidence) / rows)
    return _share_with_tail(successes, rows, 1 - confidence)


def _share_with_tail(successes: int, rows: int, tail: float) -> float:
    """The share with which that many successes or fewer have the probability `tail`.

    By Newton's method on the logarithm, between bounds that are known; `scipy.special.betaincinv`
    does it as well, but to import it takes a server 28 MB.
    """
    low, high = successes / rows, 1.0
    spread = math.sqrt(successes + 1) / rows
    share = min(low + 2 * spread, (low + high) / 2)
    for _ in range(_MOST_STEPS):
        own = float(binomial.probability(successes, rows, share))
        found = own * _tail_ratio(successes, rows, share)
        low, high = (share, high) if found > tail else (low, share)
        slope = (rows - successes) / (1 - share) * own
        # Far off, the probability may be none at all.
        step = math.log(found / tail) * found / slope if found and slope else 0.0
        before, share = share, share + step
        if not low < share < high:
            share = (low + high) / 2
        if abs(share - before) <= _CLOSE * share:
            break
    return share


def _tail_ratio(successes: int, rows: int, share: float) -> float:
    """Probability of that many successes or fewer, in units of that of exactly so many."""
    fewer = np.arange(min(successes, int(_REACH * math.sqrt(successes)) + _REACH), dtype=np.float64)
    ratios = (successes - fewer) / (rows - successes + fewer + 1) * ((1 - share) / share)
    return 1.0 + float(np.multiply.accumulate(ratios).sum())
