"""The two-sample Kolmogorov-Smirnov test.

N. V. Smirnov, "On the estimation of the discrepancy between empirical curves of distribution for
two independent samples", Bulletin of Moscow University 2, 1939. Tested against
`scipy.stats.ks_2samp`.
"""

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.statistics import kolmogorov_law, lattice_paths

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Up to here, on both sides, the law is computed exactly; the limit is scipy's.
EXACT_ROWS = 10_000
# Of samples larger than this, probabilities below 1e-14 are not worth the time of exact counting.
# The two laws differ there by a few percent at first, and by more the less it matters.
_LARGE_ROWS = 1_000
_NEGLIGIBLE = 16.0
# By simulation: shifts of 0.05 to 0.2 standard deviations, and mixtures, at alpha 0.01 and 0.0001.
_NEIGHBOURS = 0.42


def statistic(
    reference_sorted: "NDArray[np.generic]", current_sorted: "NDArray[np.generic]"
) -> float:
    """Largest distance of two empirical distribution functions, D, from 0 to 1; exact with ties.

    Args:
        reference_sorted: Ascending values without NaN, shape `(reference rows,)`, at least one.
        current_sorted: The same of the other sample.
    """
    pooled = np.concatenate([reference_sorted, current_sorted])
    rows = len(reference_sorted), len(current_sorted)
    reference = np.searchsorted(reference_sorted, pooled, side="right")
    current = np.searchsorted(current_sorted, pooled, side="right")
    # Whole numbers keep the statistic exact to its last digit.
    return int(np.abs(reference * rows[1] - current * rows[0]).max()) / (rows[0] * rows[1])


def p_value(d: float, reference_rows: int, current_rows: int) -> float:
    """Probability that two samples of one distribution are at least `d` apart, from 0 to 1.

    Exact for distributions without ties where neither sample exceeds 10,000 rows, to an absolute
    error of 1e-14; with ties it is on the safe side. Beyond that, as in scipy, the law of the
    one-sample statistic for `reference_rows * current_rows / (reference_rows + current_rows)` rows.

    Args:
        d: The statistic, from 0 to 1.
        reference_rows: Values in the reference, at least one.
        current_rows: Values in the current sample, at least one.
    """
    effective = reference_rows * current_rows / (reference_rows + current_rows)
    tiny = effective * d * d > _NEGLIGIBLE and min(reference_rows, current_rows) > _LARGE_ROWS
    exact = max(reference_rows, current_rows) <= EXACT_ROWS
    if exact and (not tiny or reference_rows == current_rows):
        return lattice_paths.probability_outside(d, reference_rows, current_rows)
    return kolmogorov_law.tail(d, max(1, round(effective)))


def critical(reference_rows: int, current_rows: int, alpha: float) -> float:
    """The D from which a difference is significant at `alpha`: a threshold from the sizes alone.

    Of the asymptotic law, to six digits; it may differ from that of the exact law by a few percent.
    """
    rows = max(1, round(reference_rows * current_rows / (reference_rows + current_rows)))
    low, high = 0.0, 1.0
    while high - low > 1e-7:
        middle = (low + high) / 2
        if kolmogorov_law.tail(middle, rows) > alpha:
            low = middle
        else:
            high = middle
    return high


def smallest_detectable(
    reference_rows: int, current_rows: int, alpha: float, power: float = 0.8
) -> float:
    """Distance D of two distributions that this many rows show with probability `power`.

    With a power of 0.8 about the critical value of the test: what the sampling error takes away at
    the place of the largest distance, its neighbours give back. For shifts and mixtures; a distance
    at one place only, as between two rounded columns, takes up to 1.3 times as much.

    Args:
        reference_rows: Values in the reference, at least one.
        current_rows: Values in the current sample, at least one.
        alpha: Significance level of the test, between 0 and 1.
        power: Wanted probability of finding the difference, between 0.5 and 1.

    Returns:
        From 0 to 1, which says that no difference is sure to be found.
    """
    spread = math.sqrt(1 / reference_rows + 1 / current_rows)
    critical = math.sqrt(math.log(2 / alpha) / 2)
    return min(1.0, spread * (critical + NormalDist().inv_cdf(power) / 2 - _NEIGHBOURS))
